//! `cargo xtask <command>`: everything a person or a build machine does with this project.
//!
//! [`setup`] finds and installs what the machine lacks; the other commands call it first. [`project`] knows where
//! things are, [`run`] starts programs. Nothing here is part of the product.

mod bench;
mod demo;
mod deny;
mod fuzz;
mod interop;
mod limits;
mod power_cuts;
mod project;
mod random;
mod run;
mod screenshots;
mod setup;
mod simulate;
mod soak;
mod tests;
mod time_left;
mod windows;

use std::process::ExitCode;

use anyhow::{Result, bail};

use project::Project;

const USAGE: &str = "\
Usage: cargo xtask <command>

  demo [--source DIR]   Show the whole way, from sign-in to restore, against a simulated OneDrive
  test                  Install what is missing, then lint, build and test everything
  deny                  Check licenses, sources and known vulnerabilities of every dependency (needs cargo-deny)
  setup [--build-only]  Only install what is missing
  screenshots           Write every screen, light and dark, to screenshots/
  fuzz [--minutes=N] [TARGET…]
                        Feed hostile data to every decoder, ten minutes each unless said otherwise
  bench [--large] [--lookups] [--only=SOURCE] [--rounds=N] [--no-memory-check]
                        Measure the release command line beside restic, borg and rustic (tests/bench.md)
  soak [--kills N] [--seed N]
                        Kill the command line at random moments of its uploads, again and again
  power-cuts [--cuts N] [--seed N]
                        Cut the power of the disk that a backup writes to, again and again (Linux, as root)
  simulate [--jobs] [--seeds N] [--from K] [--seed S] [--only SORT,…] [--without SORT,…] [--threads T] [--no-shrink]
                        Play histories of everything that goes wrong against the engine, or the jobs, and shrink those that
                        fail
  interop [--only=CLIENT]
                        Let OneDrive clients of others work with what Coffer stores, and Coffer with what they do
                        (tests/interop.md)
  limits [--minutes N] [--seed N…]
                        Upload to a OneDrive that limits requests, and see how much of what it allows is used
  time-left [--megabytes N]
                        See how far off the time left is in three backups: a fast line, a limit, and a wait in the middle
  windows               Type-check everything for Windows (on Debian or Ubuntu)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let project = Project::find()?;
    match arguments.as_slice() {
        ["setup"] => setup::run(&project, setup::Level::Full).map(drop),
        ["setup", "--build-only"] => setup::run(&project, setup::Level::Build).map(drop),
        ["test"] => tests::run(&project),
        ["deny"] => deny::run(&project),
        ["demo", rest @ ..] => demo::run(&project, rest),
        ["screenshots"] => screenshots::run(&project),
        ["fuzz", rest @ ..] => fuzz::run(&project, rest),
        ["bench", rest @ ..] => bench::run(&project, rest),
        ["soak", rest @ ..] => soak::run(&project, rest),
        ["power-cuts", rest @ ..] => power_cuts::run(&project, rest),
        ["simulate", rest @ ..] => simulate::run(&project, rest),
        ["interop", rest @ ..] => interop::run(&project, rest),
        ["limits", rest @ ..] => limits::run(&project, rest),
        ["time-left", rest @ ..] => time_left::run(&project, rest),
        ["windows"] => windows::run(&project),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("`{}` is not a command\n\n{USAGE}", other.join(" ")),
    }
}
