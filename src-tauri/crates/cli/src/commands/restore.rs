use coffer_ipc::restore::ExistingFiles;
use coffer_ipc::run::RunResult;
use coffer_jobs::operation::{self, RestoreSettings, Wanted};
use tokio_util::sync::CancellationToken;

use crate::arguments::Restore;
use crate::exit::Exit;
use crate::output::{Display, bytes, fail};

pub(crate) async fn run(arguments: Restore, cancel: &CancellationToken) -> Exit {
    let target = match arguments.destination.open_existing(cancel).await {
        Ok(target) => target,
        Err(error) => return fail(error, arguments.common),
    };
    let settings = RestoreSettings {
        version: arguments.number,
        wanted: Wanted::Arguments(arguments.paths),
        target: arguments.restore_path,
        existing: if arguments.overwrite {
            ExistingFiles::Overwrite
        } else {
            ExistingFiles::KeepBoth
        },
        permissions: arguments.restore_permissions,
    };
    let display = Display::new(arguments.common);
    let finished = operation::restore(&target, None, settings, display.observer(), cancel).await;
    let counts = &finished.counts;
    let head = match finished.result {
        RunResult::Warning => "Restore finished with warnings.",
        _ => "Restore finished.",
    };
    let summary = format!(
        "{head}\n  {} of {} files ({}) and {} folders and links restored{}, {} failed; {} downloaded",
        counts.restored_files,
        counts.examined_files,
        bytes(counts.examined_bytes),
        counts.restored_others,
        finished
            .restored
            .as_ref()
            .and_then(|restored| restored.folder.as_ref())
            .map_or_else(String::new, |folder| format!(" in {folder}")),
        counts.failed_files,
        bytes(counts.downloaded_bytes)
    );
    display.finish(&finished, &summary)
}
