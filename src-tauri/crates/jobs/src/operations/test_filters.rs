use std::path::PathBuf;
use std::sync::Arc;

use coffer_engine::filter::Filters;
use coffer_engine::source::{self, Decision, SourceOptions};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use crate::folders::Folders;
use crate::progress::{Observer, Tracker};
use crate::{Result, blocking, wording};

/// Calls `sink` with what becomes of each path of the sources, and why in words. Backs nothing up.
///
/// # Errors
/// When it is cancelled.
pub async fn test_filters(
    sources: Vec<PathBuf>,
    filters: Filters,
    mut options: SourceOptions,
    folders: &Folders,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Decision, String) + Send + 'static,
) -> Result<()> {
    options.excluded_folders.extend(folders.own());
    let tracker = Arc::new(Tracker::new(Operation::Backup, observer));
    let cancel = cancel.clone();
    let explained = blocking(move || {
        source::explain(
            &sources,
            &filters,
            &options,
            &*tracker,
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
