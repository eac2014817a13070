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
    let display = Display::new(common);
    match compact(arguments, &display, cancel).await {
        Ok(compacted) => {
            if common.json {
                print_json(&as_json(&compacted));
            } else {
                print(&compacted, dry_run);
            }
            display.exit()
        }
        Err(error) => fail(error, common),
    }
}

async fn compact(
    arguments: Compact,
    display: &Display,
    cancel: &CancellationToken,
) -> Result<Compacted, CommandError> {
    let target = arguments.destination.open_existing(cancel).await?;
    let mut settings = arguments.compacting.settings();
    settings.at_once = arguments.now;
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
    print_files("not needed", &compacted.retired);
    if !compacted.retired.is_empty() {
        println!(
            "What is not needed is deleted by a run tomorrow or later, or at once with --now."
        );
    }
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
        "retired": files(&compacted.retired),
    })
}
