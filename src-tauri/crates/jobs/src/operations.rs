//! Single operations on a target, one per file: those of the engine, run on a blocking thread, with errors as messages
//! for users.

mod backup;
mod compact;
mod compare;
mod content;
mod delete;
mod find;
mod finished;
mod list;
mod list_broken_files;
mod purge;
mod recreate;
mod repair;
mod restore;
mod test_filters;
mod verify;

use std::sync::Arc;

use coffer_engine::Store;
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use crate::progress::{Observer, Tracker};
use crate::target::Target;
use crate::{Result, blocking, wording};

pub use backup::backup;
pub use compact::compact;
pub use compare::compare;
pub use content::content;
pub use delete::delete;
pub use find::find;
pub use finished::Finished;
pub(crate) use list::open_backup;
pub use list::{for_each_entry, versions};
pub use list_broken_files::list_broken_files;
pub use purge::purge;
pub use recreate::recreate;
pub use repair::repair;
pub use restore::restore;
pub use test_filters::test_filters;
pub use verify::verify;

/// Runs one engine operation on a blocking thread.
async fn run<T: Send + 'static>(
    operation: Operation,
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
    work: impl FnOnce(&Store, Arc<Tracker>, &CancellationToken) -> coffer_engine::Result<T>
    + Send
    + 'static,
) -> Result<T> {
    let tracker = Arc::new(Tracker::new(operation, observer));
    let done = run_tracked(&tracker, target, cancel, work).await;
    done.map_err(|error| wording::engine(&error))
}

/// The same for operations that use what the tracker recorded.
async fn run_tracked<T: Send + 'static>(
    tracker: &Arc<Tracker>,
    target: &Target,
    cancel: &CancellationToken,
    work: impl FnOnce(&Store, Arc<Tracker>, &CancellationToken) -> coffer_engine::Result<T>
    + Send
    + 'static,
) -> coffer_engine::Result<T> {
    let (store, token) = (target.store.clone(), cancel.clone());
    let monitor = Arc::clone(tracker);
    let span = tracing::info_span!(
        "run",
        operation = ?tracker.operation(),
        destination = target.store.destination().label()
    );
    let entered = span.clone();
    let work = blocking(move || entered.in_scope(|| work(&store, monitor, &token)));
    let done = tracker.report_waits(target.waits.clone(), work).await;
    match &done {
        Ok(_) => tracing::info!(parent: &span, "finished"),
        Err(coffer_engine::Error::Cancelled) => tracing::info!(parent: &span, "cancelled"),
        Err(
            error @ (coffer_engine::Error::Destination(_)
            | coffer_engine::Error::Volume { .. }
            | coffer_engine::Error::VolumeNotRead { .. }),
        ) => tracing::error!(parent: &span, %error, "failed"),
        // Others may name files of the sources.
        Err(error) => {
            let code = wording::engine(error).code;
            tracing::error!(parent: &span, ?code, "failed");
        }
    }
    done
}
