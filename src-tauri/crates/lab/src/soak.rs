//! `cargo xtask soak`: the command line is killed at random moments of its uploads, again and again.
//!
//! A round is one changed source that is backed up until a run ends by itself; most runs of it are killed. After each
//! round no volume may be missing or there twice and no upload session may be left over; at the end every volume is
//! read and everything is restored. Old versions go, so that rounds stay as short as the first.
//!
//! A kill comes after a random number of requests, so that all phases are hit alike, however fast the machine is; one in
//! ten comes before the first. Sessions that hold no byte are counted apart: a process that is killed between Microsoft's
//! answer and its own note of it cannot know their address, and they run out by themselves. The seed decides all moments
//! and all content; what the machine makes of them differs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::random::Random;
use xtask::demo::simulator::Simulator;
use xtask::project::Project;
use xtask::run::{cargo, run as execute};

/// Kills when nothing else is asked for; takes a few minutes.
const KILLS: u64 = 60;
/// Files that are new in each round, and the bytes of each.
const FILES: u64 = 3;
const FILE_BYTES: u64 = 5 << 20;
/// Bytes of a fragment.
const FRAGMENT: u64 = 327_680;
/// Largest file that goes in one request and so cannot be gone on with.
const SMALL: u64 = 4 << 20;
/// Most kills of one round.
const KILLS_A_ROUND: u64 = 50;
const ADDRESS: &str = "onedrivev2://Soak/Backups";

/// What was counted.
#[derive(Debug, Default)]
struct Figures {
    kills: u64,
    rounds: u64,
    /// Kills by what the run was at.
    phases: BTreeMap<&'static str, u64>,
    empty_sessions: u64,
    /// Fragments that did not arrive, and those that arrived though the file had them.
    cut: u64,
    repeated: u64,
    small_again: u64,
    /// Bytes of the files that sessions stored.
    stored: u64,
}

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let (mut kills, mut seed) = (KILLS, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next().and_then(|text| text.parse().ok());
        match (*argument, value) {
            ("--kills", Some(value)) => kills = value,
            ("--seed", Some(value)) => seed = Some(value),
            (other, _) => bail!("`{other}` is not understood; try --kills N or --seed N"),
        }
    }
    let seed = seed.unwrap_or_else(|| {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        since.as_nanos() as u64
    });
    println!("seed {seed}");
    execute(cargo(project).args(["build", "-p", "coffer-cli", "-p", "coffer-onedrive-sim"]))?;
    let folder = project.fresh_folder("soak")?;
    let figures = Soak::start(project, &folder, seed)?.all(kills)?;
    println!("{figures:#?}");
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// One simulator, one source, one backup that grows.
struct Soak<'a> {
    project: &'a Project,
    simulator: Simulator,
    auth_id: String,
    folder: PathBuf,
    random: Random,
    figures: Figures,
    /// Requests and time of an undisturbed run.
    usual: (u64, Duration),
    seen: u64,
    log: Vec<Value>,
    /// Large files after the round before, and their bytes.
    stored: BTreeMap<String, u64>,
}

impl<'a> Soak<'a> {
    fn start(project: &'a Project, folder: &Path, seed: u64) -> Result<Self> {
        let simulator = Simulator::start(project, &folder.join("onedrive"))?;
        let auth_id = simulator.auth_id("robin")?;
        fs::create_dir_all(folder.join("source"))?;
        Ok(Self {
            project,
            simulator,
            auth_id,
            folder: folder.to_owned(),
            random: Random::new(seed),
            figures: Figures::default(),
            usual: (0, Duration::ZERO),
            seen: 0,
            log: Vec::new(),
            stored: BTreeMap::new(),
        })
    }

    fn all(mut self, kills: u64) -> Result<Figures> {
        self.change_source()?;
        let start = Instant::now();
        ensure!(self.backup()?.wait()?.success(), "The first backup failed");
        self.read_log()?;
        self.usual = (self.log.len() as u64, start.elapsed());
        self.check(0)?;
        while self.figures.kills < kills {
            self.round(kills)?;
        }
        // Once in peace: what is left over now stays.
        self.change_source()?;
        ensure!(self.backup()?.wait()?.success(), "The last backup failed");
        self.check(0)?;
        let status = self.coffer("test").arg("all").status()?;
        ensure!(status.success(), "Volumes are damaged: {status}");
        self.restored_equals_source()?;
        Ok(self.figures)
    }

