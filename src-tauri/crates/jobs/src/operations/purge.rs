use coffer_engine::{PurgeOptions, PurgeStats};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Removes files from versions.
pub async fn purge(
    target: &Target,
    mut options: PurgeOptions,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<PurgeStats> {
    if let Some(compact) = &mut options.compact {
        compact.checkpoints = target.checkpoints.clone();
    }
    let operation = Operation::Repair;
    let purged = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::purge(store, &options, monitor, cancel),
    );
    purged.await
}
