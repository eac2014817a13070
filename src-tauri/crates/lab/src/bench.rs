//! `cargo xtask bench`: how much time, space and memory the release command line takes, beside other programs.
//!
//! [`memory`] has limits and is asserted. Times are compared and written to `tests/bench.md`, because they are the
//! machine's: the programs take turns, step by step, so that whatever else the machine does hits all of them.

mod memory;
mod process;
mod programs;
mod report;
mod sources;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use xtask::project::Project;
use xtask::run::{cargo, output, run as execute};
use xtask::setup;

use programs::{Bench, Program, version};
use report::{Results, table};
use sources::{Source, change, size};

/// What is measured.
#[derive(Debug)]
struct Options {
    sources: Vec<Source>,
    rounds: usize,
    checks_memory: bool,
    /// Look-ups in an index of 10,000,000 blocks; takes 500 MB and two minutes.
    measures_lookups: bool,
}

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    ensure!(
        cfg!(target_os = "linux"),
        "The memory of a process is read from /proc, on Linux"
    );
    setup::packages_for_bench()?;
    execute(cargo(project).args(["build", "--release", "-p", "coffer-cli"]))?;
    let folder = project.fresh_folder("bench")?;
    let result = measure_all(project, &folder, &options);
    fs::remove_dir_all(&folder)?;
    result
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            sources: Vec::new(),
            rounds: 3,
            checks_memory: true,
            measures_lookups: false,
        };
        let mut large = false;
        for argument in arguments {
            match *argument {
                "--large" => large = true,
                "--lookups" => options.measures_lookups = true,
                "--no-memory-check" => options.checks_memory = false,
                other => match other.split_once('=') {
                    Some(("--rounds", number)) => {
                        options.rounds = number.parse().context("--rounds takes a number")?;
                    }
                    Some(("--only", word)) => {
                        let all = [Source::Linux, Source::Photos, Source::Small, Source::Tiny];
                        let found = all.into_iter().find(|source| source.word() == word);
                        options
                            .sources
                            .push(found.context("--only takes linux, photos, small or tiny")?);
                    }
                    _ => bail!("`bench` has no option {other}"),
                },
            }
        }
        if options.sources.is_empty() {
            options.sources = vec![Source::Linux, Source::Photos, Source::Small];
        }
        options.measures_lookups |= large;
        if large && !options.sources.contains(&Source::Tiny) {
            options.sources.push(Source::Tiny);
        }
        Ok(options)
    }
}

fn measure_all(project: &Project, folder: &Path, options: &Options) -> Result<()> {
    if options.checks_memory {
        memory::check(project, folder)?;
    }
    let mut text = heading(project, options)?;
    for source in &options.sources {
        let results = compare(project, folder, *source, options.rounds)?;
        let part = table(source.title(), &results);
        println!("{part}");
        text.push_str(&part);
        // What was measured stays when a later source fails.
        fs::write(project.root.join("tests/bench.md"), &text)?;
    }
    if options.measures_lookups {
        text.push_str(&lookups(project, folder)?);
        fs::write(project.root.join("tests/bench.md"), &text)?;
    }
    Ok(())
}

/// Look-ups of blocks in the index, which no other program has to compare with.
fn lookups(project: &Project, folder: &Path) -> Result<String> {
    let mut command = cargo(project);
    command.args(["run", "--release", "--quiet", "-p", "coffer-database"]);
    command.args(["--example", "lookups"]).arg(folder);
    let reported = output(&mut command)?;
    print!("{reported}");
    Ok(format!(
        "\n## Look-ups of blocks in the index\n\n```\n{}\n```\n\n{ABOUT_LOOK_UPS}",
        reported.trim()
    ))
}

/// Why one kind of look-up depends on the size of the index.
const ABOUT_LOOK_UPS: &str = "\
A run asks the last kind only for blocks of files that were moved or copied. Hashes have no order, so that each lies on
another page of a tree of 450 MB, while a tree of 4.5 MB stays in the processor's caches. `perf record` of that kind alone,
on the two cores of the tables above: with 10,000,000 blocks 61 % of the time is `pread` (copying pages from the system's
cache of files 23 %, finding them there 19 %), 39 % is SQLite; with 100,000 blocks it is 39 % (17 % and 5 %) and 61 %.
Pages of 1, 4 and 16 KiB (5.0, 4.9 and 5.8 µs a look-up), page caches of 0.5 to 16 MB and memory mapping change nothing
that matters: what is left is memory that no cache of the processor holds. Reading, hashing, compressing and encrypting
a block of 1 MiB takes 8 to 14 ms of the same processor.
";

fn compare(
    project: &Project,
    folder: &Path,
    source: Source,
    rounds: usize,
) -> Result<Vec<Results>> {
    println!("\nPreparing: {}", source.title());
    let data = folder.join("source");
    source.create(&data)?;
    // One round of a million files takes as long as all others together, and there is no room for the files of two.
    let rounds = if source == Source::Tiny { 1 } else { rounds };
    let mut results: Vec<Results> = Vec::new();
    for round in 0..rounds {
        let mut benches = Vec::new();
        for (program, binary) in Program::all(project) {
            let own = folder.join(format!("{}-{round}", program.name()));
            benches.push(Bench::new(program, binary, own)?);
        }
        if round == 0 {
            results = benches.iter().map(|bench| empty(bench.program)).collect();
        }
        for step in 0..report::STEPS.len() {
            if step == 2 {
                change(&data, round)?;
            }
            for (bench, results) in benches.iter().zip(&mut results) {
                let name = bench.program.name();
                println!(
                    "  round {} of {rounds}: {}, {name}",
                    round + 1,
                    report::STEPS[step]
                );
                let measured = match step {
                    3 => bench.restore(2)?,
                    _ => bench.backup(&data, step)?,
                };
                results.steps[step].push(measured);
                if step == 0 {
                    results.stored = size(&bench.repository())?;
                }
            }
        }
    }
    // Not between rounds: for minutes after many files were deleted, ext4 creates new ones far slower.
    for entry in fs::read_dir(folder)? {
        fs::remove_dir_all(entry?.path())?;
    }
    Ok(results)
}

fn empty(program: Program) -> Results {
    Results {
        program,
        steps: Default::default(),
        stored: 0,
    }
}

fn heading(project: &Project, options: &Options) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let kernel = output(Command::new("uname").args(["-s", "-r"]))?;
    let date = output(Command::new("date").arg("+%F"))?;
    let mut versions = Vec::new();
    for (program, binary) in Program::all(project) {
        versions.push(version(program, &binary)?);
    }
    Ok(format!(
        "# Benchmark\n\nWritten by `cargo xtask bench`. Backups go to a folder of the same disk, encrypted, with each\n\
         program's defaults (restic: repository version 2; borg: repokey-blake2). The programs take turns;\n\
         {} round(s), one with 1,000,000 files, of which the fastest counts and the highest peak of memory.\n\
         The last column is coffer's figure divided by the best of the others. CPU s is user and system time\n\
         together.\n\n\
         {}, {cores} cores, {model}, {}. {}.\n",
        options.rounds,
        date.trim(),
        kernel.trim(),
        versions.join("; ")
    ))
}
