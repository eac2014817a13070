use coffer_ipc::CommandError;
use coffer_jobs::maintenance::{self, DeleteSettings};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::arguments::Delete;
use crate::exit::Exit;
use crate::output::{Display, fail, print_json};

pub(crate) async fn run(arguments: Delete, cancel: &CancellationToken) -> Exit {
    let common = arguments.common;
    let display = Display::new(common);
    match delete(arguments, &display, cancel).await {
        Ok(()) => display.exit(),
        Err(error) => fail(error, common),
    }
}

async fn delete(
    arguments: Delete,
    display: &Display,
    cancel: &CancellationToken,
) -> Result<(), CommandError> {
    let target = arguments.destination.open_existing(cancel).await?;
    let settings = DeleteSettings {
        numbers: arguments.numbers,
        retention: arguments.retention.settings(),
        compact: arguments.compacting.settings().map(|mut settings| {
            settings.at_once = arguments.now;
            settings
        }),
        volume_size: arguments.dblock_size,
        allow_full_removal: arguments.allow_full_removal,
        dry_run: arguments.dry_run,
    };
    let observer = display.observer();
    let deleted =
        maintenance::delete(&target, settings, Timestamp::now(), observer, cancel).await?;
    if arguments.common.json {
        print_json(&deleted.versions);
    } else if arguments.dry_run {
        for file in deleted.files {
            println!("{}", file.name);
        }
    } else {
        for version in deleted.versions {
            println!("{}\t{}", version.number, version.time);
        }
    }
    Ok(())
}
