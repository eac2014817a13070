//! How far off "time left" is, over first backups to a simulated OneDrive.
//!
//! Usage: `time_left [MEGABYTES [RUN]]`. Three runs, or the one whose name is given: on a fast line, which takes more megabytes than a small backup has before
//! anything is foretold, then with so many and a limit of 6,000 KB/s, without and with one answer 429 in the middle. With
//! `EACH_SECOND` in the environment all that was told goes to standard error. Prints, for each, the time it took and by how much what was told differs from what was
//! still to come, in percent of that: the median and the worst tenth of all that was told after the first tenth of the
//! run, and for how much of that time nothing was told.

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

/// Megabytes of a run with a limit when nothing else is asked for: two minutes.
const MEGABYTES: usize = 720;
/// Megabytes of the run on the fast line.
const FAST: usize = 1440;
/// Bytes a second where there is a limit.
const LIMIT: u64 = 6_000_000;
/// Seconds that the answer 429 asks for.
const WAIT: u64 = 10;
/// Bytes of a file.
const FILE: usize = 2_000_000;
/// One of so many files can be packed well.
const TEXTS: usize = 4;

/// One of the three runs.
struct Line {
    name: &'static str,
    megabytes: usize,
    limit: Option<u64>,
    throttles: bool,
}

/// What was told, and when.
type Told = Vec<(Duration, Progress)>;

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
    println!("| run | MB | took | median | worst tenth | nothing told |");
    println!("|---|--:|--:|--:|--:|--:|");
    let wanted = std::env::args().nth(2);
    let is_wanted = |line: &Line| wanted.as_deref().is_none_or(|name| name == line.name);
    for line in lines.into_iter().filter(is_wanted) {
        let (told, took) = first_backup(&line).await?;
        println!("{}", row(&line, &told, took)?);
    }
    Ok(())
}

/// Backs up files that nobody has seen before; gives back what was told, and how long it took.
async fn first_backup(line: &Line) -> Result<(Told, Duration)> {
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
    let mut told = Told::new();
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
            told.push((start.elapsed(), progress));
        } else if let Some(ended) = card
            .and_then(|card| card.last_run)
            .filter(|last| last.id == run)
        {
            ensure!(
                ended.result == RunResult::Success,
                "The run failed: {ended:?}"
            );
            return Ok((told, start.elapsed()));
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

/// Files of which most cannot be packed, as photos, and some can, as texts.
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

fn row(line: &Line, told: &Told, took: Duration) -> Result<String> {
    let shares = told.iter().filter_map(|(_, told)| told.share);
    ensure!(shares.clone().is_sorted(), "The share fell");
    ensure!(
        shares.clone().all(|share| share < 1.0),
        "The share was full too early"
    );
    let after_a_tenth = told.iter().filter(|(at, _)| *at >= took / 10);
    // Each second counts once, however often something was told in it.
    let mut seconds: Vec<_> = after_a_tenth.collect();
    seconds.dedup_by_key(|(at, _)| at.as_secs());
    if std::env::var_os("EACH_SECOND").is_some() {
        for (at, told) in &seconds {
            eprintln!(
                "{:5.1} s: {:>4} left, {:5.1} to come; {} of {:?} bytes, {} a second {:?}",
                at.as_secs_f64(),
                told.seconds_left
                    .map_or("-".to_owned(), |left| left.to_string()),
                (took - *at).as_secs_f64(),
                told.done_bytes,
                told.total_bytes,
                told.bytes_per_second,
                told.wait.as_ref().map(|wait| &wait.why),
            );
        }
    }
    let mut errors: Vec<f64> = seconds
        .iter()
        .filter_map(|(at, told)| {
            let left = (took - *at).as_secs_f64();
            Some((told.seconds_left? as f64 - left).abs() / left * 100.0)
        })
        .collect();
    if errors.is_empty() {
        bail!("{}: nothing was foretold in {took:.1?}", line.name);
    }
    errors.sort_by(f64::total_cmp);
    let untold = seconds.len() - errors.len();
    Ok(format!(
        "| {} | {} | {:.0} s | {:.0} % | {:.0} % | {} % |",
        line.name,
        line.megabytes,
        took.as_secs_f64(),
        errors[errors.len() / 2],
        errors[errors.len() * 9 / 10],
        untold * 100 / seconds.len(),
    ))
}
