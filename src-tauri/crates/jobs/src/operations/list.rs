use coffer_engine::OpenedBackup;
use coffer_ipc::restore::{Entry, Version};
use coffer_ipc::run::Operation;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::Result;
use crate::progress::Observer;
use crate::shapes::{entry_shape, version_shapes};
use crate::target::Target;

/// All versions, newest first.
pub async fn versions(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<Vec<Version>> {
    let opened = open_backup(target, observer, cancel).await?;
    Ok(version_shapes(&opened.versions()))
}

/// Reads which versions there are, so that later requests need not list them again.
pub(crate) async fn open_backup(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<OpenedBackup> {
    let operation = Operation::Verify;
    let opened = run(
        operation,
        target,
        observer,
        cancel,
        |store, monitor, cancel| OpenedBackup::open(store, monitor, cancel),
    );
    opened.await
}

/// Calls `sink` with each entry of a version, until it returns false. For an open backup, `opened` determines which
/// version has which number.
///
/// # Errors
/// As [`versions`].
pub async fn for_each_entry(
    target: &Target,
    opened: Option<OpenedBackup>,
    version: usize,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Entry) -> bool + Send + 'static,
) -> Result<()> {
    let operation = Operation::Verify;
    let read = run(
        operation,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            let mut stopped = false;
            let sink = |entry| {
                if sink(entry_shape(&entry)) {
                    return Ok(());
                }
                stopped = true;
                Err(coffer_engine::Error::Cancelled)
            };
            let read = match opened {
                Some(opened) => opened.for_each_entry(version, monitor, cancel, sink),
                None => coffer_engine::for_each_entry(store, version, monitor, cancel, sink),
            };
            if stopped { Ok(()) } else { read }
        },
    );
    read.await
}
