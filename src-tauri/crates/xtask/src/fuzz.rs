//! `cargo xtask fuzz`: feeds hostile data to everything that decodes what comes from outside.
//!
//! The targets are a workspace of their own (`tests/fuzz`), built with libFuzzer and coverage. Corpora start from what
//! Duplicati wrote and stay under the target folder; an input that breaks something is kept there and named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use xtask::project::Project;
use xtask::run::{cargo, output, run as execute};

/// What makes the compiler count which code was reached, as libFuzzer wants it.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Minutes for each target when nothing is said.
const MINUTES: u64 = 10;
/// MiB that a decoder may take, whatever it is given.
const MEMORY_LIMIT: u64 = 512;
/// Seconds that one input may take. Key derivation of AES Crypt v3 takes what the stream asks for, up to a bound.
const TIME_LIMIT: u64 = 60;

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let mut minutes = MINUTES;
    let mut wanted = Vec::new();
    for argument in arguments {
        match argument.strip_prefix("--minutes=") {
            Some(text) => {
                let number = text.parse();
                minutes = number.with_context(|| format!("{text} is no number of minutes"))?;
                // libFuzzer takes 0 for without end.
                ensure!(minutes > 0, "Give at least one minute");
            }
            None => wanted.push((*argument).to_owned()),
        }
    }
    let crate_folder = project.root.join("tests/fuzz");
    let targets = targets(&crate_folder)?;
    for name in &wanted {
        ensure!(
            targets.contains(name),
            "There is no target {name}; there are {}",
            targets.join(", ")
        );
    }
    let chosen = if wanted.is_empty() { targets } else { wanted };

    let programs = build(project, &crate_folder)?;
    let work = project.target.join("fuzz");
    let mut failed = Vec::new();
    for target in &chosen {
        println!("\n=== {target}, {minutes} minute(s)");
        let (corpus, findings) = (work.join("corpus").join(target), work.join("findings"));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&findings)?;
        let mut command = Command::new(programs.join(target));
        command
            .arg(format!("-max_total_time={}", minutes * 60))
            .arg(format!("-rss_limit_mb={MEMORY_LIMIT}"))
            .arg(format!("-timeout={TIME_LIMIT}"))
            .arg(format!("-artifact_prefix={}/{target}-", findings.display()))
            .args(["-print_final_stats=1", "-verbosity=0"])
            .arg(corpus)
            .args(seeds(project, target));
        if execute(&mut command).is_err() {
            failed.push(target.clone());
        }
    }
    if !failed.is_empty() {
        bail!(
            "Findings in {}; the inputs lie in {}",
            failed.join(", "),
            work.join("findings").display()
        );
    }
    Ok(())
}

/// Makes sure that the targets still fit what they feed, without running them.
pub(crate) fn check(project: &Project) -> Result<()> {
    let crate_folder = project.root.join("tests/fuzz");
    let command = |arguments: &[&str]| {
        execute(
            cargo(project)
                .current_dir(&crate_folder)
                .env("CARGO_TARGET_DIR", project.target.join("fuzz/check"))
                .args(arguments),
        )
    };
    command(&["fmt", "--check"])?;
    command(&["clippy", "--all-targets", "--", "-D", "warnings"])
}

/// Folders with inputs to start from: what Duplicati wrote, and a few texts kept for this.
fn seeds(project: &Project, target: &str) -> Vec<PathBuf> {
    let fixtures = project.root.join("tests/fixtures");
    match target {
        "aescrypt" => vec![fixtures.join("vectors/duplicati/aescrypt")],
        "zip_volume" => vec![fixtures.join("vectors/duplicati/backup-plain")],
        "tar_volume" => ["tgz", "tzstd"]
            .map(|case| {
                fixtures
                    .join("duplicati-2.3")
                    .join(case)
                    .join("destination")
            })
            .to_vec(),
        _ => vec![project.root.join("tests/fuzz/seeds").join(target)],
    }
}

/// Names of the targets: the files in their folder.
fn targets(crate_folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(crate_folder.join("targets"))? {
        let path = file?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        names.push(name.context("A target has a name")?.to_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds the targets and returns the folder they are in.
fn build(project: &Project, crate_folder: &Path) -> Result<PathBuf> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("The compiler does not say what it compiles for")?;
    let target_folder = project.target.join("fuzz/build");
    // With a target named, programs that only run while compiling are not counted in.
    execute(
        cargo(project)
            .current_dir(crate_folder)
            .env("RUSTFLAGS", COVERAGE)
            .env("CARGO_TARGET_DIR", &target_folder)
            .args(["build", "--release", "--bins", "--target", host]),
    )?;
    Ok(target_folder.join(host).join("release"))
}
