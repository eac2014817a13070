//! `cargo xtask simulate`: seeded histories of everything that goes wrong, played against the real engine, or with `--jobs`
//! against the real jobs of an app.
//!
//! The simulation is a program of its own, so that this one stays small. It prints each seed that fails with the steps
//! that matter; `--seed S` plays one again.

use anyhow::{Result, ensure};

use xtask::project::Project;
use xtask::run::{cargo, run as execute};

/// Options that have a value, and those that have none.
const WITH_VALUE: [&str; 6] = [
    "--seeds",
    "--from",
    "--seed",
    "--only",
    "--without",
    "--threads",
];
const WITHOUT_VALUE: [&str; 2] = ["--jobs", "--no-shrink"];

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let is_right = WITHOUT_VALUE.contains(argument)
            || (WITH_VALUE.contains(argument) && rest.next().is_some());
        ensure!(
            is_right,
            "`{argument}` is not understood; try --jobs, --seeds N, --from K, --seed S, --only SORT,…, \
             --without SORT,…, --threads T or --no-shrink"
        );
    }
    execute(
        cargo(project)
            .args([
                "run",
                "--quiet",
                "--release",
                "-p",
                "coffer-simulation",
                "--",
            ])
            .args(arguments),
    )
}
