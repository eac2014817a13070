//! Running programs of others: bounded in time, with nothing in their environment that they were not given.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long one call may take; the longest wait for a `Retry-After` of a few seconds.
const LIMIT: Duration = Duration::from_secs(150);
/// Characters of a program's error output that are shown.
const SHOWN: usize = 600;

/// A command that finds other programs and a home of its own, and knows nothing else.
pub(super) fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// Runs a program to its end and returns its standard output. What it printed stays in `log` with the endings
/// `.out` and `.err`.
///
/// # Errors
/// When it does not start, fails, or takes longer than [`LIMIT`]; the end of what it said is in the message.
pub(super) fn finish(command: &mut Command, log: &Path) -> Result<String> {
    let (out, err) = (ending(log, "out"), ending(log, "err"));
    command
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?);
    let mut child = command
        .spawn()
        .with_context(|| format!("Could not start {}", command.get_program().display()))?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!(
                "it did not end within {} s: {}",
                LIMIT.as_secs(),
                said(&err)?
            );
        }
        thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        bail!("{status}: {}{}", said(&out)?, said(&err)?);
    }
    text(&out)
}

/// The standard output of a run, whatever became of it.
pub(super) fn printed(log: &Path) -> Result<String> {
    text(&ending(log, "out"))
}

fn ending(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn text(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The end of a log in one line.
fn said(path: &Path) -> Result<String> {
    let text = text(path)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let skipped = line.chars().count().saturating_sub(SHOWN);
    Ok(line.chars().skip(skipped).collect())
}
