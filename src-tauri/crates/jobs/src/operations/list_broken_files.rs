use coffer_engine::BrokenFile;
use coffer_ipc::restore::Version;
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::shapes::version_shape;
use crate::target::Target;

/// Calls `sink` with each broken entry of each version.
pub async fn list_broken_files(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Version, BrokenFile) + Send + 'static,
) -> Result<()> {
    let operation = Operation::Verify;
    let listed = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            coffer_engine::for_each_broken_file(store, monitor, cancel, |version, file| {
                sink(version_shape(version), file);
                Ok(())
            })
        },
    );
    listed.await
}
