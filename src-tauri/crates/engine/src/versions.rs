//! What a destination holds, which versions, and the file list of each.

use std::path::Path;
use std::sync::Arc;

use coffer_destination::Error as DestinationError;
use coffer_volume::dlist::{DlistReader, FilelistEntry};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::session::{Fetched, Session};
use crate::store::{Listed, ListedVolume, Store, open_volume};

/// A version of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// 0 is the newest.
    pub number: usize,
    /// When it was made.
    pub time: Timestamp,
}

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
/// Those of the destination, and [`Error::UnreadableModule`] when the folder holds a backup that cannot be read.
pub fn content(store: &Store, cancel: &CancellationToken) -> Result<FolderContent> {
    let session = Session::new(store, Arc::new(()), cancel);
    let listed = Listed::of(&session)?;
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

/// Fetches the dlist of a version that may have been deleted since it was listed.
///
/// # Errors
/// [`Error::VersionGone`], and those of the destination.
pub(crate) fn fetch_version(
    session: &Session,
    dlist: &ListedVolume,
    folder: &Path,
) -> Result<Fetched> {
    match session.fetch(dlist.name.as_str(), folder) {
        Err(Error::Destination(DestinationError::NotFound { .. })) => Err(Error::VersionGone {
            time: dlist.name.time().unwrap_or(Timestamp::UNIX_EPOCH),
        }),
        fetched => fetched,
    }
}

/// The dlist of version `number`, 0 being the newest. `dlists` begin with the oldest.
///
/// # Errors
/// [`Error::NoVersion`].
pub(crate) fn version_of(dlists: &[ListedVolume], number: usize) -> Result<&ListedVolume> {
    let oldest = dlists.len().saturating_sub(1);
    let position = oldest.checked_sub(number);
    let dlist = position.and_then(|position| dlists.get(position));
    dlist.ok_or(Error::NoVersion { number, oldest })
}

/// Fetches a version's dlist and calls `sink` with each entry.
pub(crate) fn read_version(
    session: &Session,
    dlist: &ListedVolume,
    spool: &Path,
    mut sink: impl FnMut(FilelistEntry) -> Result<()>,
) -> Result<()> {
    let path = session.fetch(dlist.name.as_str(), spool)?;
    let mut reader = open_dlist(session, dlist, &path)?;
    read_entries(&mut reader, dlist, |entry| {
        session.check_cancelled()?;
        sink(entry)
    })
}

pub(crate) fn open_dlist(
    session: &Session,
    dlist: &ListedVolume,
    path: &Path,
) -> Result<DlistReader> {
    let opened = match open_volume(session.store(), &dlist.name, path) {
        // The passphrase opens other volumes, or nothing would have come this far.
        Err(Error::WrongPassphrase { .. }) => {
            let source = coffer_volume::Error::WrongPassphrase;
            return Err(Error::volume(dlist.name.as_str(), source));
        }
        other => other?,
    };
    DlistReader::new(opened).map_err(|source| Error::volume(dlist.name.as_str(), source))
}

/// Reads entries, telling a damaged list from a failure of `sink`.
pub(crate) fn read_entries(
    reader: &mut DlistReader,
    dlist: &ListedVolume,
    mut sink: impl FnMut(FilelistEntry) -> Result<()>,
) -> Result<()> {
    enum Failure {
        List(coffer_volume::Error),
        Sink(Error),
    }
    impl From<coffer_volume::Error> for Failure {
        fn from(error: coffer_volume::Error) -> Self {
            Self::List(error)
        }
    }

    let read = reader.read_entries(|entry| sink(entry).map_err(Failure::Sink));
    read.map_err(|failure| match failure {
        Failure::List(source) => Error::volume(dlist.name.as_str(), source),
        Failure::Sink(error) => error,
    })
}

pub(crate) fn numbered(dlists: &[ListedVolume]) -> Vec<Version> {
    dlists
        .iter()
        .filter_map(|dlist| dlist.name.time())
        .rev()
        .enumerate()
        .map(|(number, time)| Version { number, time })
        .collect()
}
