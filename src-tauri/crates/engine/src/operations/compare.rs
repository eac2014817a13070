//! Looking for files over several versions, and comparing two.

use std::sync::Arc;

use coffer_database::{ComparedEntry, Comparison};
use coffer_volume::dlist::{EntryKind, FilelistEntry};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::operations::restore::selection::Selection;
use crate::repository::cache::Cache;
use crate::repository::dlist::read_version;
use crate::repository::listing::Listed;
use crate::repository::rows::{kind_number, kind_of};
use crate::repository::session::{Role, Session};
use crate::repository::store::Store;
use crate::repository::versions::Version;

/// How an entry differs between two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The newer one alone has it.
    Added,
    /// The older one alone has it.
    Deleted,
    /// Its content differs, or what it is.
    Content,
    /// Its times, rights or attributes differ.
    Metadata,
}

/// An entry that differs between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// As stored.
    pub path: String,
    /// What it is, in the newer version if that has it.
    pub kind: EntryKind,
    /// See [`Change`].
    pub change: Change,
    /// Bytes in the older version.
    pub old_size: Option<u64>,
    /// Bytes in the newer version.
    pub new_size: Option<u64>,
}

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
    with_versions(store, monitor, cancel, |session, cache, listed| {
        let numbers = if versions.is_empty() {
            (0..listed.dlists.len()).collect()
        } else {
            versions.to_vec()
        };
        for number in numbers {
            let name = listed.version(number)?.name.to_string();
            let mut failure = None;
            let read = for_each_entry_of(session, cache, listed, number, |version, entry| {
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
                session.tell_unusable(&name, error)?;
            }
        }
        Ok(())
    })
}

/// Calls `sink` with each difference from version `base` to version `to`: first what `to` has, in the order of its
/// dlist, then what it lacks, by path.
///
/// # Errors
/// As [`find`].
pub fn compare(
    store: &Store,
    (base, to): (usize, usize),
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Difference) -> Result<()>,
) -> Result<()> {
    with_versions(store, monitor, cancel, |session, cache, listed| {
        let comparison = Comparison::new()?;
        for_each_entry_of(session, cache, listed, base, |_, entry| {
            Ok(comparison.add(&compared(&entry))?)
        })?;
        for_each_entry_of(session, cache, listed, to, |_, entry| {
            let new = compared(&entry);
            let old = comparison.meet(&entry.path)?;
            let change = match &old {
                None => Change::Added,
                Some(old) if (old.kind, &old.content) != (new.kind, &new.content) => {
                    Change::Content
                }
                Some(old) if old.metadata != new.metadata => Change::Metadata,
                Some(_) => return Ok(()),
            };
            sink(Difference {
                path: entry.path,
                kind: entry.kind,
                change,
                old_size: old.map(|old| old.size),
                new_size: Some(new.size),
            })
        })?;
        comparison.for_each_unmet(|old| {
            sink(Difference {
                kind: kind_of(old.kind),
                path: old.path,
                change: Change::Deleted,
                old_size: Some(old.size),
                new_size: None,
            })
        })
    })
}

fn compared(entry: &FilelistEntry) -> ComparedEntry {
    let hash = |stream: &Option<coffer_volume::stream::StreamRef>| {
        let stream = stream.as_ref();
        stream.map_or_else(Vec::new, |stream| stream.hash.as_bytes().to_vec())
    };
    ComparedEntry {
        path: entry.path.clone(),
        kind: kind_number(entry.kind),
        content: hash(&entry.content),
        metadata: hash(&entry.metadata),
        size: entry.content.as_ref().map_or(0, |content| content.size),
    }
}

fn with_versions(
    store: &Store,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    work: impl FnOnce(&Session, &Cache, &Listed) -> Result<()>,
) -> Result<()> {
    let session = Session::new(store, monitor, cancel).with_role(Role::Reading);
    let cache = Cache::lock_or_temporary(store)?;
    session.monitor().phase(Phase::Connecting);
    let listed = Listed::of(&session)?;
    listed.require_versions(&session)?;
    listed.check_passphrase(&session)?;
    session.monitor().phase(Phase::ReadingDestination);
    work(&session, &cache, &listed)
}

fn for_each_entry_of(
    session: &Session,
    cache: &Cache,
    listed: &Listed,
    number: usize,
    mut sink: impl FnMut(Version, FilelistEntry) -> Result<()>,
) -> Result<()> {
    let dlist = listed.version(number)?;
    let Some(time) = dlist.name.time() else {
        return Ok(());
    };
    read_version(session, dlist, &cache.spool(), |entry| {
        sink(Version { number, time }, entry)
    })
}
