use coffer_ipc::CommandError;
use coffer_ipc::restore::Version;
use coffer_jobs::{operation, wording};
use tokio_util::sync::CancellationToken;

use super::Opener;
use crate::arguments::Delete;
use crate::exit::Exit;
use crate::output::{fail, print_json};

pub(crate) async fn run(arguments: Delete, cancel: &CancellationToken) -> Exit {
    let common = arguments.common;
    match delete(arguments, cancel).await {
        Ok(()) => Exit::Success,
        Err(error) => fail(error, common),
    }
}

async fn delete(arguments: Delete, cancel: &CancellationToken) -> Result<(), CommandError> {
    let destination = &arguments.destination;
    let target = Opener {
        url: &arguments.url,
        destination,
        cancel,
    }
    .open_existing()
    .await?;
    let versions = operation::versions(&target, cancel).await?;
    let mut numbers = match arguments.keep_versions {
        Some(kept) => (kept as usize..versions.len()).collect(),
        None => arguments.numbers,
    };
    numbers.sort_unstable();
    numbers.dedup();
    if let Some(missing) = numbers.iter().find(|number| **number >= versions.len()) {
        return Err(wording::invalid(
            format!("There is no version {missing}."),
            format!(
                "Choose 0 (the newest) to {} (the oldest).",
                versions.len() - 1
            ),
        ));
    }
    if numbers.len() == versions.len() && !arguments.allow_full_removal {
        return Err(wording::invalid(
            "This would delete every version.",
            "Pass --allow-full-removal if that is meant.",
        ));
    }
    let chosen: Vec<&Version> = numbers.iter().map(|number| &versions[*number]).collect();
    if !arguments.dry_run {
        operation::delete_versions(&target, numbers.clone(), cancel).await?;
    }
    if arguments.common.json {
        print_json(&chosen);
    } else {
        for version in chosen {
            println!("{}\t{}", version.number, version.time);
        }
    }
    Ok(())
}
