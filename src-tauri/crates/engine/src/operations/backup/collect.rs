//! The collector: takes what the pool prepared, in order, fills volumes with new blocks, and stages what changed.

use std::sync::{Arc, Mutex};

use coffer_database::{EntryRow, Index, IndexHandle, LocalState};
use coffer_volume::archive::PreparedEntry;
use coffer_volume::dlist::EntryKind;
use coffer_volume::stream::{Parts, StreamRef};
use coffer_volume::{Format, Hash};
use crossbeam_channel::{Receiver, Select};
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::monitor::{Fallback, Phase, Problem, ProblemKind};
use crate::operations::backup::known::{Known, KnownBlocks, NEVER};
use crate::operations::backup::options::BackupStats;
use crate::operations::backup::overview::{Overview, UnchangedTotals};
use crate::operations::backup::pace::Pace;
use crate::operations::backup::prepare::{
    NewBlock, Output, PreparedBlock, PreparedContent, PreparedEntryData, PreparedMetadata,
};
use crate::repository::cache::SpooledVolume;
use crate::repository::rows::{kind_number, stream_row};
use crate::repository::session::Session;
use crate::repository::spool::{BlockSet, OpenVolume, Spool};
use crate::threads::lock;

/// Changes that are staged in one transaction.
const BATCH: usize = 512;

/// What the scan found without the pool's help.
pub(super) enum Finding {
    Gone {
        path: String,
        kind: u8,
    },
    Problem {
        problem: Problem,
        is_root: bool,
    },
    /// What of the sources was found, at the end.
    Overview(Overview),
}

/// A change that waits for its transaction.
enum PendingChange {
    Entry(Box<EntryRow>),
    Gone(String),
}

/// A file of several blocks whose blocks are coming in.
#[derive(Default)]
struct LargeFile {
    first: Option<Hash>,
    /// Raw hashes of the blocklist that is being filled.
    list: Vec<u8>,
    lists: Vec<Hash>,
}

pub(super) struct Collector {
    session: Session,
    index: Arc<Mutex<Index>>,
    /// For look-ups, so that they do not wait for the shared handle.
    reader: Option<Index>,
    spool: Spool,
    sender: mpsc::Sender<SpooledVolume>,
    known: KnownBlocks,
    /// Blocks that went into the open volume since `known` was updated.
    added: BlockSet,
    pace: Arc<Pace>,
    open: Option<OpenVolume>,
    large: LargeFile,
    staged: Vec<PendingChange>,
    stats: BackupStats,
    overview: Overview,
}

impl Collector {
    pub(super) fn new(
        session: &Session,
        index: Arc<Mutex<Index>>,
        spool: &Spool,
        sender: mpsc::Sender<SpooledVolume>,
        pace: &Arc<Pace>,
    ) -> Result<Self> {
        let known = KnownBlocks::new(!lock(&index).has_blocks()?);
        Ok(Self {
            session: session.clone(),
            index,
            reader: None,
            spool: spool.clone(),
            sender,
            known,
            added: BlockSet::default(),
            pace: Arc::clone(pace),
            open: None,
            large: LargeFile::default(),
            staged: Vec::new(),
            stats: BackupStats::default(),
            overview: Overview::default(),
        })
    }

    pub(super) fn index_handle(&self) -> IndexHandle {
        lock(&self.index).handle()
    }

    pub(super) fn known(&self) -> KnownBlocks {
        self.known.clone()
    }

    pub(super) fn add_unchanged(&mut self, unchanged: UnchangedTotals) {
        self.stats.examined_files += unchanged.files;
        self.stats.examined_bytes += unchanged.bytes;
    }

    /// Takes results and findings until both ends are closed.
    pub(super) fn collect(
        &mut self,
        ordered: &Receiver<Receiver<Output>>,
        findings: &Receiver<Finding>,
    ) -> Result<()> {
        self.reader = Some(self.index_handle().open()?);
        let mut both = Select::new();
        let of_pool = both.recv(ordered);
        let of_scan = both.recv(findings);
        let mut open = 2;
        while open > 0 {
            let ready = both.select();
            if ready.index() == of_pool {
                match ready.recv(ordered) {
                    Ok(result) => self.take(&result)?,
                    Err(_) => {
                        both.remove(of_pool);
                        open -= 1;
                    }
                }
            } else {
                match ready.recv(findings) {
                    Ok(finding) => self.note(finding)?,
                    Err(_) => {
                        both.remove(of_scan);
                        open -= 1;
                    }
                }
            }
        }
        self.session.check_cancelled()
    }

    /// Ends the last volume and stages what is left.
    pub(super) fn finish(mut self) -> Result<(BackupStats, Overview)> {
        self.session.phase(Phase::Sending);
        if let Some(open) = self.open.take() {
            self.send(open)?;
        }
        self.flush()?;
        Ok((self.stats, self.overview))
    }

