//! Entries and streams as the index keeps them.

use coffer_database::{EntryRow, StreamRow};
use coffer_volume::dlist::{EntryKind, FilelistEntry};
use coffer_volume::stream::{Parts, StreamRef};
use coffer_volume::{Format, Hash};

use crate::error::Result;

/// The index's number for each kind of entry.
pub(crate) fn kind_number(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::Folder => 0,
        EntryKind::Symlink => 1,
        EntryKind::File => 2,
    }
}

/// Counterpart of [`kind_number`].
pub(crate) fn kind_of(number: u8) -> EntryKind {
    match number {
        0 => EntryKind::Folder,
        1 => EntryKind::Symlink,
        _ => EntryKind::File,
    }
}

/// A dlist entry as the index keeps it; one without metadata has no place in it.
pub(super) fn entry_row(entry: FilelistEntry) -> Option<EntryRow> {
    Some(EntryRow {
        path: entry.path,
        kind: kind_number(entry.kind),
        time: entry.time.map(|time| time.as_second()),
        content: entry.content.as_ref().map(stream_row),
        metadata: stream_row(entry.metadata.as_ref()?),
        local: None,
    })
}

/// A stream as the index keeps it.
pub(crate) fn stream_row(stream: &StreamRef) -> StreamRow {
    let (parts, listed) = match &stream.parts {
        Parts::Empty => (Vec::new(), false),
        Parts::Block(block) => (block.as_bytes().to_vec(), false),
        Parts::Blocklists(lists) => (
            lists
                .iter()
                .flat_map(|list| list.as_bytes().to_vec())
                .collect(),
            true,
        ),
    };
    StreamRow {
        hash: stream.hash.as_bytes().to_vec(),
        size: stream.size,
        parts,
        listed,
    }
}

/// Counterpart of [`stream_row`].
///
/// # Errors
/// [`coffer_volume::Error::Malformed`] when the row is damaged.
pub(crate) fn stream_ref(row: &StreamRow, format: &Format) -> coffer_volume::Result<StreamRef> {
    let parts = if row.size == 0 {
        Parts::Empty
    } else if row.listed {
        let len = format.block_hash().output_len();
        Parts::Blocklists(
            row.parts
                .chunks(len)
                .map(Hash::from_bytes)
                .collect::<Result<_, _>>()?,
        )
    } else {
        Parts::Block(Hash::from_bytes(&row.parts)?)
    };
    Ok(StreamRef {
        hash: Hash::from_bytes(&row.hash)?,
        size: row.size,
        parts,
    })
}
