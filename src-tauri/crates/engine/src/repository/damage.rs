//! Entries of versions of which blocks are nowhere.

use std::collections::HashSet;

use coffer_database::Index;
use coffer_volume::dlist::{DlistReader, FilelistEntry};
use coffer_volume::stream::{Parts, StreamRef, block_count, block_len, split_blocklist};
use coffer_volume::{Format, Hash};

use crate::error::{Error, Result};
use crate::repository::blocklists::{fetch_blocklists, list_len, note_missing_lists};
use crate::repository::dlist::{open_dlist, read_entries};
use crate::repository::open::Repository;
use crate::repository::volumes::ListedVolume;

/// What of an entry is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// Its content, or a part of it.
    Content,
    /// Its times, rights and attributes alone.
    Metadata,
}

impl Repository<'_> {
    /// Calls `sink` with each entry of a version that is not whole.
    pub(crate) fn broken_files(
        &self,
        dlist: &ListedVolume,
        mut sink: impl FnMut(FilelistEntry, Lost) -> Result<()>,
    ) -> Result<()> {
        let path = self.session.fetch(dlist.name.as_str(), self.spool)?;
        let mut reader = open_dlist(self.session, dlist, &path)?;
        reader
            .completeness()
            .map_err(|source| Error::volume(dlist.name.as_str(), source))?;
        self.fetch_missing_lists(&mut reader, dlist)?;
        let mut whole = HashSet::new();
        read_entries(&mut reader, dlist, |entry| {
            self.session.check_cancelled()?;
            match self.lost(&entry, &mut whole)? {
                Some(lost) => sink(entry, lost),
                None => Ok(()),
            }
        })
    }

    /// Reads the blocklists that the index lacks out of their dblocks.
    pub(crate) fn fetch_missing_lists(
        &self,
        reader: &mut DlistReader,
        dlist: &ListedVolume,
    ) -> Result<()> {
        let mut missing = Vec::new();
        read_entries(reader, dlist, |entry| {
            for stream in entry.content.iter().chain(&entry.metadata) {
                note_missing_lists(stream, self.format, self.index, &mut missing)?;
            }
            Ok(())
        })?;
        fetch_blocklists(*self, &missing)
    }

    /// What of an entry is lost. `whole` remembers blocklists of which nothing is.
    pub(crate) fn lost(
        &self,
        entry: &FilelistEntry,
        whole: &mut HashSet<Hash>,
    ) -> Result<Option<Lost>> {
        let mut is_lost = |stream: &Option<StreamRef>| match stream {
            Some(stream) => {
                let found = is_whole(self.index, self.format, stream, ListCopy::Any, whole);
                found.map(|is_whole| !is_whole)
            }
            None => Ok(false),
        };
        if is_lost(&entry.content)? {
            return Ok(Some(Lost::Content));
        }
        Ok(is_lost(&entry.metadata)?.then_some(Lost::Metadata))
    }
}

/// Which copy of a blocklist is enough. Index volumes have copies of the blocks that data volumes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListCopy {
    /// Any, as for a restore.
    Any,
    /// The block itself: the copy goes with its index volume.
    InDataVolume,
}

/// Whether volumes at the destination have all blocks of a stream, as far as the index knows. `whole` remembers
/// blocklists of which nothing is missing.
pub(crate) fn is_whole(
    index: &Index,
    format: &Format,
    stream: &StreamRef,
    copy: ListCopy,
    whole: &mut HashSet<Hash>,
) -> Result<bool> {
    let lists = match &stream.parts {
        Parts::Empty => return Ok(true),
        Parts::Block(block) => return Ok(index.has_block(block.as_bytes(), stream.size)?),
        Parts::Blocklists(lists) => lists,
    };
    let last_is_short = !stream.size.is_multiple_of(format.block_size());
    for (position, list) in lists.iter().enumerate() {
        // A list whose last block is short means other blocks in a stream of another length.
        let may_be_shared = position + 1 < lists.len() || !last_is_short;
        if may_be_shared && whole.contains(list) {
            continue;
        }
        let len = list_len(position, stream.size, format);
        if copy == ListCopy::InDataVolume && !index.has_block(list.as_bytes(), len)? {
            return Ok(false);
        }
        let data = index.blocklist(list.as_bytes())?;
        let hashes = data
            .filter(|data| data.len() as u64 == len)
            .and_then(|data| split_blocklist(&data, format).ok());
        let Some(hashes) = hashes else {
            return Ok(false);
        };
        let first = position as u64 * format.hashes_per_blocklist();
        for (number, hash) in (first..block_count(stream.size, format)).zip(hashes) {
            let size = block_len(number, stream.size, format);
            if !index.has_block(hash.as_bytes(), size)? {
                return Ok(false);
            }
        }
        if may_be_shared {
            whole.insert(*list);
        }
    }
    Ok(true)
}
