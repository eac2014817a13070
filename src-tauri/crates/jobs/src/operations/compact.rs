use coffer_engine::{CompactOptions, CompactStats};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Reclaims the space of data that no version needs.
pub async fn compact(
    target: &Target,
    options: CompactOptions,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<CompactStats> {
    let options = CompactOptions {
        checkpoints: target.checkpoints.clone(),
        ..options
    };
    let operation = Operation::Compact;
    let compacted = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::compact(store, &options, monitor, cancel),
    );
    compacted.await
}
