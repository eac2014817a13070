use coffer_engine::{DeleteOptions, DeleteStats};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Deletes versions.
pub async fn delete(
    target: &Target,
    mut options: DeleteOptions,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<DeleteStats> {
    if let Some(compact) = &mut options.compact {
        compact.checkpoints = target.checkpoints.clone();
    }
    let operation = Operation::Delete;
    let deleted = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::delete(store, &options, monitor, cancel),
    );
    deleted.await
}
