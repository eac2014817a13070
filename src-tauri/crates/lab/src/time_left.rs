//! `cargo xtask time-left`: how far off "time left" is while backups go to a simulated OneDrive.
//!
//! The example `time_left` of the crate `jobs` does the runs, built for release. Times are the machine's: they are
//! written to `tests/time-left.md` and asserted nowhere.

use std::fs;

use anyhow::{Context, Result, bail};

use xtask::project::Project;
use xtask::run::{cargo, output};

/// Percent that "time left" may be off in the median.
const WANTED: u64 = 25;

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let mut command = cargo(project);
    command.args(["run", "--release", "--quiet", "-p", "coffer-jobs"]);
    command.args(["--example", "time_left", "--"]);
    match arguments {
        [] => {}
        ["--megabytes", number] => {
            let _: u64 = number.parse().context("--megabytes takes a number")?;
            command.arg(number);
        }
        other => bail!(
            "`{}` is not understood; time-left takes --megabytes N",
            other.join(" ")
        ),
    }
    println!("Building, then backing up three times; this takes some minutes");
    let table = output(&mut command)?;
    println!("\n{table}");
    fs::write(project.root.join("tests/time-left.md"), report(&table))?;
    Ok(())
}

fn report(table: &str) -> String {
    format!(
        "# Time left\n\n\
         Written by `cargo xtask time-left`, with a release build. First backups go to a OneDrive that is simulated in the\n\
         same process: without a limit, with the limit of uploads at 6,000 KB/s, and with that limit and one answer 429\n\
         with `Retry-After: 10` when half has arrived. Once a second, after the first tenth of a run, what is reported is\n\
         compared with what was still to come until the run's end, in percent of that. Wanted is a median of at most\n\
         {WANTED} %. In the last run what was still to come holds the wait, which is unknown before the 429. After\n\
         it the client sends half of the usual, and all of it again after half a minute; time left counts on that.\n\n{table}\n"
    )
}
