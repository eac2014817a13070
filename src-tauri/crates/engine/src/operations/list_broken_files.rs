//! Broken files: entries of versions of which blocks are nowhere.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::repository::damage::Lost;
use crate::repository::open::OpenRepository;
use crate::repository::session::Role;
use crate::repository::store::Store;
use crate::repository::sync::{Losses, sync_ignoring_missing};
use crate::repository::versions::Version;

/// An entry that cannot be restored as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// As stored.
    pub path: String,
    /// Bytes of its content; `None` for folders and links.
    pub size: Option<u64>,
    /// See [`Lost`].
    pub lost: Lost,
}

/// Calls `sink` with each entry of each version that is not whole, newest version first. Reads no data, but dblocks
/// that no dindex describes.
///
/// # Errors
/// Those of opening a backup, and whatever `sink` returns.
pub fn for_each_broken_file(
    store: &Store,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Version, BrokenFile) -> Result<()>,
) -> Result<()> {
    let opened = OpenRepository::existing(store, monitor, cancel)?.with_role(Role::Reading);
    let format = opened
        .listed
        .format(&opened.session, &opened.cache.spool())?;
    let Some(format) = format else {
        return Ok(());
    };
    let (indexed, mut listed) = opened.with_format(format)?;
    let repository = indexed.repository();
    let session = repository.session;
    session.phase(Phase::ReadingDestination);
    sync_ignoring_missing(repository, &mut listed, Losses::Sought)?;
    for (number, dlist) in listed.dlists.iter().rev().enumerate() {
        let Some(time) = dlist.name.time() else {
            continue;
        };
        let version = Version { number, time };
        let mut failure = None;
        let looked = repository.broken_files(dlist, |entry, lost| {
            let size = entry.content.map(|content| content.size);
            let path = entry.path;
            sink(version, BrokenFile { path, size, lost }).map_err(|error| {
                failure = Some(error);
                Error::Cancelled
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        if let Err(error) = looked {
            // One version that cannot be read says nothing of the others.
            session.report_unusable(dlist.name.as_str(), error)?;
        }
    }
    Ok(())
}
