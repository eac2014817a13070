use coffer_engine::{Mode, RepairStats};
use coffer_ipc::run::Operation;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Rewrites missing or damaged index volumes.
pub async fn repair(
    target: &Target,
    mode: Mode,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<RepairStats> {
    let operation = Operation::Repair;
    let repaired = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::repair(store, mode, now, monitor, cancel),
    );
    repaired.await
}
