//! `cargo xtask interop`: clients written by others use the simulated OneDrive together with Coffer.
//!
//! What Coffer uploaded they list, check and download; what they copy and upload, Coffer lists, verifies and restores. It
//! keeps the simulator honest, and Coffer's idea of OneDrive with it. Clients whose addresses are fixed come through the
//! simulator's front: a proxy and a CA that only they get. [`tools`] installs them below `target/tools`.
//!
//! The result is written to `tests/interop.md`.

mod abraunegg;
mod checks;
mod client;
mod clients;
mod debian;
mod process;
mod rclone;
mod report;
mod scripts;
mod tools;
mod world;

use std::fs;

use anyhow::{Result, bail, ensure};

use client::{Check, Outcome};
use clients::{Entry, Kind};
use report::Row;
use world::World;
use xtask::project::Project;
use xtask::run::{cargo, output, run as execute};

/// Where the tables go.
const REPORT: &str = "tests/interop.md";

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let only = match arguments {
        [] => None,
        [word] if word.starts_with("--only=") => Some(&word["--only=".len()..]),
        other => bail!(
            "`{}` is not understood; interop takes --only=CLIENT",
            other.join(" ")
        ),
    };
    ensure!(
        cfg!(target_os = "linux"),
        "The clients of others are set up on Linux only"
    );
    let tools = tools::install(project)?;
    execute(cargo(project).args(["build", "-p", "coffer-cli", "-p", "coffer-onedrive-sim"]))?;

    let folder = project.fresh_folder("interop")?;
    println!("Coffer backs up");
    let world = World::create(project, &folder)?;
    let entries = clients::all(project, &world, &tools)?;
    let asked = |entry: &Entry| only.is_none_or(|part| entry.name.contains(part));
    let rows: Vec<Row> = entries
        .into_iter()
        .filter(asked)
        .map(|entry| row(&world, entry))
        .collect();
    ensure!(!rows.is_empty(), "No client is called like that");
    let requests = serde_json::to_vec_pretty(&world.simulator.log_since(0)?)?;
    fs::write(folder.join("requests.json"), requests)?;
    world.coffer_kept_its_token()?;

    let tables = report::tables(&rows);
    println!("{tables}");
    if only.is_none() {
        fs::write(project.root.join(REPORT), head()? + &tables)?;
    }
    let failed = report::failures(&rows);
    ensure!(
        failed == 0,
        "{failed} checks failed; what the programs said is in {}",
        folder.display()
    );
    drop(world);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Looks at everything that is asked of a client.
fn row(world: &World, entry: Entry<'_>) -> Row {
    let Entry {
        name,
        way,
        checks,
        kind,
    } = entry;
    let each = |look: &dyn Fn(Check) -> Outcome| {
        let reported = |check: &Check| {
            let outcome = look(*check);
            report(&name, *check, &outcome);
            (*check, outcome)
        };
        checks.iter().map(reported).collect()
    };
    let outcomes = match kind {
        Kind::Own => each(&|check| checks::look_at_coffer(world, check)),
        Kind::Files(client) => each(&|check| checks::look(world, client.as_ref(), &name, check)),
        Kind::SignIn(script) => {
            let session = script.sign_in();
            each(&|check| session.outcome(check))
        }
        Kind::Missing(reason) => each(&|_| Outcome::Skipped(reason.clone())),
    };
    Row {
        name,
        way,
        outcomes,
    }
}

fn report(name: &str, check: Check, outcome: &Outcome) {
    let column = report::column(check);
    match outcome {
        Outcome::Passed(time) => println!("{name}: {column}: yes ({:.1} s)", time.as_secs_f64()),
        Outcome::Failed(reason) => println!("{name}: {column}: FAILED: {reason}"),
        Outcome::Skipped(reason) => println!("{name}: {column}: skipped: {reason}"),
    }
}

fn head() -> Result<String> {
    let date = output(std::process::Command::new("date").arg("+%F"))?;
    Ok(format!(
        "# Clients of others\n\n\
         Written by `cargo xtask interop`, {}. Each client works with the simulated OneDrive beside Coffer: what Coffer\n\
         uploaded (encrypted, volumes of 6 MB) it lists, checks and downloads; what it copies and uploads, Coffer lists,\n\
         verifies to the last volume and restores. Trouble strikes one fragment in the middle of a file, once.\n\
         A dash is something that the client does not do; of trouble, that it gives up, or sends files in one piece.\n\n\
         `HTTP`: led by its own settings for addresses. `TLS, proxy`: unchanged, with Microsoft's names behind a proxy and a\n\
         CA made for the run. `TLS, localhost`: led by its setting for a base address.\n",
        date.trim()
    ))
}
