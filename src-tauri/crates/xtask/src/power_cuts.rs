//! `cargo xtask power-cuts`: what a power cut leaves, which killing a process cannot show.
//!
//! Destination, index and spool lie on a file system in a loop device, whose file holds just what that file system has
//! written: a copy of it, made while a backup runs or right after one has said that it is done, is the disk after a power
//! cut. The copy is checked, mounted and gone on with. Whatever a run had reported before the cut must restore.
//!
//! Needs Linux, root and loop devices. Cuts take turns between a file system with a journal and one without.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::project::Project;
use crate::random::Random;
use crate::run::{cargo, output, run as execute};

/// Cuts when nothing else is asked for.
const CUTS: u64 = 200;
/// Bytes of the disk.
const DISK: u64 = 96 << 20;
/// Files of the source that change before each run, and the most bytes of each.
const CHANGES: u64 = 4;
const MOST_BYTES: u64 = 1 << 20;
/// Versions that the runs keep: more than cuts within runs, whose versions count as well, follow each other.
const KEPT: &str = "--keep-versions=8";
/// Runs after which what nobody needs is deleted at once.
const RUNS_BETWEEN_COMPACTIONS: u64 = 5;

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let (mut cuts, mut seed) = (CUTS, 1);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next().and_then(|text| text.parse().ok());
        match (*argument, value) {
            ("--cuts", Some(value)) => cuts = value,
            ("--seed", Some(value)) => seed = value,
            (other, _) => bail!("`{other}` is not understood; try --cuts N or --seed N"),
        }
    }
    execute(cargo(project).args(["build", "--release", "-p", "coffer-cli"]))?;
    for (number, kind) in ["ext4", "ext2"].into_iter().enumerate() {
        let folder = project.fresh_folder("power-cuts")?;
        let mut computer = Computer::new(project, &folder, kind, seed + number as u64)?;
        let (confirmed, during) = computer.all(cuts / 2)?;
        drop(computer);
        fs::remove_dir_all(&folder)?;
        println!(
            "{kind}: {} cuts, {confirmed} right after a run, {during} within one; nothing that was confirmed is lost",
            cuts / 2
        );
    }
    Ok(())
}

/// A computer whose disk loses its power.
struct Computer {
    coffer: PathBuf,
    folder: PathBuf,
    kind: &'static str,
    random: Random,
    /// How long a run takes that nobody cuts.
    usual: Duration,
}

impl Drop for Computer {
    fn drop(&mut self) {
        // Whatever failed before; a disk that is not mounted is as good.
        let _ = self.unmount();
    }
}

impl Computer {
    fn new(project: &Project, folder: &Path, kind: &'static str, seed: u64) -> Result<Self> {
        let computer = Self {
            coffer: project.root.join("target/release/coffer"),
            folder: folder.to_owned(),
            kind,
            random: Random::new(seed),
            usual: Duration::from_millis(300),
        };
        for name in ["disk", "source", "model", "restored"] {
            fs::create_dir_all(folder.join(name))?;
        }
        fs::File::create(computer.image())?.set_len(DISK)?;
        let program = format!("mkfs.{kind}");
        execute(
            Command::new(program)
                .arg("-q")
                .arg("-F")
                .arg(computer.image()),
        )?;
        computer.mount()?;
        Ok(computer)
    }

    fn image(&self) -> PathBuf {
        self.folder.join("image")
    }

    fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn mount(&self) -> Result<()> {
        let mut mount = Command::new("mount");
        execute(
            mount
                .args(["-o", "loop"])
                .arg(self.image())
                .arg(self.disk()),
        )
        .context("Power cuts need root and loop devices")
    }

    fn unmount(&self) -> Result<()> {
        execute(Command::new("umount").arg(self.disk()))
    }

