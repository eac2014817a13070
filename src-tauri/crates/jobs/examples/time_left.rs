//! How far off "time left" is, over first backups to a simulated OneDrive.
//!
//! Usage: `time_left [MEGABYTES [RUN]]`. Does three runs, or the one whose name is given: on a fast connection, with
//! enough data that an estimate is made; then with MEGABYTES and a limit of 6,000 KB/s, without and with one 429
//! response in the middle. With `EACH_SECOND` in the environment, all estimates are printed to standard error. Prints
//! for each run the time it took and the error of the estimates, in percent of the actual remaining time: the median
//! and the worst tenth of all estimates after the first tenth of the run, and the share of that time without an
//! estimate.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use coffer_ipc::CommandError;
use coffer_ipc::command::{BandwidthSettings, SaveJob};
use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::{DestinationSettings, JobDefinition, JobOptions, JobState, Retention};
use coffer_ipc::run::{Progress, RunResult};
use coffer_jobs::keychain::MemoryKeychain;
use coffer_jobs::{Coffer, Environment, Folders, SystemClock};
use coffer_onedrive_sim::{Action, Fault, Op, Options, Simulator};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::broadcast::Receiver;

/// Default size of the runs with a limit in megabytes: two minutes.
const MEGABYTES: usize = 720;
/// Size of the run on the fast connection in megabytes.
const FAST: usize = 4000;
/// Speed limit in bytes per second.
const LIMIT: u64 = 6_000_000;
/// Seconds to wait that the 429 response requests.
const WAIT: u64 = 10;
/// Bytes of a file.
const FILE: usize = 2_000_000;
/// One in this many files is compressible.
const TEXTS: usize = 4;

/// One of the three runs.
struct Line {
    name: &'static str,
    megabytes: usize,
    limit: Option<u64>,
    throttles: bool,
}

/// Progress reports, and when each was received.
type Reports = Vec<(Duration, Progress)>;

#[tokio::main]
async fn main() -> Result<()> {
    let megabytes = match std::env::args().nth(1) {
        Some(text) => text.parse().context("MEGABYTES is a number")?,
        None => MEGABYTES,
    };
    let slow = |name, throttles| Line {
        name,
        megabytes,
        limit: Some(LIMIT),
        throttles,
    };
    let fast = Line {
        name: "fast line",
        megabytes: FAST,
        limit: None,
        throttles: false,
    };
    let lines = [
        fast,
        slow("6,000 KB/s", false),
        slow("6,000 KB/s, one 429", true),
    ];
    println!("| run | MB | took | median | worst tenth | no estimate |");
    println!("|---|--:|--:|--:|--:|--:|");
    let wanted = std::env::args().nth(2);
    let is_wanted = |line: &Line| wanted.as_deref().is_none_or(|name| name == line.name);
    for line in lines.into_iter().filter(is_wanted) {
        let (reports, took) = first_backup(&line).await?;
        println!("{}", row(&line, &reports, took)?);
    }
    Ok(())
}

/// Backs up new files; returns the progress reports and how long it took.
async fn first_backup(line: &Line) -> Result<(Reports, Duration)> {
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("source");
    write_source(&source, line.megabytes)?;
    let simulator = Simulator::start(Options::default()).await?;
    let coffer = Coffer::open(
        Folders::new(folder.path().join("data"), folder.path().join("cache")),
        Environment::demo(simulator.api_url(), &simulator.oauth_url()),
        Arc::new(MemoryKeychain::default()),
        Arc::new(SystemClock),
    )
    .map_err(failed)?;
    let bandwidth = BandwidthSettings {
        upload_bytes: line.limit,
        download_bytes: None,
    };
    coffer.set_bandwidth(bandwidth).map_err(failed)?;
    let auth_id = simulator.seed_auth_id("alex");
    let account = coffer.add_pasted_auth_id(&auth_id, None).await;
    let job = job(&source, account.map_err(failed)?.id);
    let job = coffer.create_job(job).await.map_err(failed)?;

    let mut events = coffer.subscribe();
    let start = Instant::now();
    let run = coffer.start_backup(&job.id).map_err(failed)?;
    let mut reports = Reports::new();
    let mut is_throttled = !line.throttles;
    loop {
        let event = next(&mut events).await?;
        let (progress, card) = match event.change {
            Change::Progress { progress, .. } => (Some(progress), None),
            Change::Job { card } => match card.state {
                JobState::Running { progress, .. } => (Some(progress), None),
                _ => (None, Some(card)),
            },
            _ => continue,
        };
        if let Some(progress) = progress {
            if !is_throttled && progress.share >= Some(0.5) {
                is_throttled = true;
                simulator.add_fault(Fault::new(Op::Fragment, Action::throttle(429, WAIT)));
            }
            reports.push((start.elapsed(), progress));
        } else if let Some(ended) = card
            .and_then(|card| card.last_run)
            .filter(|last| last.id == run)
        {
            ensure!(
                ended.result == RunResult::Success,
                "The run failed: {ended:?}"
            );
            return Ok((reports, start.elapsed()));
        }
    }
}

