//! `cargo xtask limits`: how much of what a limited OneDrive allows is used, and how often it has to refuse.
//!
//! The simulator draws limits from a seed (a window of 10 to 60 s, and requests or bytes in it) that no client knows.
//! The command line and rclone upload for the same time under the same limits, each against a simulator of its own, all
//! at once: with `RateLimit` headers in every answer, with those that Microsoft documents (once four fifths are used),
//! and with none. What was stored is thrown away meanwhile, so that an hour fits on the disk.

mod clients;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::random::Random;
use clients::{ACCOUNT, Client, FRAGMENT};
use xtask::demo::simulator::Simulator;
use xtask::project::Project;
use xtask::run::{cargo, run as execute};
use xtask::setup;

/// Minutes when nothing else is asked for.
const MINUTES: u64 = 20;
/// A shorter run is too short to be judged.
const JUDGED_MINUTES: u64 = 10;
/// Refusals of one run that are still good.
const MOST_THROTTLED: u64 = 3;
/// Bytes of a file of the source.
const FILE_BYTES: u64 = 5 << 20;
/// Between two looks at the disk.
const TIDYING: Duration = Duration::from_secs(5);

/// What answers say about the limits, and which part of what is allowed has to be used then, in percent.
const HEADERS: [(&str, f64); 3] = [("always", 95.0), ("late", 80.0), ("never", 80.0)];

/// One client under the limits of one seed.
#[derive(Debug)]
struct Run {
    seed: u64,
    headers: &'static str,
    /// Percent of what is allowed that has to be used; 0 for others' programs.
    least: f64,
    client: Client,
}

/// What one client did under one limit.
#[derive(Debug)]
struct Figures {
    limit: String,
    allowed: f64,
    used: f64,
    throttled: u64,
    early: u64,
}

/// How long to upload, and under which limits.
#[derive(Debug)]
struct Plan {
    minutes: u64,
    seeds: Vec<u64>,
}

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let Plan { minutes, seeds } = Plan::parse(arguments)?;
    println!("seeds {seeds:?}, {minutes} minutes");
    let tools = setup::tools(project)?;
    execute(cargo(project).args(["build", "-p", "coffer-cli", "-p", "coffer-onedrive-sim"]))?;
    let folder = project.fresh_folder("limits")?;
    let time = Duration::from_secs(minutes * 60);
    write_source(project, &folder, &seeds, time)?;

    let runs = runs(&seeds, &tools.rclone);
    let done = measure_all(project, &folder, &runs, time)?;
    fs::remove_dir_all(&folder)?;

    let table = table(&runs, &done);
    println!("\n{table}");
    if minutes < JUDGED_MINUTES {
        println!("Too short to be judged.");
        return Ok(());
    }
    fs::write(
        project.root.join("tests/limits.md"),
        report(minutes, &table),
    )?;
    judge(&runs, &done)
}

impl Plan {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let (mut minutes, mut seeds) = (MINUTES, Vec::new());
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let value = rest.next().and_then(|text| text.parse().ok());
            match (*argument, value) {
                ("--minutes", Some(value)) if value > 0 => minutes = value,
                ("--seed", Some(value)) => seeds.push(value),
                (other, _) => bail!("`{other}` is not understood; try --minutes N or --seed N"),
            }
        }
        if seeds.is_empty() {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            seeds.push(now.as_secs());
        }
        Ok(Self { minutes, seeds })
    }
}

/// Every client with all headers under the limits of each seed.
fn runs(seeds: &[u64], rclone: &Path) -> Vec<Run> {
    seeds
        .iter()
        .flat_map(|seed| HEADERS.map(|(headers, least)| (*seed, headers, least)))
        .flat_map(|(seed, headers, least)| {
            let rclone = Client::Rclone(rclone.to_owned());
            [(Client::Ours, least), (rclone, 0.0)].map(|(client, least)| Run {
                seed,
                headers,
                least,
                client,
            })
        })
        .collect()
}

