//! `cargo lab <command>`: what measures and looks, apart from what sets up and tests. `cargo xtask <command>` does the
//! same.

mod bench;
mod interop;
mod limits;
mod power_cuts;
mod random;
mod screenshots;
mod soak;
mod time_left;

use std::process::ExitCode;

use anyhow::{Result, bail};
use xtask::project::Project;

const USAGE: &str = "\
Usage: cargo lab <command>

  bench [--large] [--lookups] [--only=SOURCE] [--rounds=N] [--no-memory-check]
                        Measure the release command line beside restic, borg and rustic (tests/bench.md)
  soak [--kills N] [--seed N]
                        Kill the command line at random moments of its uploads, again and again
  power-cuts [--cuts N] [--seed N]
                        Cut the power of the disk that a backup writes to, again and again (Linux, as root)
  interop [--only=CLIENT]
                        Let OneDrive clients of others work with what Coffer stores, and Coffer with what they do
                        (tests/interop.md)
  limits [--minutes N] [--seed N…]
                        Upload to a OneDrive that limits requests, and see how much of what it allows is used
  time-left [--megabytes N]
                        See how far off the time left is in three backups: a fast line, a limit, and a wait in the middle
  screenshots           Write every screen, light and dark, to screenshots/
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nlab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let project = Project::find()?;
    match arguments.as_slice() {
        ["bench", rest @ ..] => bench::run(&project, rest),
        ["interop", rest @ ..] => interop::run(&project, rest),
        ["limits", rest @ ..] => limits::run(&project, rest),
        ["power-cuts", rest @ ..] => power_cuts::run(&project, rest),
        ["screenshots"] => screenshots::run(&project),
        ["soak", rest @ ..] => soak::run(&project, rest),
        ["time-left", rest @ ..] => time_left::run(&project, rest),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("`{}` is not a command\n\n{USAGE}", other.join(" ")),
    }
}
