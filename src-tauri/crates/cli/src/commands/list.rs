use std::sync::{Arc, Mutex, PoisonError};

use coffer_ipc::CommandError;
use coffer_ipc::restore::{Entry, EntryKind};
use coffer_jobs::inspection;
use tokio_util::sync::CancellationToken;

use crate::arguments::List;
use crate::exit::Exit;
use crate::output::{Display, fail, is_lost, print_json};

pub(crate) async fn run(arguments: List, cancel: &CancellationToken) -> Exit {
    let common = arguments.common;
    let display = Display::quiet(common);
    match list(arguments, &display, cancel).await {
        Ok(()) => display.exit(),
        Err(error) => fail(error, common),
    }
}

async fn list(
    arguments: List,
    display: &Display,
    cancel: &CancellationToken,
) -> Result<(), CommandError> {
    let target = arguments.destination.open_existing(cancel).await?;
    let json = arguments.common.json;
    if arguments.number.is_none() && arguments.pattern.is_none() {
        let versions = inspection::versions(&target, display.quiet_observer(), cancel).await?;
        if json {
            print_json(&versions);
        } else {
            for version in versions {
                println!("{}\t{}", version.number, version.time);
            }
        }
        return Ok(());
    }
    let wanted = arguments.pattern.unwrap_or_default().to_lowercase();
    // One line of JSON holds all entries; lines of text go out as they come.
    let entries = Arc::new(Mutex::new(Vec::<Entry>::new()));
    let found = Arc::clone(&entries);
    inspection::for_each_entry(
        &target,
        None,
        arguments.number.unwrap_or(0),
        display.quiet_observer(),
        cancel,
        move |entry| {
            if entry.path.to_lowercase().contains(&wanted) {
                if json {
                    found
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(entry);
                } else {
                    print_entry(&entry);
                }
            }
            !is_lost()
        },
    )
    .await?;
    if json {
        print_json(&*entries.lock().unwrap_or_else(PoisonError::into_inner));
    }
    Ok(())
}

fn print_entry(entry: &Entry) {
    match entry.kind {
        EntryKind::File => println!("{:>14}  {}", entry.size_bytes, entry.path),
        EntryKind::Folder => println!("{:>14}  {}", "folder", entry.path),
        EntryKind::Symlink => println!("{:>14}  {}", "link", entry.path),
    }
}