/// Measures all runs at once.
fn measure_all(
    project: &Project,
    folder: &Path,
    runs: &[Run],
    time: Duration,
) -> Result<Vec<Figures>> {
    thread::scope(|scope| {
        let start = |run| scope.spawn(move || measure(project, folder, run, time));
        let started: Vec<_> = runs.iter().map(start).collect();
        let joined = started.into_iter().map(|run| run.join());
        joined
            .map(|run| run.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Fails when Coffer used too little of what was allowed, or was refused too often.
fn judge(runs: &[Run], done: &[Figures]) -> Result<()> {
    for (run, figures) in runs.iter().zip(done) {
        let is_good = figures.used >= figures.allowed * run.least / 100.0
            && figures.throttled <= MOST_THROTTLED
            && figures.early == 0;
        ensure!(
            is_good || !matches!(run.client, Client::Ours),
            "Seed {}, headers {}: {} % with at most {MOST_THROTTLED} refusals was not reached",
            run.seed,
            run.headers,
            run.least
        );
    }
    Ok(())
}

/// Uploads for `time` and gives back what the simulator counted.
fn measure(project: &Project, folder: &Path, run: &Run, time: Duration) -> Result<Figures> {
    let (client, headers) = (&run.client, run.headers);
    let name = format!("{} {headers} {}", client.name(), run.seed);
    let own = folder.join(&name);
    let stored = own.join("onedrive");
    // rclone sends its token to upload addresses too.
    let simulator = Simulator::start_with(project, &stored, &["--upload-auth", "lenient"])?;
    let source = folder.join("source");
    let mut upload = client.prepare(project, &simulator, &source, &own)?;
    simulator.set_limits(&json!({"seed": run.seed, "headers": headers}))?;
    let start = Instant::now();
    let mut process = upload.spawn().context("Could not start the upload")?;
    while start.elapsed() < time {
        thread::sleep(TIDYING.min(time.saturating_sub(start.elapsed())));
        throw_away(&stored.join("blobs"));
        if let Some(status) = process.try_wait()? {
            // rclone gives up sometimes; ours must not.
            ensure!(
                !matches!(client, Client::Ours),
                "{name} ended early with {status}"
            );
            process = upload.spawn()?;
        }
    }
    let report = simulator.limits()?;
    process.kill()?;
    process.wait()?;
    Figures::read(&report).context("The simulator counted nothing")
}

impl Figures {
    fn read(report: &Value) -> Option<Self> {
        let limits = &report["limits"];
        let counted = &report["accounts"][ACCOUNT];
        let window = limits["window_seconds"].as_f64()?;
        let windows = report["elapsed_ms"].as_f64()? / 1000.0 / window;
        let (unit, limit) = match limits["requests"].as_f64()? {
            0.0 => ("bytes", limits["bytes"].as_f64()?),
            requests => ("requests", requests),
        };
        Some(Self {
            limit: format!("{limit} {unit} in {window} s"),
            allowed: limit * windows,
            used: counted[unit].as_f64()?,
            throttled: counted["throttled"].as_u64()?,
            early: counted["early"].as_u64()?,
        })
    }
}

fn report(minutes: u64, table: &str) -> String {
    format!(
        "# Under limits\n\n\
         Written by `cargo xtask limits`. For {minutes} minutes the debug command line and rclone upload to simulated\n\
         OneDrives with limits that they do not know, all at once. `Retry-After` is always given; the `RateLimit`\n\
         headers come in every answer, once four fifths are used (as Microsoft documents), or never. *Too early* are\n\
         requests that came before the time of a refusal was over, but for those under way then. Wanted of Coffer are 95 % with headers in every\n\
         answer and 80 % otherwise, at most {MOST_THROTTLED} throttled answers, and none too early. What is allowed is counted by\n\
         time, windows by the service: the first and last one can make it more than 100 %.\n\n{table}\n"
    )
}

fn table(runs: &[Run], done: &[Figures]) -> String {
    let mut lines = vec![
        "| seed | headers | client | limit | allowed | used | used, % | throttled | too early |"
            .to_owned(),
        "|---|---|---|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for (run, figures) in runs.iter().zip(done) {
        lines.push(format!(
            "| {} | {} | {} | {} | {:.0} | {:.0} | {:.1} | {} | {} |",
            run.seed,
            run.headers,
            run.client.name(),
            figures.limit,
            figures.allowed,
            figures.used,
            figures.used / figures.allowed * 100.0,
            figures.throttled,
            figures.early
        ));
    }
    lines.join("\n")
}

/// Files that cannot be compressed, enough for the fastest of the limits.
fn write_source(project: &Project, folder: &Path, seeds: &[u64], time: Duration) -> Result<()> {
    let simulator = Simulator::start(project, &folder.join("draft"))?;
    let mut most = 0.0_f64;
    let drafts = seeds
        .iter()
        .flat_map(|seed| HEADERS.map(|(headers, _)| (seed, headers)));
    for (seed, headers) in drafts {
        let report = simulator.set_limits(&json!({"seed": seed, "headers": headers}))?;
        let number = |name: &str| report["limits"][name].as_f64().unwrap_or_default();
        let bytes = number("bytes").max(number("requests") * FRAGMENT as f64);
        most = most.max(bytes / number("window_seconds").max(1.0));
    }
    let bytes = most * time.as_secs_f64() * 1.1;
    let files = bytes as u64 / FILE_BYTES + 20;
    println!("Writing a source of {} MB", files * FILE_BYTES / 1_000_000);
    let source = folder.join("source");
    fs::create_dir_all(&source)?;
    let mut random = Random::new(seeds.first().copied().unwrap_or_default());
    for file in 0..files {
        let mut data = Vec::with_capacity(FILE_BYTES as usize);
        while data.len() < FILE_BYTES as usize {
            data.extend(random.next().to_le_bytes());
        }
        fs::write(source.join(format!("file {file}")), data)?;
    }
    Ok(())
}

/// What was stored is not read.
fn throw_away(blobs: &Path) {
    for entry in fs::read_dir(blobs).into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
}
