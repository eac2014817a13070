//! Broken files: entries of versions of which blocks are nowhere.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use coffer_database::Index;
use coffer_volume::dlist::{DlistReader, FilelistEntry};
use coffer_volume::stream::{Parts, StreamRef, block_count, block_len, split_blocklist};
use coffer_volume::{Format, Hash};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::restore::{fetch_blocklists, list_len, note_missing_lists};
use crate::session::{Role, Session};
use crate::store::{ListedVolume, Losses, Opened, Store, sync_what_is_there};
use crate::versions::{Version, open_dlist, read_entries};

/// What of an entry is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// Its content, or a part of it.
    Content,
    /// Its times, rights and attributes alone.
    Metadata,
}

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
    let Opened {
        session,
        cache,
        mut listed,
    } = Opened::existing(store, monitor, cancel)?;
    let session = session.with_role(Role::Reading);
    let spool = cache.spool();
    let Some(format) = listed.format(&session, &spool)? else {
        return Ok(());
    };
    let index = cache.index_for(&format, store)?;
    session.monitor().phase(Phase::ReadingDestination);
    sync_what_is_there(
        &session,
        &index,
        &mut listed,
        &format,
        &spool,
        Losses::Sought,
    )?;
    let survey = Survey {
        session: &session,
        index: &index,
        format: &format,
        spool: &spool,
    };
    for (number, dlist) in listed.dlists.iter().rev().enumerate() {
        let Some(time) = dlist.name.time() else {
            continue;
        };
        let version = Version { number, time };
        let mut failure = None;
        let looked = survey.broken_files(dlist, |entry, lost| {
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
            session.tell_unusable(dlist.name.as_str(), error)?;
        }
    }
    Ok(())
}

/// Looks for broken entries in versions.
pub(crate) struct Survey<'a> {
    pub(crate) session: &'a Session,
    pub(crate) index: &'a Index,
    pub(crate) format: &'a Format,
    pub(crate) spool: &'a Path,
}

impl Survey<'_> {
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
        fetch_blocklists(self.session, self.index, &missing, self.format, self.spool)
    }

    /// What of an entry is lost. `whole` remembers blocklists of which nothing is.
    pub(crate) fn lost(
        &self,
        entry: &FilelistEntry,
        whole: &mut HashSet<Hash>,
    ) -> Result<Option<Lost>> {
        let mut is_lost = |stream: &Option<StreamRef>| match stream {
            Some(stream) => is_whole(self.index, self.format, stream, whole).map(|whole| !whole),
            None => Ok(false),
        };
        if is_lost(&entry.content)? {
            return Ok(Some(Lost::Content));
        }
        Ok(is_lost(&entry.metadata)?.then_some(Lost::Metadata))
    }
}

/// Whether volumes at the destination have all blocks of a stream, as far as the index knows.
pub(crate) fn is_whole(
    index: &Index,
    format: &Format,
    stream: &StreamRef,
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
