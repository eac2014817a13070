//! `cargo xtask power-cuts`: what a power cut leaves, which killing a process cannot show.
//!
//! Destination, index and spool lie on a file system in a loop device, whose file holds just what that file system has
//! written: a copy of it, made while a backup runs or right after one has said that it is done, is the disk after a power
//! cut. The copy is checked, mounted and gone on with. Whatever a run had reported before the cut must restore, and every
//! version that is there must be what its sources were.
//!
//! Needs Linux, root and loop devices. Half of the cuts come on ext4, where a sync brings everything to the disk that was
//! renamed or deleted before, and half on btrfs, where it brings that one file. A file system with neither journal nor
//! copies, as ext2, is of no use here: its check after a cut writes into files that were synced, when they got the space
//! of others whose deletion was not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::random::Random;
use xtask::project::Project;
use xtask::run::{cargo, run as execute};
use xtask::setup;

/// Cuts when nothing else is asked for.
const CUTS: u64 = 200;
const FILE_SYSTEMS: [FileSystem; 2] = [
    FileSystem {
        name: "ext4",
        format: &["-q", "-F"],
        check: Some(&["fsck.ext4", "-f", "-y"]),
    },
    FileSystem {
        name: "btrfs",
        // Small disks have data and metadata in one.
        format: &["-q", "-f", "--mixed"],
        // Mounting is enough.
        check: None,
    },
];

/// Bytes of the disk.
const DISK: u64 = 128 << 20;
/// Files of the source that change before each run, and the most bytes of each.
const CHANGES: u64 = 4;
const MOST_BYTES: u64 = 1 << 20;
/// Versions that the runs keep. Those count that a run made which was cut before it could say so.
const KEPT: usize = 3;
/// Runs after which unneeded volumes are deleted at once.
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
    setup::packages_for_power_cuts()?;
    for (number, kind) in FILE_SYSTEMS.iter().enumerate() {
        let folder = project.fresh_folder("power-cuts")?;
        let mut computer = Computer::new(project, &folder, kind, seed + number as u64)?;
        let (confirmed, during) = computer.all(cuts / 2)?;
        drop(computer);
        fs::remove_dir_all(&folder)?;
        println!(
            "{}: {} cuts, {confirmed} right after a run, {during} within one; nothing that was confirmed is lost",
            kind.name,
            cuts / 2
        );
    }
    Ok(())
}

struct FileSystem {
    name: &'static str,
    /// Options of `mkfs`.
    format: &'static [&'static str],
    /// What a system runs when it starts after a cut; 1 and 2 mean that something was repaired.
    check: Option<&'static [&'static str]>,
}

/// A computer whose disk loses its power.
struct Computer {
    coffer: PathBuf,
    folder: PathBuf,
    kind: &'static FileSystem,
    random: Random,
    /// How long an undisturbed run takes.
    usual: Duration,
}

impl Drop for Computer {
    fn drop(&mut self) {
        // Whatever failed before; a disk that is not mounted is fine, too.
        let _ = self.unmount();
    }
}

