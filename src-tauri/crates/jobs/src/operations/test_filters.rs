use std::sync::Arc;

use coffer_engine::BackupOptions;
use coffer_engine::source::{self, Decision};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use crate::folders::Folders;
use crate::progress::{Observer, Tracker};
use crate::{Result, blocking, wording};

/// Calls `sink` for each path of the sources with whether it would be stored, and why. Backs up nothing.
///
/// # Errors
/// When it is cancelled.
pub async fn test_filters(
    mut options: BackupOptions,
    folders: &Folders,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Decision, String) + Send + 'static,
) -> Result<()> {
    options.source.excluded_folders.extend(folders.own());
    let tracker = Arc::new(Tracker::new(Operation::Backup, observer));
    let cancel = cancel.clone();
    let explained = blocking(move || {
        let (filters, tracker) = (&options.filters, &*tracker);
        source::explain(
            &options.sources,
            filters,
            &options.source,
            tracker,
            &cancel,
            |decision| {
                let reason = wording::reason(&decision.reason, filters.rules());
                sink(decision, reason);
                Ok(())
            },
        )
    });
    explained.await.map_err(|error| wording::engine(&error))
}
