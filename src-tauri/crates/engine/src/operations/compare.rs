//! Comparing two versions.

use std::sync::Arc;

use coffer_database::{ComparedEntry, Comparison};
use coffer_volume::dlist::{EntryKind, FilelistEntry};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::monitor::Monitor;
use crate::repository::reading::Reading;
use crate::repository::rows::{kind_number, kind_of};
use crate::repository::store::Store;

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

/// Calls `sink` with each difference from version `base` to version `to`: first what `to` has, in the order of its
/// dlist, then what it lacks, by path.
///
/// # Errors
/// Those of opening a backup, [`crate::Error::NoVersion`], and whatever `sink` returns.
pub fn compare(
    store: &Store,
    (base, to): (usize, usize),
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Difference) -> Result<()>,
) -> Result<()> {
    let backup = Reading::open(store, monitor, cancel)?;
    let comparison = Comparison::new()?;
    backup.for_each_entry(base, |_, entry| Ok(comparison.add(&compared(&entry))?))?;
    backup.for_each_entry(to, |_, entry| {
        let new = compared(&entry);
        let old = comparison.meet(&entry.path)?;
        let change = match &old {
            None => Change::Added,
            Some(old) if (old.kind, &old.content) != (new.kind, &new.content) => Change::Content,
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