    fn round(&mut self, kills: u64) -> Result<()> {
        self.change_source()?;
        let mut killed = 0;
        loop {
            let mut process = self.backup()?;
            let before = self.log.len();
            let ends = self.figures.kills >= kills || killed >= KILLS_A_ROUND;
            let status = if ends {
                Some(process.wait()?)
            } else {
                self.wait_for_moment(&mut process)?
            };
            if let Some(status) = status {
                ensure!(finished(status), "A backup failed with {status}");
                break;
            }
            process.kill()?;
            process.wait()?;
            killed += 1;
            self.figures.kills += 1;
            self.read_log()?;
            let open = self.simulator.open_uploads()?;
            let phase = phase(&self.log[before..], &open);
            *self.figures.phases.entry(phase).or_default() += 1;
        }
        self.figures.rounds += 1;
        self.check(killed)?;
        println!(
            "round {}: {killed} kills, {} in all",
            self.figures.rounds, self.figures.kills
        );
        Ok(())
    }

    /// All volumes are whole, none is there twice, no session is left, and little was sent again.
    fn check(&mut self, killed: u64) -> Result<()> {
        let left = self.simulator.open_uploads()?;
        let orphans = left.iter().filter(|session| received(session) > 0).count();
        ensure!(orphans == 0, "Sessions are left over: {left:?}");
        self.figures.empty_sessions = left.len() as u64;

        let files = self.simulator.files()?;
        let (dblocks, dindexes) = counts(&files);
        ensure!(
            dblocks == dindexes,
            "{dblocks} data volumes, {dindexes} index volumes"
        );
        self.read_log()?;
        let log = std::mem::take(&mut self.log);
        let of = |op: &str| {
            let op = op.to_owned();
            log.iter().filter(move |entry| entry["op"] == op.as_str())
        };
        let is_kept = |entry: &&Value| matches!(entry["status"].as_u64(), Some(200..=202));
        let kept: u64 = of("fragment").filter(is_kept).map(bytes).sum();
        let cut = of("fragment").filter(|entry| !is_kept(entry)).count() as u64;
        // What older versions held may be gone by now, so that only names that are new count.
        let large = files.into_iter().filter(|(_, size)| *size > SMALL);
        let large: BTreeMap<String, u64> = large.collect();
        let is_new = |(name, _): &(&String, &u64)| !self.stored.contains_key(*name);
        let new: u64 = large.iter().filter(is_new).map(|(_, size)| size).sum();
        self.figures.stored += new;
        self.stored = large;
        let repeated = kept.saturating_sub(new).div_ceil(FRAGMENT);
        self.figures.cut += cut;
        self.figures.repeated += repeated;
        fs::write(
            self.folder.join("last-round.json"),
            serde_json::to_vec_pretty(&log)?,
        )?;
        ensure!(
            cut + repeated <= killed,
            "{killed} kills cost {cut} cut and {repeated} repeated fragments"
        );
        let mut puts: Vec<&str> = of("content_put")
            .filter_map(|put| put["path"].as_str())
            .collect();
        let sent = puts.len();
        puts.sort_unstable();
        puts.dedup();
        self.figures.small_again += (sent - puts.len()) as u64;
        Ok(())
    }