    fn take(&mut self, result: &Receiver<Output>) -> Result<()> {
        self.session.check_cancelled()?;
        // A worker that went away has panicked; that comes up when it is joined.
        let Ok(output) = result.recv() else {
            return Err(Error::Cancelled);
        };
        match output {
            Output::Block(block) => {
                self.session.monitor().done(0, block.size, "");
                self.add_to_large_file(block)?;
            }
            Output::Entries(entries) => {
                for entry in entries {
                    self.add_entry(entry)?;
                }
            }
        }
        if !self.added.is_empty() {
            self.known.insert(self.added.drain(..));
        }
        Ok(())
    }

    fn note(&mut self, finding: Finding) -> Result<()> {
        match finding {
            Finding::Gone { path, kind } => {
                if is_file(kind) {
                    self.stats.deleted_files += 1;
                } else {
                    self.stats.other_changes += 1;
                }
                self.stage(PendingChange::Gone(path))
            }
            Finding::Problem { problem, is_root } => {
                self.stats.kept_sources += u64::from(is_root);
                self.report(problem);
                Ok(())
            }
            Finding::Overview(overview) => {
                self.overview = overview;
                Ok(())
            }
        }
    }

    fn report(&mut self, problem: Problem) {
        self.session.monitor().problem(problem);
    }

    fn add_to_large_file(&mut self, block: PreparedBlock) -> Result<()> {
        self.large.first.get_or_insert(block.hash);
        self.large.list.extend(block.hash.as_bytes());
        self.add_block(block, None)?;
        let full = self.spool.format().hashes_per_blocklist()
            * self.spool.format().block_hash().output_len() as u64;
        if self.large.list.len() as u64 >= full {
            self.end_blocklist()
        } else {
            Ok(())
        }
    }

    fn end_blocklist(&mut self) -> Result<()> {
        let list = std::mem::take(&mut self.large.list);
        let hash = self.add_blocklist(list)?;
        self.large.lists.push(hash);
        Ok(())
    }

    /// Stores a blocklist as the block that it is.
    fn add_blocklist(&mut self, list: Vec<u8>) -> Result<Hash> {
        let hash = self.spool.format().block_hash().digest(&list);
        let new = NewBlock {
            entry: PreparedEntry::stored(list.clone()),
            ended_volumes: NEVER,
        };
        let block = PreparedBlock {
            hash,
            size: list.len() as u64,
            new: Some(new),
        };
        self.add_block(block, Some(list))?;
        Ok(hash)
    }

    fn add_entry(&mut self, entry: PreparedEntryData) -> Result<()> {
        let large = if matches!(&entry.data, Ok((PreparedContent::Large { .. }, _)) | Err(_)) {
            if !self.large.list.is_empty() && entry.data.is_ok() {
                self.end_blocklist()?;
            }
            std::mem::take(&mut self.large)
        } else {
            LargeFile::default()
        };
        let (content, metadata) = match entry.data {
            Ok(data) => data,
            Err(error) => {
                let is_kept = entry.previous.is_some();
                let fallback = if is_kept {
                    Fallback::Kept
                } else {
                    Fallback::Nothing
                };
                self.report_entry(entry.stored, ProblemKind::Unreadable { error, fallback });
                return Ok(());
            }
        };
        let previous = entry.previous;
        let was_read = matches!(
            content,
            PreparedContent::Small { .. } | PreparedContent::Large { .. }
        );
        let already_reported = matches!(content, PreparedContent::Large { .. });
        let content = match content {
            PreparedContent::None => None,
            PreparedContent::Same => previous.as_ref().and_then(|row| row.content.clone()),
            PreparedContent::Small { hash, size, block } => {
                let parts = self.add_small(block)?;
                Some(stream_row(&StreamRef { hash, size, parts }))
            }
            PreparedContent::Large { hash, size } => {
                let stream = large_stream(hash, size, large, self.spool.format());
                Some(stream_row(&stream))
            }
        };
        if metadata.was_too_large {
            self.report_entry(entry.stored.clone(), ProblemKind::MetadataTooLarge);
        }
        if entry.changed_while_read {
            self.report_entry(entry.stored.clone(), ProblemKind::ChangedWhileRead);
        }
        let metadata = stream_row(&self.add_metadata(metadata)?);
        let row = EntryRow {
            path: entry.stored,
            kind: kind_number(entry.kind),
            time: entry.time.map(|time| time.as_second()),
            content,
            metadata,
            local: Some(entry.local),
        };
        self.count(&row, previous.as_ref(), was_read, already_reported);
        self.stage_if_different(row, previous)
    }

    /// Adds a file of one block, or of none.
    fn add_small(&mut self, block: Option<PreparedBlock>) -> Result<Parts> {
        let Some(block) = block else {
            return Ok(Parts::Empty);
        };
        let hash = block.hash;
        self.add_block(block, None)?;
        Ok(Parts::Block(hash))
    }

    fn report_entry(&mut self, subject: String, kind: ProblemKind) {
        self.report(Problem { subject, kind });
    }

