//! File lists of versions, fetched and read.

use std::path::Path;

use coffer_destination::Error as DestinationError;
use coffer_volume::dlist::{DlistReader, FilelistEntry};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::repository::open_volume::open_volume;
use crate::repository::session::{LocalVolume, Session};
use crate::repository::volumes::ListedVolume;

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

/// Reads entries, and distinguishes a damaged list from a failure of `sink`.
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

/// Fetches the dlist of a version that may have been deleted since it was listed.
///
/// # Errors
/// [`Error::VersionGone`], and those of the destination.
pub(crate) fn fetch_version(
    session: &Session,
    dlist: &ListedVolume,
    folder: &Path,
) -> Result<LocalVolume> {
    match session.fetch(dlist.name.as_str(), folder) {
        Err(Error::Destination(DestinationError::NotFound { .. })) => Err(Error::VersionGone {
            time: dlist.name.time().unwrap_or(Timestamp::UNIX_EPOCH),
        }),
        fetched => fetched,
    }
}
