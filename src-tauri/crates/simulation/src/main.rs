//! `simulate`: plays histories and reports which do not hold.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use coffer_simulation::{
    Choice, History, JobsHistory, Story, Violation, play_many, shrink, usual_threads,
};

const USAGE: &str = "\
Usage: simulate [--jobs] [--seeds N] [--from K] [--seed S] [--only SORT,…] [--without SORT,…] [--threads T] [--no-shrink]

  --jobs           Play histories of the jobs of an app, and not of the engine alone
  --seeds N        Play N histories (100)
  --from K         Begin with seed K (0)
  --seed S         Play this one, and show each step
  --only SORT,…    Let nothing happen but this, besides changes, backups and restores
  --without SORT,… Let this not happen
  --threads T      Play so many at the same time (one on each processor, eight of jobs)
  --no-shrink      Leave nothing out of what fails
";

struct Arguments {
    seeds: u64,
    from: u64,
    seed: Option<u64>,
    choice: Choice,
    threads: Option<usize>,
    shrinks: bool,
    is_of_jobs: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprint!("{USAGE}");
        return ExitCode::FAILURE;
    };
    // What panics is reported with its history.
    std::panic::set_hook(Box::new(|_| {}));
    let failed = if arguments.is_of_jobs {
        simulate(&arguments, |seed| JobsHistory::of(seed, &arguments.choice))
    } else {
        simulate(&arguments, |seed| History::of(seed, &arguments.choice))
    };
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        seeds: 100,
        from: 0,
        seed: None,
        choice: Choice::default(),
        threads: None,
        shrinks: true,
        is_of_jobs: false,
    };
    let list = |text: String| text.split(',').map(str::to_owned).collect();
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next();
        match name.as_str() {
            "--seeds" => arguments.seeds = value()?.parse().ok()?,
            "--from" => arguments.from = value()?.parse().ok()?,
            "--seed" => arguments.seed = Some(value()?.parse().ok()?),
            "--only" => arguments.choice.only = list(value()?),
            "--without" => arguments.choice.without = list(value()?),
            "--threads" => arguments.threads = Some(value()?.parse().ok()?),
            "--jobs" => arguments.is_of_jobs = true,
            "--no-shrink" => arguments.shrinks = false,
            _ => return None,
        }
    }
    Some(arguments)
}

/// Plays what was asked for, and says whether something does not hold.
fn simulate<S: Story>(arguments: &Arguments, make: impl Fn(u64) -> S + Sync) -> bool {
    match arguments.seed {
        Some(seed) => one(seed, arguments, make),
        None => many(arguments, make),
    }
}

/// Plays one seed and shows it.
fn one<S: Story>(seed: u64, arguments: &Arguments, make: impl Fn(u64) -> S) -> bool {
    let history = make(seed);
    let played = history.play();
    println!("seed {seed}, {}", history.describe());
    for line in &played.trace {
        println!("  {line}");
    }
    let Some(violation) = played.violation else {
        println!("holds");
        return false;
    };
    println!("FAILS: {}: {}", violation.class, violation.detail);
    if arguments.shrinks {
        show_shrunk(&history, &violation);
    }
    true
}

fn show_shrunk<S: Story>(history: &S, violation: &Violation) {
    let (shrunk, played) = shrink(history, violation);
    println!(
        "shrunk to {} steps, {}:",
        shrunk.events(),
        shrunk.describe()
    );
    for line in &played.trace {
        println!("  {line}");
    }
    if let Some(violation) = played.violation {
        println!("  FAILS: {}: {}", violation.class, violation.detail);
    }
}

/// Plays many seeds and reports what fails, by class.
fn many<S: Story>(arguments: &Arguments, make: impl Fn(u64) -> S + Sync) -> bool {
    let start = Instant::now();
    let end = arguments.from.saturating_add(arguments.seeds);
    let threads = arguments.threads.unwrap_or_else(usual_threads::<S>);
    let failures = play_many(arguments.from..end, &make, threads);
    let seconds = start.elapsed().as_secs_f64();
    let mut classes: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (seed, violation) in &failures {
        classes.entry(&violation.class).or_default().push(*seed);
    }
    for (class, seeds) in &classes {
        let first: Vec<String> = seeds.iter().take(8).map(u64::to_string).collect();
        println!("{:5}  {class}: seeds {}", seeds.len(), first.join(" "));
    }
    if arguments.shrinks {
        for seeds in classes.values() {
            let seed = seeds[0];
            println!("\nseed {seed}: {}", failures[&seed].class);
            show_shrunk(&make(seed), &failures[&seed]);
        }
    }
    println!(
        "\n{} seeds in {seconds:.1} s, {:.1} each second; {} fail in {} classes",
        arguments.seeds,
        arguments.seeds as f64 / seconds,
        failures.len(),
        classes.len()
    );
    !failures.is_empty()
}