    fn coffer(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.coffer);
        command
            .args(arguments)
            .args(["--no-encryption", "--no-progress"])
            .env("COFFER_CACHE_DIR", self.disk().join("cache"))
            .env("COFFER_DATA_DIR", self.disk().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn destination(&self) -> String {
        self.disk().join("backup").display().to_string()
    }

    /// Returns how many cuts came right after a run that had ended well, and how many within one.
    fn all(&mut self, cuts: u64) -> Result<(u64, u64)> {
        let (mut confirmed, mut during) = (0, 0);
        let mut last_good = None;
        for cut in 0..cuts {
            self.change_source(cut)?;
            let is_done = self.back_up_and_cut(cut)?;
            if is_done {
                confirmed += 1;
                last_good = Some(cut);
                self.remember()?;
            } else {
                during += 1;
            }
            self.power_on()
                .with_context(|| format!("after cut {cut}"))?;
            if let Some(good) = last_good {
                self.check(good)
                    .with_context(|| format!("after cut {cut}"))?;
            }
            if cut % RUNS_BETWEEN_COMPACTIONS == RUNS_BETWEEN_COMPACTIONS - 1 {
                let destination = self.destination();
                let arguments = [
                    "compact",
                    &destination,
                    "--now",
                    "--threshold=5",
                    "--dblock-size=1mb",
                ];
                let status = self.coffer(&arguments).status()?;
                ensure!(
                    matches!(status.code(), Some(0 | 100))
                        && (last_good.is_none() || status.success()),
                    "compacting failed after cut {cut}: {status}"
                );
            }
        }
        Ok((confirmed, during))
    }

    fn change_source(&mut self, cut: u64) -> Result<()> {
        let source = self.folder.join("source");
        for _ in 0..CHANGES {
            let name = format!("file {}", self.random.next() % 12);
            let len = self.random.next() % MOST_BYTES;
            let mut content = Vec::with_capacity(len as usize + 8);
            while (content.len() as u64) < len {
                content.extend(self.random.next().to_le_bytes());
            }
            fs::write(source.join(name), content)?;
        }
        // Tells versions apart.
        fs::write(source.join("mark"), cut.to_string())?;
        Ok(())
    }

    /// Runs a backup and copies the disk while it runs, or at once when it is done. Returns whether it had ended well.
    fn back_up_and_cut(&mut self, cut: u64) -> Result<bool> {
        let source = self.folder.join("source").display().to_string();
        let destination = self.destination();
        let arguments = [
            "backup",
            &destination,
            &source,
            "--blocksize=16kb",
            "--dblock-size=1mb",
            KEPT,
        ];
        let mut child = self.coffer(&arguments).spawn()?;
        let start = Instant::now();
        // One in three is let go to its end.
        let moment = self.usual.mul_f64(self.random.unit() * 1.5);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if start.elapsed() >= moment {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(Duration::from_millis(1));
        };
        fs::copy(self.image(), self.folder.join("after"))?;
        let Some(status) = status else {
            return Ok(false);
        };
        ensure!(
            matches!(status.code(), Some(0..=2)),
            "the backup of cut {cut} failed: {status}"
        );
        self.usual = (self.usual * 3 + start.elapsed()) / 4;
        Ok(true)
    }

    /// Keeps what the source holds now.
    fn remember(&self) -> Result<()> {
        let model = self.folder.join("model");
        fs::remove_dir_all(&model)?;
        fs::create_dir(&model)?;
        for file in fs::read_dir(self.folder.join("source"))? {
            let file = file?;
            fs::copy(file.path(), model.join(file.file_name()))?;
        }
        Ok(())
    }

    /// Goes on with the copy, after the check that a system makes when it starts.
    fn power_on(&self) -> Result<()> {
        self.unmount()?;
        fs::rename(self.folder.join("after"), self.image())?;
        let program = format!("fsck.{}", self.kind);
        let checked = Command::new(program)
            .args(["-f", "-y"])
            .arg(self.image())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        // 1 and 2: something was mended.
        ensure!(
            matches!(checked.code(), Some(0..=2)),
            "the file system cannot be mended: {checked}"
        );
        self.mount()
    }

    /// The version that was reported last restores as it was, and nothing is damaged.
    fn check(&self, good: u64) -> Result<()> {
        let destination = self.destination();
        let mut found = None;
        for version in 0..9 {
            let restored = self.folder.join("restored");
            fs::remove_dir_all(&restored)?;
            let into = format!("--restore-path={}", restored.display());
            let number = format!("--version={version}");
            let run = self
                .coffer(&["restore", &destination, &into, &number])
                .stderr(Stdio::piped())
                .output()?;
            let told = String::from_utf8_lossy(&run.stderr);
            fs::create_dir_all(&restored)?;
            let mark = fs::read_to_string(restored.join("mark")).unwrap_or_default();
            if mark == good.to_string() {
                // An older version whose deletion the index lost in the cut may be told; nothing else may.
                let mut warnings = told.lines().filter(|line| line.starts_with("Warning:"));
                ensure!(
                    run.status.success()
                        || run.status.code() == Some(2)
                            && warnings.all(|line| line.contains("was there and is gone")),
                    "version {version} does not restore: {}\n{told}",
                    run.status
                );
                found = Some(restored);
                break;
            }
        }
        let restored = found.with_context(|| format!("the version of run {good} is gone"))?;
        let differences = output(
            Command::new("diff")
                .args(["-rq", "--no-dereference"])
                .arg(self.folder.join("model"))
                .arg(&restored),
        )?;
        ensure!(
            differences.is_empty(),
            "restored differently:\n{differences}"
        );
        let tested = self
            .coffer(&["test", &destination, "all"])
            .stdout(Stdio::piped())
            .output()?;
        // A dblock whose dindex the cut kept from coming is a leftover; anything else is damage.
        let told = String::from_utf8_lossy(&tested.stdout);
        let damaged: Vec<&str> = told
            .lines()
            .filter(|line| line.contains('\t') && !line.contains("no index volume describes it"))
            .collect();
        ensure!(
            damaged.is_empty() && matches!(tested.status.code(), Some(0 | 2 | 3)),
            "volumes are damaged: {}\n{told}",
            tested.status
        );
        Ok(())
    }
}
