//! Histories that are played with every run of the tests; `cargo xtask simulate` plays others.

use std::fmt::Write as _;

use coffer_simulation::{Choice, History, JobsHistory, Story, play_many, shrink, usual_threads};

/// Histories of the engine that are played.
const SEEDS: u64 = 300;
/// Histories of jobs that are played.
const JOBS_SEEDS: u64 = 24;
/// Of those that fail, so many are shown with their steps.
const SHOWN: usize = 3;

#[test]
fn histories_of_the_engine_hold() {
    let make = |seed| History::of(seed, &Choice::default());
    hold(SEEDS, "", make);
}

#[test]
fn histories_of_jobs_hold() {
    let make = |seed| JobsHistory::of(seed, &Choice::default());
    hold(JOBS_SEEDS, "--jobs ", make);
}

fn hold<S: Story>(seeds: u64, option: &str, make: impl Fn(u64) -> S + Sync) {
    let failures = play_many(0..seeds, &make, usual_threads::<S>());

    let mut reported = String::new();
    for (number, (seed, violation)) in failures.iter().enumerate() {
        let _ = writeln!(reported, "seed {seed}: {}", violation.class);
        if number < SHOWN {
            let (_, played) = shrink(&make(*seed), violation);
            for line in played.trace {
                let _ = writeln!(reported, "    {line}");
            }
        }
    }
    assert!(
        failures.is_empty(),
        "play one again with `cargo xtask simulate {option}--seed S`\n{reported}"
    );
}
