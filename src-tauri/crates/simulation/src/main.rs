//! `simulate`: plays histories and tells which do not hold.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use coffer_simulation::{Choice, History, Violation, play, play_many, shrink};

const USAGE: &str = "\
Usage: simulate [--seeds N] [--from K] [--seed S] [--only SORT,…] [--without SORT,…] [--threads T] [--no-shrink]

  --seeds N        Play N histories (100)
  --from K         Begin with seed K (0)
  --seed S         Play this one, and show each step
  --only SORT,…    Let nothing happen but this, besides changes, backups and restores
  --without SORT,… Let this not happen
  --threads T      Play so many at the same time (as many as there are processors)
  --no-shrink      Leave nothing out of what fails
";

struct Arguments {
    seeds: u64,
    from: u64,
    seed: Option<u64>,
    choice: Choice,
    threads: usize,
    shrinks: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprint!("{USAGE}");
        return ExitCode::FAILURE;
    };
    // What panics is reported with its history.
    std::panic::set_hook(Box::new(|_| {}));
    let failed = match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
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
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        shrinks: true,
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
            "--threads" => arguments.threads = value()?.parse().ok()?,
            "--no-shrink" => arguments.shrinks = false,
            _ => return None,
        }
    }
    Some(arguments)
}

/// Plays one seed and shows it.
fn one(seed: u64, arguments: &Arguments) -> bool {
    let history = History::of(seed, &arguments.choice);
    let played = play(&history);
    println!("seed {seed}, {} clients", history.clients);
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

fn show_shrunk(history: &History, violation: &Violation) {
    let (shrunk, played) = shrink(history, violation);
    println!(
        "shrunk to {} steps, {} clients:",
        shrunk.steps(),
        shrunk.clients
    );
    for line in &played.trace {
        println!("  {line}");
    }
    if let Some(violation) = played.violation {
        println!("  FAILS: {}: {}", violation.class, violation.detail);
    }
}

/// Plays many seeds and reports what fails, by class.
fn many(arguments: &Arguments) -> bool {
    let start = Instant::now();
    let end = arguments.from.saturating_add(arguments.seeds);
    let failures = play_many(arguments.from..end, &arguments.choice, arguments.threads);
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
            show_shrunk(&History::of(seed, &arguments.choice), &failures[&seed]);
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
