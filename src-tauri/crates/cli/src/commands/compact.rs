use coffer_ipc::CommandError;
use coffer_jobs::maintenance::{self, Compacted, RemoteFile};
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::arguments::Compact;
use crate::exit::Exit;
use crate::output::{Display, bytes, fail, print_json};

pub(crate) async fn run(arguments: Compact, cancel: &CancellationToken) -> Exit {
    let dry_run = arguments.dry_run;
    let common = arguments.common;
    match compact(arguments, cancel).await {
        Ok(compacted) => {
            if common.json {
                print_json(&as_json(&compacted));
            } else {
                print(&compacted, dry_run);
            }
            Exit::Success
        }
        Err(error) => fail(error, common),
    }
}

async fn compact(
    arguments: Compact,
    cancel: &CancellationToken,
) -> Result<Compacted, CommandError> {
    let target = arguments.destination.open_existing(cancel).await?;
    let display = Display::new(arguments.common);
    let settings = arguments.compacting.settings();
    let (size, dry_run) = (arguments.dblock_size, arguments.dry_run);
    let (now, observer) = (Timestamp::now(), display.observer());
    maintenance::compact(&target, settings, size, dry_run, now, observer, cancel).await
}

fn print(compacted: &Compacted, dry_run: bool) {
    let would = if dry_run { "would be " } else { "" };
    println!(
        "{} of {} are not needed",
        bytes(compacted.unused_bytes),
        bytes(compacted.used_bytes + compacted.unused_bytes)
    );
    print_files(&format!("{would}read"), &compacted.downloaded);
    if dry_run && compacted.moved_bytes > 0 {
        println!(
            "{} would be written into new volumes",
            bytes(compacted.moved_bytes)
        );
    }
    print_files(&format!("{would}uploaded"), &compacted.uploaded);
    print_files(&format!("{would}deleted"), &compacted.deleted);
}

fn print_files(verb: &str, files: &[RemoteFile]) {
    for file in files {
        println!("{verb}\t{}\t{}", file.name, file.size);
    }
}

fn as_json(compacted: &Compacted) -> serde_json::Value {
    let files = |files: &[RemoteFile]| -> Vec<_> {
        files
            .iter()
            .map(|file| json!({ "name": file.name, "sizeBytes": file.size }))
            .collect()
    };
    json!({
        "usedBytes": compacted.used_bytes,
        "unusedBytes": compacted.unused_bytes,
        "movedBytes": compacted.moved_bytes,
        "downloaded": files(&compacted.downloaded),
        "uploaded": files(&compacted.uploaded),
        "deleted": files(&compacted.deleted),
    })
}
