use coffer_engine::Selection;
use coffer_ipc::restore::{Entry, Version};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::shapes::{entry_shape, version_shape};
use crate::target::Target;

/// Calls `sink` with each entry that is selected, in the given versions, or in all when none is given.
pub async fn find(
    target: &Target,
    selection: Selection,
    versions: Vec<usize>,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Version, Entry) + Send + 'static,
) -> Result<()> {
    let operation = Operation::Verify;
    let found = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            coffer_engine::find(
                store,
                &selection,
                &versions,
                monitor,
                cancel,
                |version, entry| {
                    sink(version_shape(version), entry_shape(&entry));
                    Ok(())
                },
            )
        },
    );
    found.await
}
