use coffer_engine::Difference;
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::target::Target;

/// Calls `sink` with each difference from version `base` to version `to`.
pub async fn compare(
    target: &Target,
    (base, to): (usize, usize),
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Difference) + Send + 'static,
) -> Result<()> {
    let operation = Operation::Verify;
    let compared = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            coffer_engine::compare(store, (base, to), monitor, cancel, |difference| {
                sink(difference);
                Ok(())
            })
        },
    );
    compared.await
}
