//! `cargo xtask <command>`: everything a person or a build machine does with this project.

mod checks;
mod deny;
mod fuzz;
mod lab;
mod simulate;
mod windows;

use std::process::ExitCode;

use anyhow::{Result, bail};
use xtask::project::Project;
use xtask::{demo, setup};

const USAGE: &str = "\
Usage: cargo xtask <command>

  demo [--source DIR]   Show the whole way, from sign-in to restore, against a simulated OneDrive
  test                  Install what is missing, then lint, build and test everything
  deny                  Check licenses, sources and known vulnerabilities of every dependency (needs cargo-deny)
  setup [--build-only]  Only install what is missing
  fuzz [--minutes=N] [TARGET…]
                        Feed hostile data to every decoder, ten minutes each unless said otherwise
  simulate [--jobs] [--seeds N] [--from K] [--seed S] [--only SORT,…] [--without SORT,…] [--threads T] [--no-shrink]
                        Play histories of everything that goes wrong against the engine, or the jobs, and shrink those that
                        fail
  windows               Type-check everything for Windows (on Debian or Ubuntu)
  bench | interop | limits | power-cuts | screenshots | soak | time-left
                        Measure; `cargo lab` says how
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
        ["test"] => checks::run(&project),
        ["deny"] => deny::run(&project),
        ["demo", rest @ ..] => demo::run(&project, rest),
        ["fuzz", rest @ ..] => fuzz::run(&project, rest),
        ["simulate", rest @ ..] => simulate::run(&project, rest),
        [command, ..] if lab::COMMANDS.contains(command) => lab::run(&project, &arguments),
        ["windows"] => windows::run(&project),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("`{}` is not a command\n\n{USAGE}", other.join(" ")),
    }
}