    /// Waits for the next kill; `None` when the process is still at work then.
    fn wait_for_moment(&mut self, process: &mut Child) -> Result<Option<ExitStatus>> {
        let (requests, time) = self.usual;
        let before = self.log.len() as u64;
        let wanted = match self.random.unit() {
            early if early < 0.1 => 0,
            _ => 1 + (self.random.unit() * requests as f64) as u64,
        };
        // Between two requests, or before the first.
        let spread = if wanted == 0 {
            0.3
        } else {
            1.0 / requests as f64
        };
        let rest = time.mul_f64(self.random.unit() * spread);
        while (self.log.len() as u64) < before + wanted {
            if let Some(status) = process.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(1));
            self.read_log()?;
        }
        thread::sleep(rest);
        Ok(process.try_wait()?)
    }

    /// The simulator keeps a part of its log only, so it is read often.
    fn read_log(&mut self) -> Result<()> {
        let news = self.simulator.log_since(self.seen)?;
        if let Some(seq) = news.last().and_then(|entry| entry["seq"].as_u64()) {
            self.seen = seq;
        }
        self.log.extend(news);
        Ok(())
    }

    /// New files take the place of those of the round before.
    fn change_source(&mut self) -> Result<()> {
        for file in 0..FILES {
            let mut data = Vec::with_capacity(FILE_BYTES as usize);
            while data.len() < FILE_BYTES as usize {
                data.extend(self.random.next().to_le_bytes());
            }
            fs::write(
                self.folder.join("source").join(format!("file {file}")),
                data,
            )?;
        }
        Ok(())
    }

    fn restored_equals_source(&self) -> Result<()> {
        let target = self.folder.join("restored");
        let status = self
            .coffer("restore")
            .arg(format!("--restore-path={}", target.display()))
            .status()?;
        ensure!(status.success(), "The restore failed: {status}");
        for file in 0..FILES {
            let name = format!("file {file}");
            let restored = fs::read(target.join(&name)).context("A file was not restored")?;
            let source = fs::read(self.folder.join("source").join(&name))?;
            ensure!(restored == source, "{name} came back otherwise");
        }
        Ok(())
    }

    fn backup(&self) -> Result<Child> {
        let mut command = self.coffer("backup");
        command
            .arg(self.folder.join("source"))
            .arg("--dblock-size=5mb")
            .arg("--backup-test-samples=0")
            .arg("--keep-versions=2")
            .arg("--asynchronous-upload-limit=1")
            .arg(format!("--fragment-size={FRAGMENT}"));
        command.spawn().context("Could not start the command line")
    }

    fn coffer(&self, what: &str) -> Command {
        let mut command = Command::new(self.project.built("debug", "coffer"));
        command
            .args([what, ADDRESS])
            .env("COFFER_DEMO", "1")
            .env("COFFER_GRAPH_ENDPOINT", &self.simulator.api)
            .env("COFFER_OAUTH_URL", &self.simulator.oauth_url)
            .env("COFFER_AUTHID", &self.auth_id)
            .env("COFFER_DATA_DIR", self.folder.join("data"))
            .env("COFFER_CACHE_DIR", self.folder.join("cache"))
            .env("PASSPHRASE", "soak and soak again")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .arg("--no-progress");
        command
    }
}

/// Done, or nothing was left to do.
fn finished(status: ExitStatus) -> bool {
    matches!(status.code(), Some(0 | 1))
}

/// What a run was at, by its requests since it started and the sessions that are open.
fn phase(requests: &[Value], open: &[Value]) -> &'static str {
    let last = requests.iter().rev().find_map(|entry| {
        let op = entry["op"].as_str()?;
        let writes = ["create_session", "fragment", "content_put", "delete"].contains(&op);
        writes.then(|| (op, entry["path"].as_str().unwrap_or_default()))
    });
    match last {
        None => "before its first upload",
        Some(("create_session", _)) => "a session without bytes",
        Some(("fragment", _)) => match open.iter().map(lacks).min() {
            None => "between volumes",
            Some(0..=FRAGMENT) => "the last fragment",
            Some(_) => "inside a session",
        },
        Some(("delete", _)) => "deleting",
        Some((_, path)) if path.contains(".dlist.") => "after the dlist",
        Some((_, path)) if path.contains(".dindex.") => "after a dindex",
        Some(_) => "after a small dblock",
    }
}

/// How many data and index volumes there are.
fn counts(files: &[(String, u64)]) -> (usize, usize) {
    let count = |part: &str| files.iter().filter(|(path, _)| path.contains(part)).count();
    (count(".dblock."), count(".dindex."))
}

/// Bytes that a session still wants.
fn lacks(session: &Value) -> u64 {
    session["total"].as_u64().unwrap_or(u64::MAX) - received(session)
}

fn received(session: &Value) -> u64 {
    session["received"].as_u64().unwrap_or(0)
}

fn bytes(entry: &Value) -> u64 {
    entry["bytes"].as_u64().unwrap_or(0)
}
