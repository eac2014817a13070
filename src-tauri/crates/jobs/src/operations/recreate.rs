use coffer_engine::RecreateStats;
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Deletes this computer's index of a backup and rebuilds it.
pub async fn recreate(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<RecreateStats> {
    let operation = Operation::Repair;
    let recreated = run(
        operation,
        target,
        observer,
        cancel,
        |store, monitor, cancel| coffer_engine::recreate(store, monitor, cancel),
    );
    recreated.await
}
