//! The pool: reading small files, hashing and compressing, in parallel; results come out in the order they went in.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use coffer_database::{EntryRow, Index, LocalState};
use coffer_volume::archive::{BlockCompressor, Hint, PreparedEntry};
use coffer_volume::dlist::EntryKind;
use coffer_volume::metadata::Metadata;
use coffer_volume::{Format, Hash};
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;

use super::Pace;
use crate::source::{Found, is_compressed, local_state, metadata};
use crate::store::kind_number;

/// Bytes of blocks that may be in the pool, as a rule; one block at least.
const IN_FLIGHT_BYTES: u64 = 32 << 20;
/// Items that may be in the pool.
const IN_FLIGHT_ITEMS: u64 = 256;

/// A block that is hashed and, unless it is known, compressed.
pub(super) struct PreparedBlock {
    pub(super) hash: Hash,
    pub(super) size: u64,
    /// `None` when some volume has it already.
    pub(super) entry: Option<PreparedEntry>,
}

/// Metadata, ready to be stored.
pub(super) struct PreparedMetadata {
    pub(super) hash: Hash,
    pub(super) size: u64,
    pub(super) blocks: Vec<PreparedBlock>,
    pub(super) was_too_large: bool,
}

/// Content of a file.
pub(super) enum PreparedContent {
    /// A folder or link has none.
    None,
    /// As the newest version has it; it was not read.
    Same,
    /// At most one block.
    Small {
        hash: Hash,
        size: u64,
        block: Option<PreparedBlock>,
    },
    /// The blocks came before, one by one.
    Large { hash: Hash, size: u64 },
}

/// An entry that is new, or may have changed.
pub(super) struct Candidate {
    pub(super) found: Found,
    pub(super) previous: Option<EntryRow>,
    /// Whether blocks of the entry are lost, so that it is read though it looks unchanged.
    pub(super) is_lost: bool,
}

impl Candidate {
    /// Whether a file that the index knows from a dlist only, where times have whole seconds, is the same: by time,
    /// size and metadata.
    pub(super) fn looks_unchanged(&self, format: &Format) -> bool {
        let Some(row) = &self.previous else {
            return false;
        };
        let Some(content) = &row.content else {
            return false;
        };
        let seconds = local_state(&self.found.stat)
            .modified
            .div_euclid(1_000_000_000);
        if self.is_lost
            || row.local.is_some()
            || row.kind != kind_number(self.found.kind)
            || content.size != self.found.stat.len()
            || row.time != Some(seconds)
        {
            return false;
        }
        metadata(&self.found).is_ok_and(|metadata| {
            format.file_hash().digest(&metadata.encode()).as_bytes() == row.metadata.hash
        })
    }
}

/// What the pool makes of an entry.
pub(super) struct PreparedEntryData {
    pub(super) stored: String,
    pub(super) kind: EntryKind,
    pub(super) time: Option<Timestamp>,
    pub(super) local: LocalState,
    pub(super) previous: Option<EntryRow>,
    pub(super) data: io::Result<(PreparedContent, PreparedMetadata)>,
    pub(super) changed_while_read: bool,
}

/// Work for the pool.
pub(super) enum Task {
    /// A folder, a link, or a file of at most one block, which the pool reads.
    Entry(Box<Candidate>),
    /// A block of a large file.
    Block { data: Vec<u8>, hint: Hint },
    /// The end of a large file.
    LargeEnd {
        candidate: Box<Candidate>,
        content: io::Result<(Hash, u64)>,
        changed_while_read: bool,
    },
}

/// What comes out.
pub(super) enum Output {
    Entry(Box<PreparedEntryData>),
    Block(PreparedBlock),
}

/// Blocks of the volume that is being filled, which the index does not know yet.
pub(super) type RecentBlocks = Arc<RwLock<HashSet<(Hash, u64)>>>;

/// The way into the pool.
pub(super) struct Pool {
    tasks: Sender<(Task, Sender<Output>)>,
    ordered: Sender<Receiver<Output>>,
}

/// The ways out: `tasks` for the workers, `ordered` for whoever takes the results.
pub(super) struct PoolEnds {
    pub(super) tasks: Receiver<(Task, Sender<Output>)>,
    pub(super) ordered: Receiver<Receiver<Output>>,
}

impl Pool {
    pub(super) fn new(format: &Format) -> (Self, PoolEnds) {
        let room = (IN_FLIGHT_BYTES / format.block_size()).clamp(1, IN_FLIGHT_ITEMS) as usize;
        let (tasks, task_end) = bounded(room);
        let (ordered, ordered_end) = bounded(room);
        (
            Self { tasks, ordered },
            PoolEnds {
                tasks: task_end,
                ordered: ordered_end,
            },
        )
    }

    /// Hands work in; false when nobody takes results any more.
    pub(super) fn submit(&self, task: Task) -> bool {
        let (sender, receiver) = bounded(1);
        self.ordered.send(receiver).is_ok() && self.tasks.send((task, sender)).is_ok()
    }
}

/// One thread of the pool.
pub(super) struct Worker {
    format: Format,
    compressor: BlockCompressor,
    pace: Arc<Pace>,
    index: Index,
    recent: RecentBlocks,
}

