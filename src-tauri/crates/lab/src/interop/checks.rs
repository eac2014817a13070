//! The checks of a client that keeps files.

use std::fs;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};

use super::client::{Check, Client, Outcome, Trouble};
use super::world::{BACKUP, World, contents};

/// Looks at one thing; `name` is the client's, for folders of its own.
pub(super) fn look(world: &World, client: &dyn Client, name: &str, check: Check) -> Outcome {
    let started = Instant::now();
    let result = match check {
        Check::List => lists(world, client),
        Check::Hashes => client.check(&world.reference, BACKUP),
        Check::Download => downloads(world, client),
        Check::Copy => copies(world, client, name),
        Check::Upload => uploads(world, client, &format!("Uploaded by {name}")),
        Check::Through(trouble) => uploads_through(world, client, name, trouble),
        Check::Code => client.sign_in(),
        Check::Silent => client.renew(),
        Check::Device => Err(anyhow!("it is not asked to sign in so")),
    };
    outcome(started, result)
}

/// As [`look`], at Coffer itself with the addresses that are built into it.
pub(super) fn look_at_coffer(world: &World, check: Check) -> Outcome {
    let started = Instant::now();
    let result = match check {
        Check::Download => world.coffer_downloads_by_tls(),
        Check::Upload => world.coffer_uploads_by_tls(),
        _ => return Outcome::Skipped("nothing is known of it".to_owned()),
    };
    outcome(started, result)
}

fn outcome(started: Instant, result: Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(started.elapsed()),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

fn lists(world: &World, client: &dyn Client) -> Result<()> {
    let mut listed = client.list(BACKUP)?;
    listed.sort_unstable();
    let volumes = world.volumes()?;
    ensure!(
        volumes.len() >= 8,
        "{volumes:?} are too few to show anything"
    );
    ensure!(listed == volumes, "{listed:?} instead of {volumes:?}");
    Ok(())
}

fn downloads(world: &World, client: &dyn Client) -> Result<()> {
    let to = world.fresh("downloaded")?;
    client.download(BACKUP, &to)?;
    let (found, expected) = (contents(&to)?, contents(&world.reference)?);
    for (name, bytes) in &expected {
        let same = found.get(name).is_some_and(|found| found == bytes);
        ensure!(same, "{name} did not come, or came otherwise");
    }
    ensure!(found.len() == expected.len(), "{} files came", found.len());
    fs::remove_dir_all(to)?;
    Ok(())
}

fn copies(world: &World, client: &dyn Client, name: &str) -> Result<()> {
    let to = format!("Interop/Copied by {name}");
    client.copy(BACKUP, &to)?;
    world.coffer_is_content(&to)
}

fn uploads(world: &World, client: &dyn Client, name: &str) -> Result<()> {
    let folder = &format!("{}{name}", client.uploads_below());
    client.upload(&world.local, folder)?;
    let left = world.simulator.open_uploads()?;
    ensure!(left.is_empty(), "Upload sessions are left over: {left:?}");
    world.coffer_is_content(folder)
}

fn uploads_through(world: &World, client: &dyn Client, name: &str, trouble: Trouble) -> Result<()> {
    world.simulator.add_fault(&fault(trouble))?;
    let result = uploads(world, client, &format!("{trouble:?} {name}"));
    let struck = world.simulator.clear_faults()?;
    result?;
    ensure!(struck == 1, "The fault struck {struck} times");
    Ok(())
}

/// Strikes the first fragment that is not the first of its file, once.
fn fault(trouble: Trouble) -> Value {
    let action = match trouble {
        Trouble::Throttled => json!({"status": 429, "retry_after": 1}),
        Trouble::Unavailable => json!({"status": 503, "body": "html"}),
        Trouble::Cut => json!({"drop": "mid_body", "at": 100_000}),
        Trouble::StoredAndDenied => json!({"store_then_status": 500}),
        Trouble::HalfStored => json!({"store_half_then_status": 503}),
    };
    json!({"match": {"op": "fragment", "after_bytes": 1}, "times": 1, "action": action})
}
