use std::path::PathBuf;
use std::sync::Arc;

use coffer_engine::{OpenedBackup, RestoreOptions, RestoreStats};
use coffer_ipc::run::{Operation, Restored, RestoredFile, RunCounts, RunResult};
use tokio_util::sync::CancellationToken;

use super::finished::Finished;
use super::run_tracked;
use crate::local_path;
use crate::progress::{Observer, Tracker};
use crate::target::Target;

/// Restores files. For an open backup, `opened` determines which version has which number.
pub async fn restore(
    target: &Target,
    opened: Option<OpenedBackup>,
    mut options: RestoreOptions,
    observer: Observer,
    cancel: &CancellationToken,
) -> Finished {
    options.target = options.target.as_deref().map(local_path::expand);
    let chosen = options.target.clone();
    let tracker = Arc::new(Tracker::new(Operation::Restore, observer));
    let outcome = run_tracked(
        &tracker,
        target,
        cancel,
        move |store, monitor, cancel| match opened {
            Some(opened) => opened.restore(&options, monitor, cancel),
            None => coffer_engine::restore(store, &options, monitor, cancel),
        },
    );
    let outcome = outcome.await;
    let downloaded_bytes = tracker.transferred_bytes();
    let stats = match outcome {
        Ok(stats) => stats,
        Err(error) => {
            let counts = RunCounts {
                downloaded_bytes,
                ..RunCounts::default()
            };
            return Finished::failed_in_engine(&error, counts);
        }
    };
    let result = if stats.warnings > 0 || tracker.has_warned() {
        RunResult::Warning
    } else {
        RunResult::Success
    };
    let counts = RunCounts {
        examined_files: stats.selected_files,
        examined_bytes: stats.restored_bytes,
        restored_files: stats.restored_files,
        restored_others: stats.restored_others,
        failed_files: stats.failed_files,
        downloaded_bytes,
        ..RunCounts::default()
    };
    Finished {
        restored: Some(Box::new(restored(stats, chosen, &target.label))),
        ..Finished::new(result, counts)
    }
}

fn restored(stats: RestoreStats, chosen: Option<PathBuf>, from: &str) -> Restored {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let files = stats.files.into_iter().map(|file| RestoredFile {
        path: text(file.path),
        new_name: file.is_beside,
    });
    let elsewhere = chosen.is_some();
    let chosen = chosen.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    Restored {
        from: from.to_owned(),
        folder: chosen.or(stats.folder).map(text),
        elsewhere,
        files: files.collect(),
        failed: stats.failed,
    }
}
