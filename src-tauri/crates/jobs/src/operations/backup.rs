use std::sync::Arc;

use coffer_engine::{BackupOptions, BackupStats};
use coffer_ipc::run::{Operation, RunCounts, RunResult};
use tokio_util::sync::CancellationToken;

use super::finished::Finished;
use super::run_tracked;
use crate::folders::Folders;
use crate::progress::{Observer, Tracker};
use crate::target::Target;

/// Backs up and applies the retention. Coffer's own folders and the volumes themselves are left out.
pub async fn backup(
    target: &Target,
    mut options: BackupOptions,
    folders: &Folders,
    observer: Observer,
    cancel: &CancellationToken,
) -> Finished {
    options.source.excluded_folders.extend(folders.own());
    // A backup of its own volumes would grow with every run.
    let volumes = target.folder.clone();
    options.source.excluded_folders.extend(volumes);
    options.checkpoints = target.checkpoints.clone();
    let tracker = Tracker::new(Operation::Backup, observer).held_to(target.allowance.clone());
    let tracker = Arc::new(tracker);
    let outcome = run_tracked(&tracker, target, cancel, |store, monitor, cancel| {
        coffer_engine::backup(store, options, monitor, cancel)
    });
    match outcome.await {
        Err(error) => {
            let counts = RunCounts {
                uploaded_bytes: tracker.transferred_bytes(),
                ..RunCounts::default()
            };
            Finished::failed_in_engine(&error, counts)
        }
        Ok(stats) => Finished {
            quota: target.quota(cancel).await,
            ..finished(&stats, &tracker)
        },
    }
}

fn finished(stats: &BackupStats, tracker: &Tracker) -> Finished {
    let result = if stats.warnings > 0 || tracker.has_warned() {
        RunResult::Warning
    } else if stats.version.is_none() {
        RunResult::Unchanged
    } else {
        RunResult::Success
    };
    let missing = tracker.missing_sources();
    let counts = RunCounts {
        examined_files: stats.examined_files,
        examined_bytes: stats.examined_bytes,
        added_files: stats.added_files,
        changed_files: stats.changed_files,
        deleted_files: stats.deleted_files,
        failed_files: tracker.unread_files(),
        missing_sources: missing.len() as u64,
        uploaded_bytes: stats.uploaded_bytes,
        uploaded_volumes: stats.uploaded_volumes,
        deleted_versions: stats.deleted_versions,
        ..RunCounts::default()
    };
    let versions = u32::try_from(stats.versions).unwrap_or(u32::MAX);
    Finished {
        stored: Some((versions, stats.stored_bytes)),
        held_back: tracker.held_back(),
        missing,
        ..Finished::new(result, counts)
    }
}
