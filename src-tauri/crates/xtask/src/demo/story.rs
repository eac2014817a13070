//! The demo through the command line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::compare::{Comparison, compare};
use super::sample;
use super::simulator::Simulator;
use super::wiring::wire;
use crate::project::Project;
use crate::run;

/// Where the demo's backup is kept on the simulated drive.
const DESTINATION: &str = "onedrivev2://Backups/Demo";
/// Exit codes of the command line that are no failure.
const DONE: i32 = 0;
const NOTHING_CHANGED: i32 = 1;
/// Differences shown at the end.
const SHOWN: usize = 20;

/// Signs in, backs up twice, lists the versions, restores and compares.
pub(super) fn show(
    project: &Project,
    simulator: &Simulator,
    folder: &Path,
    source: Option<&Path>,
) -> Result<()> {
    let auth_id = simulator.auth_id("alex")?;
    let coffer = Coffer {
        program: project.built("debug", "coffer"),
        auth_id,
        simulator,
        folder,
    };
    let own = match source {
        Some(_) => None,
        None => Some(sample::create(&folder.join("My files"))?),
    };
    let source = source.or(own.as_deref()).unwrap_or(folder);

    say("1. Signed in as Alex; the AuthID is handed over in the environment");
    say(&format!("2. Back up {}", source.display()));
    let first = coffer.backup(source)?;
    let after_first = simulator.stored()?;

    match &own {
        Some(own) => {
            sample::change(own)?;
            say("3. A file was changed and one is new; back up again");
        }
        None => say("3. Back up again; this is your folder, so nothing in it was changed"),
    }
    let second = coffer.backup(source)?;
    let after_second = simulator.stored()?;

    say("4. The versions on the drive");
    coffer.run(&["list", DESTINATION])?;

    say("5. Restore to another folder, from the drive alone: the index is deleted first");
    let target = folder.join("restored");
    let restored = coffer.restore_without_index(&target)?;

    say("6. Compare every file with its source");
    let comparison = compare(source, &target)?;
    show_backup("first backup", first, after_first);
    show_backup("second backup", second, after_second);
    println!(
        "   restore        {:>8.1} s   to {}",
        restored.as_secs_f64(),
        target.display()
    );
    verdict(&comparison)
}

/// How long a backup took, and what is on the drive after it: files and their bytes.
fn show_backup(name: &str, time: Duration, (files, bytes): (usize, u64)) {
    println!(
        "   {name:<13}  {:>8.1} s   {files} files, {} on the drive",
        time.as_secs_f64(),
        size(bytes)
    );
}

fn verdict(comparison: &Comparison) -> Result<()> {
    let Comparison {
        files,
        folders,
        links,
        bytes,
        differences,
    } = comparison;
    println!(
        "   compared       {files} files ({}), {folders} folders, {links} links",
        size(*bytes)
    );
    if differences.is_empty() {
        println!("\nThe restored folder is identical: content, times, permissions and links.");
        return Ok(());
    }
    for line in differences.iter().take(SHOWN) {
        println!("   {line}");
    }
    bail!(
        "{} differences between the source and what was restored",
        differences.len()
    )
}

fn say(text: &str) {
    println!("\n{text}");
}

fn size(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The command line, wired to the simulator.
#[derive(Debug)]
struct Coffer<'a> {
    program: PathBuf,
    auth_id: String,
    simulator: &'a Simulator,
    folder: &'a Path,
}

impl Coffer<'_> {
    fn backup(&self, source: &Path) -> Result<Duration> {
        self.run(&["backup", DESTINATION, &source.display().to_string()])
    }

    fn restore_without_index(&self, target: &Path) -> Result<Duration> {
        let cache = self.folder.join("cache");
        if cache.exists() {
            std::fs::remove_dir_all(&cache)?;
        }
        let restore_path = format!("--restore-path={}", target.display());
        self.run(&["restore", DESTINATION, &restore_path])
    }

    fn run(&self, arguments: &[&str]) -> Result<Duration> {
        println!("   $ coffer {}", arguments.join(" "));
        let mut command = Command::new(&self.program);
        wire(&mut command, self.simulator, self.folder)
            .args(arguments)
            .arg("--no-progress")
            .env("COFFER_AUTHID", &self.auth_id)
            .env("PASSPHRASE", "correct horse battery staple");
        let started = Instant::now();
        run::run_expecting(&mut command, &[DONE, NOTHING_CHANGED])?;
        Ok(started.elapsed())
    }
}
