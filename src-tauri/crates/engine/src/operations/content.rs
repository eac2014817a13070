//! What a destination folder holds.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::repository::listing::Listing;
use crate::repository::session::Session;
use crate::repository::store::Store;
use crate::repository::versions::{Version, numbered};

/// What a destination folder holds, as its listing says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderContent {
    /// It does not exist.
    Missing,
    /// No files at all.
    Empty,
    /// Files, but no volume with the store's prefix; prefixes of other backups are named.
    Other(Vec<String>),
    /// A backup.
    Backup {
        /// Newest first.
        versions: Vec<Version>,
        /// Whether its volumes need a passphrase.
        encrypted: bool,
    },
}

/// Says what the store's folder holds. Needs no passphrase and downloads nothing.
///
/// # Errors
/// Those of the destination, and [`crate::Error::UnreadableModule`] when the folder holds a backup that cannot be read.
pub fn content(store: &Store, cancel: &CancellationToken) -> Result<FolderContent> {
    let session = Session::new(store, Arc::new(()), cancel);
    let listed = Listing::of(&session)?;
    if !listed.exists {
        return Ok(FolderContent::Missing);
    }
    listed.require_readable(&session)?;
    if listed.is_empty() {
        let is_empty = listed.other_prefixes.is_empty() && !listed.has_other_files;
        return Ok(if is_empty {
            FolderContent::Empty
        } else {
            FolderContent::Other(listed.other_prefixes)
        });
    }
    let encrypted = listed
        .probe()
        .is_some_and(|volume| volume.name.encryption().is_some());
    Ok(FolderContent::Backup {
        versions: numbered(&listed.dlists),
        encrypted,
    })
}