    fn add_metadata(&mut self, metadata: PreparedMetadata) -> Result<StreamRef> {
        let PreparedMetadata {
            hash, size, blocks, ..
        } = metadata;
        let parts = match &blocks[..] {
            [only] => Parts::Block(only.hash),
            several => {
                let list = several
                    .iter()
                    .flat_map(|block| block.hash.as_bytes().to_vec())
                    .collect();
                Parts::Blocklists(vec![self.add_blocklist(list)?])
            }
        };
        for block in blocks {
            self.add_block(block, None)?;
        }
        Ok(StreamRef { hash, size, parts })
    }

    fn count(
        &mut self,
        row: &EntryRow,
        previous: Option<&EntryRow>,
        was_read: bool,
        already_reported: bool,
    ) {
        let bytes = row.content.as_ref().map_or(0, |content| content.size);
        let files = u64::from(is_file(row.kind));
        self.stats.examined_files += files;
        self.stats.examined_bytes += bytes;
        self.stats.read_files += u64::from(was_read);
        match previous {
            Some(previous) if !is_different(row, previous) => {}
            _ if files == 0 => self.stats.other_changes += 1,
            None => self.stats.added_files += 1,
            Some(_) => self.stats.changed_files += 1,
        }
        let read = if was_read && !already_reported {
            bytes
        } else {
            0
        };
        self.session.monitor().done(files, read, &row.path);
    }

    fn stage_if_different(&mut self, row: EntryRow, previous: Option<EntryRow>) -> Result<()> {
        if previous.as_ref() == Some(&row) {
            return Ok(());
        }
        self.stage(PendingChange::Entry(Box::new(row)))
    }

    fn stage(&mut self, staged: PendingChange) -> Result<()> {
        self.staged.push(staged);
        if self.staged.len() >= BATCH {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<()> {
        let staged = std::mem::take(&mut self.staged);
        lock(&self.index).transaction(|index| {
            for change in &staged {
                match change {
                    PendingChange::Entry(row) => index.stage(row)?,
                    PendingChange::Gone(path) => index.stage_gone(path)?,
                }
            }
            Ok(())
        })
    }

    /// Puts a block into the open volume unless some volume has it.
    fn add_block(&mut self, block: PreparedBlock, blocklist: Option<Vec<u8>>) -> Result<()> {
        let PreparedBlock { hash, size, new } = block;
        // What a worker found known stays known. Blocklists never come from a worker.
        let Some(NewBlock {
            entry,
            ended_volumes,
        }) = new
        else {
            return Ok(());
        };
        let now = self.known.in_open_volume(hash, size);
        let known = self.added.contains(&(hash, size))
            || now == Known::Yes
            || now != Known::NotAfter(ended_volumes)
                && self
                    .reader
                    .as_ref()
                    .map_or(Ok(false), |index| index.has_block(hash.as_bytes(), size))?;
        if known {
            // It came with a volume that does not say which of its blocks are lists.
            if let Some(list) = blocklist {
                lock(&self.index).add_blocklist(hash.as_bytes(), &list)?;
            }
            return Ok(());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenVolume::create(&self.spool)?,
        };
        open.add(&self.spool, hash, size, &entry, blocklist)?;
        self.added.insert((hash, size));
        if open.is_full(&self.spool) {
            return self.send(open);
        }
        self.open = Some(open);
        Ok(())
    }

    /// Ends a volume, notes it in the index, and hands it to the uploads; waits there while they have enough.
    fn send(&mut self, open: OpenVolume) -> Result<()> {
        let (pair, bytes) = open.finish(&self.spool, &lock(&self.index))?;
        // All of them pass through the filter, or it would call them new.
        self.known.insert(self.added.drain(..));
        self.known.end_volume();
        self.stats.uploaded_volumes += 2;
        self.stats.uploaded_bytes += bytes;
        self.session.monitor().queued(bytes);
        self.pace.filled();
        self.sender
            .blocking_send(pair)
            .map_err(|_| Error::Cancelled)
    }
}

/// A large file that shrank while it was read may have ended with one block or none.
fn large_stream(hash: Hash, size: u64, large: LargeFile, format: &Format) -> StreamRef {
    let parts = match large.first {
        Some(block) if size <= format.block_size() => Parts::Block(block),
        Some(_) => Parts::Blocklists(large.lists),
        None => Parts::Empty,
    };
    StreamRef { hash, size, parts }
}

/// Folders and links are no files when things are counted, as in Duplicati's results.
fn is_file(kind: u8) -> bool {
    kind == kind_number(EntryKind::File)
}

/// Whether the two differ in a version; what only this computer knows does not count.
fn is_different(row: &EntryRow, previous: &EntryRow) -> bool {
    let without_local = |row: &EntryRow| EntryRow {
        local: None::<LocalState>,
        ..row.clone()
    };
    without_local(row) != without_local(previous)
}
