//! Histories that are played with every run of the tests; `cargo xtask simulate` plays others.

use std::fmt::Write as _;

use coffer_simulation::{Choice, History, play_many, shrink};

/// Histories that are played.
const SEEDS: u64 = 300;
/// Of those that fail, so many are shown with their steps.
const SHOWN: usize = 3;

#[test]
fn three_hundred_histories_hold() {
    let choice = Choice::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);

    let failures = play_many(0..SEEDS, &choice, threads);

    let mut told = String::new();
    for (number, (seed, violation)) in failures.iter().enumerate() {
        let _ = writeln!(told, "seed {seed}: {}", violation.class);
        if number < SHOWN {
            let (_, played) = shrink(&History::of(*seed, &choice), violation);
            for line in played.trace {
                let _ = writeln!(told, "    {line}");
            }
        }
    }
    assert!(
        failures.is_empty(),
        "play one again with `cargo xtask simulate --seed S`\n{told}"
    );
}