impl Computer {
    fn new(project: &Project, folder: &Path, kind: &'static FileSystem, seed: u64) -> Result<Self> {
        let computer = Self {
            coffer: project.root.join("target/release/coffer"),
            folder: folder.to_owned(),
            kind,
            random: Random::new(seed),
            usual: Duration::from_millis(300),
        };
        for name in ["disk", "source", "models", "restored"] {
            fs::create_dir_all(folder.join(name))?;
        }
        fs::File::create(computer.image())?.set_len(DISK)?;
        let mut format = Command::new(format!("mkfs.{}", kind.name));
        // What it prints is of no use here.
        format.stdout(Stdio::null());
        execute(format.args(kind.format).arg(computer.image()))?;
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
            self.remember(cut)?;
            if self.back_up_and_cut(cut)? {
                confirmed += 1;
                last_good = Some(cut);
            } else {
                during += 1;
            }
            self.power_on()
                .and_then(|()| last_good.map_or(Ok(()), |good| self.check(good)))
                .and_then(|()| {
                    let is_due = cut % RUNS_BETWEEN_COMPACTIONS == RUNS_BETWEEN_COMPACTIONS - 1;
                    if is_due && last_good.is_some() {
                        self.compact()?;
                    }
                    Ok(())
                })
                .with_context(|| format!("after cut {cut}"))?;
        }
        Ok((confirmed, during))
    }

    fn compact(&self) -> Result<()> {
        let destination = self.destination();
        let arguments = [
            "compact",
            &destination,
            "--now",
            "--threshold=5",
            "--dblock-size=1mb",
        ];
        self.quietly(&arguments).map(drop)
    }

    /// Runs a command that has nothing to warn of, and returns what it printed.
    fn quietly(&self, arguments: &[&str]) -> Result<String> {
        let run = self
            .coffer(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()?;
        let printed = String::from_utf8_lossy(&run.stdout).into_owned();
        ensure!(
            run.status.success(),
            "`coffer {}` ended with {}\n{printed}{}",
            arguments.join(" "),
            run.status,
            String::from_utf8_lossy(&run.stderr)
        );
        Ok(printed)
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
        // Distinguishes versions.
        fs::write(source.join("mark"), cut.to_string())?;
        Ok(())
    }

    /// Runs a backup and copies the disk while it runs, or at once when it is done. Returns whether it had ended well.
    fn back_up_and_cut(&mut self, cut: u64) -> Result<bool> {
        let source = self.folder.join("source").display().to_string();
        let destination = self.destination();
        let keep = format!("--keep-versions={KEPT}");
        let arguments = [
            "backup",
            &destination,
            &source,
            "--blocksize=16kb",
            "--dblock-size=1mb",
            &keep,
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

    fn model(&self, cut: u64) -> PathBuf {
        self.folder.join("models").join(cut.to_string())
    }

    /// Keeps what the source holds now.
    fn remember(&self, cut: u64) -> Result<()> {
        let model = self.model(cut);
        fs::create_dir(&model)?;
        for file in fs::read_dir(self.folder.join("source"))? {
            let file = file?;
            fs::copy(file.path(), model.join(file.file_name()))?;
        }
        Ok(())
    }

    /// Continues with the copy, after the check that a system makes when it starts.
    fn power_on(&self) -> Result<()> {
        self.unmount()?;
        fs::rename(self.folder.join("after"), self.image())?;
        if let Some([program, options @ ..]) = self.kind.check {
            let checked = Command::new(program)
                .args(options)
                .arg(self.image())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            ensure!(
                matches!(checked.code(), Some(0..=2)),
                "the file system cannot be repaired: {checked}"
            );
        }
        self.mount()
    }

    /// Every version restores as its sources were. That of the run `good`, which was the last to report one, is among them,
    /// or as many newer ones are as are kept. Nothing is damaged.
    fn check(&self, good: u64) -> Result<()> {
        let destination = self.destination();
        let listed = self.quietly(&["list", &destination, "--json"])?;
        let listed: serde_json::Value = serde_json::from_str(&listed)?;
        let versions = listed.as_array().map_or(0, Vec::len);
        let mut restored = Vec::new();
        for version in 0..versions {
            let run = self.restore(version, &self.disk().join("cache"))?;
            restored.push(run);
        }
        ensure!(
            restored.contains(&good) || restored.iter().filter(|run| **run > good).count() >= KEPT,
            "the version of run {good} is gone; there are those of the runs {restored:?}"
        );
        self.forget_models(&restored)?;
        // As a computer does that knows nothing yet.
        let cache = self.folder.join("cache");
        self.restore(0, &cache)?;
        fs::remove_dir_all(cache)?;

        let tested = self
            .coffer(&["test", &destination, "all"])
            .stdout(Stdio::piped())
            .output()?;
        // 2: a dblock without its dindex, which a run left that was cut off.
        ensure!(
            matches!(tested.status.code(), Some(0 | 2)),
            "volumes are damaged: {}\n{}",
            tested.status,
            String::from_utf8_lossy(&tested.stdout)
        );
        Ok(())
    }

    /// Restores a version, compares it with what the sources were, and returns the run that made it.
    fn restore(&self, version: usize, cache: &Path) -> Result<u64> {
        let restored = self.folder.join("restored");
        fs::remove_dir_all(&restored)?;
        let into = format!("--restore-path={}", restored.display());
        let number = format!("--version={version}");
        let run = self
            .coffer(&["restore", &self.destination(), &into, &number])
            .env("COFFER_CACHE_DIR", cache)
            .stderr(Stdio::piped())
            .output()?;
        ensure!(
            run.status.success(),
            "version {version} does not restore: {}\n{}",
            run.status,
            String::from_utf8_lossy(&run.stderr)
        );
        let run = fs::read_to_string(restored.join("mark"))?.parse()?;
        let compared = Command::new("diff")
            .args(["-rq", "--no-dereference"])
            .arg(self.model(run))
            .arg(&restored)
            .output()?;
        ensure!(
            compared.status.success(),
            "the version of run {run} restored differently:\n{}",
            String::from_utf8_lossy(&compared.stdout)
        );
        Ok(run)
    }

    /// Forgets what the sources were before all versions that are left.
    fn forget_models(&self, versions: &[u64]) -> Result<()> {
        let oldest = versions.iter().min().copied().unwrap_or_default();
        for model in fs::read_dir(self.folder.join("models"))? {
            let model = model?;
            let run: u64 = model.file_name().to_string_lossy().parse()?;
            if run < oldest {
                fs::remove_dir_all(model.path())?;
            }
        }
        Ok(())
    }
}
