use coffer_engine::{VerifyOptions, VerifyStats};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Verifies a backup.
///
/// # Errors
/// Damage is not an error; it is in the statistics and reported to the observer.
pub async fn verify(
    target: &Target,
    options: VerifyOptions,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<VerifyStats> {
    let operation = Operation::Verify;
    let verified = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::verify(store, &options, monitor, cancel),
    );
    verified.await
}