impl Worker {
    pub(super) fn new(
        format: &Format,
        compressor: BlockCompressor,
        pace: Arc<Pace>,
        index: PathBuf,
        recent: RecentBlocks,
    ) -> coffer_database::Result<Self> {
        Ok(Self {
            format: format.clone(),
            compressor,
            pace,
            index: Index::open(&index)?,
            recent,
        })
    }

    /// Works until no more tasks come.
    pub(super) fn run(mut self, tasks: &Receiver<(Task, Sender<Output>)>) {
        for (task, result) in tasks {
            let output = match task {
                Task::Entry(candidate) => Output::Entry(Box::new(self.entry(*candidate))),
                Task::Block { data, hint } => Output::Block(self.block(data, hint)),
                Task::LargeEnd {
                    candidate,
                    content,
                    changed_while_read,
                } => {
                    let content = content.map(|(hash, size)| PreparedContent::Large { hash, size });
                    Output::Entry(Box::new(self.finish(
                        *candidate,
                        content,
                        changed_while_read,
                    )))
                }
            };
            // The collector may have given up; then the result is of no use.
            let _ = result.send(output);
        }
    }

    fn entry(&mut self, candidate: Candidate) -> PreparedEntryData {
        if candidate.found.kind != EntryKind::File {
            return self.finish(candidate, Ok(PreparedContent::None), false);
        }
        if candidate.looks_unchanged(&self.format) {
            return self.finish(candidate, Ok(PreparedContent::Same), false);
        }
        let (content, changed) = match self.small_file(&candidate.found) {
            Ok((content, changed)) => (Ok(content), changed),
            Err(error) => (Err(error), false),
        };
        self.finish(candidate, content, changed)
    }

    /// Reads a file that had at most one block when it was looked at, and never more than that.
    fn small_file(&mut self, found: &Found) -> io::Result<(PreparedContent, bool)> {
        let expected = found.stat.len();
        let mut file = File::open(&found.path)?;
        let mut data = Vec::with_capacity(expected as usize);
        file.by_ref().take(expected).read_to_end(&mut data)?;
        let changed = data.len() as u64 != expected || differs(&found.stat, &file.metadata()?);
        let size = data.len() as u64;
        let hint = if is_compressed(&found.path) {
            Hint::Store
        } else {
            Hint::Compress
        };
        let (hash, block) = self.stream_of_one(data, hint);
        Ok((PreparedContent::Small { hash, size, block }, changed))
    }

    fn finish(
        &mut self,
        candidate: Candidate,
        content: io::Result<PreparedContent>,
        changed_while_read: bool,
    ) -> PreparedEntryData {
        let Candidate {
            found, previous, ..
        } = candidate;
        let data = content.and_then(|content| Ok((content, self.metadata(&metadata(&found)?))));
        let mut local = local_state(&found.stat);
        if changed_while_read {
            // No real change time is negative: the next run reads the file again.
            local.changed = -1;
        }
        let time = (found.kind == EntryKind::File)
            .then(|| Timestamp::from_second(local.modified.div_euclid(1_000_000_000)).ok())
            .flatten();
        PreparedEntryData {
            stored: found.stored,
            kind: found.kind,
            time,
            local,
            previous,
            data,
            changed_while_read,
        }
    }

    fn metadata(&mut self, metadata: &Metadata) -> PreparedMetadata {
        let mut bytes = metadata.encode();
        let limit = self
            .format
            .hashes_per_blocklist()
            .saturating_mul(self.format.block_size());
        let was_too_large = bytes.len() as u64 > limit;
        if was_too_large {
            bytes = Metadata::default().encode();
        }
        let hash = self.format.file_hash().digest(&bytes);
        let size = bytes.len() as u64;
        let blocks = bytes
            .chunks(self.format.block_size() as usize)
            .map(|part| self.block(part.to_vec(), Hint::Compress))
            .collect();
        PreparedMetadata {
            hash,
            size,
            blocks,
            was_too_large,
        }
    }

    /// A stream of at most one block: its file hash and the block, which have one hash when the algorithms are the same.
    fn stream_of_one(&mut self, data: Vec<u8>, hint: Hint) -> (Hash, Option<PreparedBlock>) {
        let (file_hash, block_hash) = (self.format.file_hash(), self.format.block_hash());
        let hash = (data.is_empty() || file_hash != block_hash).then(|| file_hash.digest(&data));
        let block = (!data.is_empty()).then(|| self.block(data, hint));
        let same = block.as_ref().map(|block| block.hash);
        (
            hash.or(same).unwrap_or_else(|| file_hash.digest(&[])),
            block,
        )
    }

    fn block(&mut self, data: Vec<u8>, hint: Hint) -> PreparedBlock {
        let hash = self.format.block_hash().digest(&data);
        let size = data.len() as u64;
        let entry = (!self.is_known(hash, size)).then(|| {
            self.compressor.set_level(self.pace.level());
            self.compressor.prepare(data, hint)
        });
        PreparedBlock { hash, size, entry }
    }

    /// A database that cannot answer makes the block count as new; the collector asks again.
    fn is_known(&self, hash: Hash, size: u64) -> bool {
        let recent = self
            .recent
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        recent.contains(&(hash, size))
            || self.index.has_block(hash.as_bytes(), size).unwrap_or(false)
    }
}

/// Whether a file is another than it was before it was read.
pub(super) fn differs(before: &std::fs::Metadata, after: &std::fs::Metadata) -> bool {
    before.len() != after.len() || before.modified().ok() != after.modified().ok()
}
