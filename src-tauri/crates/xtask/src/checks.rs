//! `cargo xtask test`: everything that has to hold, step by step, ending at the first failure.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::fuzz;
use xtask::project::Project;
use xtask::run::{cargo, npm, run as execute};
use xtask::setup::{self, Level, Tools};

/// What npm runs, in this order. The build comes last; the app is compiled around it.
const UI_SCRIPTS: [(&str, &str); 5] = [
    ("ui: format", "format:check"),
    ("ui: lint", "lint"),
    ("ui: types", "check"),
    ("ui: tests", "test"),
    ("ui: build", "build"),
];

/// Sets up, lints, builds and tests.
pub(crate) fn run(project: &Project) -> Result<()> {
    let mut steps = Steps::default();
    let result = all(project, &mut steps);
    steps.print();
    result
}

fn all(project: &Project, steps: &mut Steps) -> Result<()> {
    let tools = steps.step("setup", || setup::run(project, Level::Full))?;
    let tools = tools.context("The full setup gives tools")?;

    steps.step("format", || {
        execute(cargo(project).args(["fmt", "--all", "--check"]))
    })?;
    // Configured in the top-level `Cargo.toml`.
    steps.step("spelling", || {
        execute(Command::new(&tools.typos).current_dir(&project.root))
    })?;
    if project.has_ui() {
        for (name, script) in UI_SCRIPTS {
            steps.step(name, || {
                execute(
                    npm(project)
                        .args(["run", "--silent", script])
                        .env("CI", "true"),
                )
            })?;
        }
    }
    steps.step("clippy", || {
        let clippy = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        execute(cargo(project).args(clippy))
    })?;
    // The help of the command line is no documentation: it has brackets of its own.
    steps.step("docs", || {
        let docs = [
            "doc",
            "--no-deps",
            "--workspace",
            "--lib",
            "--exclude",
            "coffer-cli",
        ];
        execute(cargo(project).args(docs).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.step("fuzz targets", || fuzz::check(project))?;
    // With the tests' features, so that the tests find these programs and nothing is compiled twice.
    steps.step("build", || {
        execute(cargo(project).args(["build", "--workspace", "--bins", "--tests"]))
    })?;
    steps.step("tests", || tests(project, &tools))
}

fn tests(project: &Project, tools: &Tools) -> Result<()> {
    execute(
        cargo(project)
            .args(["test", "--workspace"])
            .env("COFFER_RCLONE", &tools.rclone)
            .env("COFFER_PYTHON", &tools.python)
            .env("COFFER_CLI", project.built("debug", "coffer"))
            .env("COFFER_APP", project.built("debug", "coffer-app")),
    )
}

/// The steps so far and how long each took.
#[derive(Debug, Default)]
struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
}

impl Steps {
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = work();
        self.done.push((name, started.elapsed(), result.is_ok()));
        result.with_context(|| format!("The step `{name}` failed"))
    }

    fn print(&self) {
        println!("\n{:<12} {:>8}", "step", "seconds");
        for (name, took, passed) in &self.done {
            let verdict = if *passed { "" } else { "  FAILED" };
            println!("{name:<12} {:>8.1}{verdict}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took, _)| *took).sum();
        println!("{:<12} {:>8.1}", "total", total.as_secs_f64());
    }
}