fn failed(error: CommandError) -> anyhow::Error {
    anyhow::anyhow!("{} {}", error.message, error.hint)
}

async fn next(events: &mut Receiver<Event>) -> Result<Event> {
    let waiting = tokio::time::timeout(Duration::from_secs(120), events.recv());
    Ok(waiting.await.context("The run stands still")??)
}

fn job(source: &Path, account_id: String) -> SaveJob {
    let definition = JobDefinition {
        name: "documents".to_owned(),
        encrypted: true,
        destination: DestinationSettings::OneDrive {
            account_id,
            drive_id: String::new(),
            folder: "Backups/documents".to_owned(),
        },
        sources: vec![source.display().to_string()],
        filters: Vec::new(),
        schedule: None,
        options: JobOptions {
            volume_bytes: 50 << 20,
            block_bytes: 1 << 20,
            prefix: "duplicati".to_owned(),
            retention: Retention::All,
            always_read: Vec::new(),
        },
    };
    SaveJob {
        definition,
        passphrase: Some("an old key, a new door".to_owned()),
    }
}

/// Writes files of which most are incompressible, like photos, and some are compressible, like texts.
fn write_source(folder: &Path, megabytes: usize) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut random = StdRng::seed_from_u64(7);
    let mut content = vec![0; FILE];
    for file in 0..megabytes * 1_000_000 / FILE {
        random.fill_bytes(&mut content);
        if file % TEXTS == 0 {
            content.iter_mut().for_each(|byte| *byte &= 0x0f);
        }
        std::fs::write(folder.join(format!("{file:05}")), &content)?;
    }
    Ok(())
}

fn row(line: &Line, reports: &Reports, took: Duration) -> Result<String> {
    let shares = reports.iter().filter_map(|(_, report)| report.share);
    ensure!(shares.clone().is_sorted(), "The share fell");
    ensure!(
        shares.clone().all(|share| share < 1.0),
        "The share was full too early"
    );
    let after_a_tenth = reports.iter().filter(|(at, _)| *at >= took / 10);
    // Each second counts once, however many reports there were in it.
    let mut seconds: Vec<_> = after_a_tenth.collect();
    seconds.dedup_by_key(|(at, _)| at.as_secs());
    if std::env::var_os("EACH_SECOND").is_some() {
        for (at, report) in &seconds {
            eprintln!(
                "{:5.1} s: {:>4} left, {:5.1} to come; {} of {:?} bytes, {} a second {:?}",
                at.as_secs_f64(),
                report
                    .seconds_left
                    .map_or("-".to_owned(), |left| left.to_string()),
                (took - *at).as_secs_f64(),
                report.done_bytes,
                report.total_bytes,
                report.bytes_per_second,
                report.wait.as_ref().map(|wait| &wait.why),
            );
        }
    }
    let mut errors: Vec<f64> = seconds
        .iter()
        .filter_map(|(at, report)| {
            let left = (took - *at).as_secs_f64();
            Some((report.seconds_left? as f64 - left).abs() / left * 100.0)
        })
        .collect();
    if errors.is_empty() {
        bail!("{}: there was no estimate in {took:.1?}", line.name);
    }
    errors.sort_by(f64::total_cmp);
    let without_estimate = seconds.len() - errors.len();
    Ok(format!(
        "| {} | {} | {:.0} s | {:.0} % | {:.0} % | {} % |",
        line.name,
        line.megabytes,
        took.as_secs_f64(),
        errors[errors.len() / 2],
        errors[errors.len() * 9 / 10],
        without_estimate * 100 / seconds.len(),
    ))
}
