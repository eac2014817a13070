//! Looking for files over several versions.

use std::sync::Arc;

use coffer_volume::dlist::FilelistEntry;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::operations::restore::selection::Selection;
use crate::repository::reading::Reading;
use crate::repository::store::Store;
use crate::repository::versions::Version;

/// Calls `sink` with each entry of `versions` (numbers, 0 being the newest; none means all) that `selection` means.
///
/// # Errors
/// Those of opening a backup, [`crate::Error::NoVersion`], and whatever `sink` returns.
pub fn find(
    store: &Store,
    selection: &Selection,
    versions: &[usize],
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Version, FilelistEntry) -> Result<()>,
) -> Result<()> {
    let backup = Reading::open(store, monitor, cancel)?;
    let numbers = if versions.is_empty() {
        (0..backup.listed.dlists.len()).collect()
    } else {
        versions.to_vec()
    };
    for number in numbers {
        let name = backup.listed.version(number)?.name.to_string();
        let mut failure = None;
        let read = backup.for_each_entry(number, |version, entry| {
            if !selection.contains(&entry.path) {
                return Ok(());
            }
            sink(version, entry).map_err(|error| {
                failure = Some(error);
                Error::Cancelled
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        if let Err(error) = read {
            // One version that cannot be read says nothing of the others.
            backup.session.report_unusable(&name, error)?;
        }
    }
    Ok(())
}
