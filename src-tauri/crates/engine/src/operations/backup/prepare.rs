//! The pool: reading small files, hashing and compressing, in parallel; results come out in the order they went in.

use std::io::{self, Read as _};
use std::sync::Arc;

use coffer_database::{EntryRow, Index, IndexHandle, LocalState, StreamRow};
use coffer_volume::archive::{BlockCompressor, Hint, PreparedEntry};
use coffer_volume::dlist::EntryKind;
use coffer_volume::metadata::Metadata;
use coffer_volume::{Format, Hash};
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;

use crate::error::Result;
use crate::operations::backup::known::{Known, KnownBlocks, LookUps};
use crate::operations::backup::pace::Pace;
use crate::repository::rows::kind_number;
use crate::source::{SourceEntry, is_compressed, local_state, metadata};

/// Seconds within which a file system may give two changes the same time; FAT has the longest.
const LONGEST_TICK: i64 = 2;
/// Bytes of blocks that may be in the pool for each of its threads, as a rule.
const IN_FLIGHT_BYTES: u64 = 4 << 20;
/// Bytes of blocks that may be in the pool at most, unless a block for each thread takes more.
const MOST_IN_FLIGHT_BYTES: u64 = 32 << 20;
/// Tasks that may be in the pool.
const IN_FLIGHT_TASKS: u64 = 256;
/// Entries that are handed in together, because passing small files on one by one takes longer than reading them.
const ENTRIES_PER_TASK: usize = 64;

/// A block that is hashed and, unless it is known, compressed.
pub(super) struct PreparedBlock {
    pub(super) hash: Hash,
    pub(super) size: u64,
    /// `None` when some volume has it already.
    pub(super) new: Option<NewBlock>,
}

/// A block that no volume had.
pub(super) struct NewBlock {
    pub(super) entry: PreparedEntry,
    /// Volumes that had been ended when it was looked up; it may be in one that was ended since.
    pub(super) ended_volumes: u64,
}

/// Metadata, ready to be stored.
pub(super) struct PreparedMetadata {
    pub(super) hash: Hash,
    pub(super) size: u64,
    pub(super) blocks: Vec<PreparedBlock>,
    pub(super) was_too_large: bool,
}

/// Hash and size of the block that the newest version has in the same place. It is at the destination, as is all that
/// the newest version has, and needs no look-up.
pub(super) type PreviousBlock = (Hash, u64);

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
    pub(super) found: SourceEntry,
    pub(super) previous: Option<EntryRow>,
    /// Whether it is read though it looks unchanged: blocks of it are lost, or somebody wants it read always.
    pub(super) must_read: bool,
    /// Whether blocks of the entry are lost.
    pub(super) is_lost: bool,
    /// When the version was made that it is compared with, in seconds since 1970.
    pub(super) compared_with: i64,
    /// What [`Candidate::looks_unchanged`] said. It asks the system, whose answer may be another the next time.
    looks_unchanged: Option<bool>,
}

impl Candidate {
    pub(super) fn new(found: SourceEntry, previous: Option<EntryRow>, compared_with: i64) -> Self {
        Self {
            found,
            previous,
            must_read: false,
            is_lost: false,
            compared_with,
            looks_unchanged: None,
        }
    }

    /// Bytes of content, if it is a file.
    pub(super) fn content_len(&self) -> u64 {
        self.found.content_len()
    }

    /// The block of a stream that the newest version has, when it is a single one.
    fn only_block(&self, stream: Option<&StreamRow>) -> Option<PreviousBlock> {
        let stream = stream.filter(|stream| !self.is_lost && !stream.listed)?;
        Some((Hash::from_bytes(&stream.parts).ok()?, stream.size))
    }

    /// Whether a file that the index knows from a dlist only, where times have whole seconds, is the same: by time, size
    /// and metadata, and because nothing of it changed since that version was made. Asks once.
    pub(super) fn looks_unchanged(&mut self, format: &Format) -> bool {
        if let Some(answer) = self.looks_unchanged {
            return answer;
        }
        let answer = self.compare(format);
        self.looks_unchanged = Some(answer);
        answer
    }

    fn compare(&self, format: &Format) -> bool {
        let Some(row) = &self.previous else {
            return false;
        };
        let Some(content) = &row.content else {
            return false;
        };
        let local = local_state(&self.found);
        let seconds = |nanoseconds: i64| nanoseconds.div_euclid(1_000_000_000);
        // Where the system keeps no change time, it is 0.
        let may_have_changed = seconds(local.changed) >= self.compared_with - LONGEST_TICK;
        if self.must_read
            || may_have_changed
            || row.local.is_some()
            || row.kind != kind_number(self.found.kind)
            || content.size != self.found.stat.len()
            || row.time != Some(seconds(local.modified))
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
    /// Folders, links, and files of at most one block, which the pool reads.
    Entries(Vec<Candidate>),
    /// A block of a large file.
    Block {
        data: Vec<u8>,
        hint: Hint,
        previous: Option<PreviousBlock>,
    },
    /// The end of a large file.
    LargeEnd {
        candidate: Box<Candidate>,
        content: io::Result<(Hash, u64)>,
        changed_while_read: bool,
    },
}

/// What comes out.
pub(super) enum Output {
    Entries(Vec<PreparedEntryData>),
    Block(PreparedBlock),
}

/// The receiver of results is gone.
pub(super) struct ReceiverGone;

/// The way into the pool.
pub(super) struct Pool {
    tasks: Sender<(Task, Sender<Output>)>,
    ordered: Sender<Receiver<Output>>,
    block_size: u64,
    /// Entries that are not handed in yet.
    entries: Vec<Candidate>,
    /// Their content in bytes.
    entry_bytes: u64,
}

/// The ways out: `tasks` for the workers, `ordered` for the receiver of the results.
pub(super) struct PoolEnds {
    pub(super) tasks: Receiver<(Task, Sender<Output>)>,
    pub(super) ordered: Receiver<Receiver<Output>>,
}

impl Pool {
    /// For so many threads.
    pub(super) fn new(format: &Format, threads: usize) -> (Self, PoolEnds) {
        let block_size = format.block_size();
        let threads = threads as u64;
        let bytes = (threads * IN_FLIGHT_BYTES).min(MOST_IN_FLIGHT_BYTES);
        let room = (bytes / block_size).min(IN_FLIGHT_TASKS).max(threads) as usize;
        let (tasks, task_end) = bounded(room);
        let (ordered, ordered_end) = bounded(room);
        let pool = Self {
            tasks,
            ordered,
            block_size,
            entries: Vec::new(),
            entry_bytes: 0,
        };
        let ends = PoolEnds {
            tasks: task_end,
            ordered: ordered_end,
        };
        (pool, ends)
    }

    /// Hands in an entry of at most one block, together with others; [`Pool::flush`] hands in the last ones.
    pub(super) fn submit_entry(&mut self, candidate: Candidate) -> Result<(), ReceiverGone> {
        let bytes = candidate.content_len();
        if self.entry_bytes + bytes > self.block_size {
            self.flush()?;
        }
        self.entry_bytes += bytes;
        self.entries.push(candidate);
        if self.entries.len() >= ENTRIES_PER_TASK {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Hands in work, after the entries before it.
    pub(super) fn submit(&mut self, task: Task) -> Result<(), ReceiverGone> {
        self.flush()?;
        self.hand_in(task)
    }

    pub(super) fn flush(&mut self) -> Result<(), ReceiverGone> {
        self.entry_bytes = 0;
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            Ok(())
        } else {
            self.hand_in(Task::Entries(entries))
        }
    }

    fn hand_in(&self, task: Task) -> Result<(), ReceiverGone> {
        let (sender, receiver) = bounded(1);
        self.ordered.send(receiver).map_err(|_| ReceiverGone)?;
        self.tasks.send((task, sender)).map_err(|_| ReceiverGone)
    }
}

/// One thread of the pool.
pub(super) struct Worker {
    index: Index,
    known: KnownBlocks,
    format: Format,
    compressor: BlockCompressor,
    pace: Arc<Pace>,
}

impl Worker {
    pub(super) fn new(
        format: &Format,
        compressor: BlockCompressor,
        pace: Arc<Pace>,
        index: &IndexHandle,
        known: KnownBlocks,
    ) -> coffer_database::Result<Self> {
        Ok(Self {
            index: index.open()?,
            known,
            format: format.clone(),
            compressor,
            pace,
        })
    }

    /// Works until no more tasks come.
    pub(super) fn run(mut self, tasks: &Receiver<(Task, Sender<Output>)>) {
        for (task, result) in tasks {
            self.compressor.set_level(self.pace.level());
            let output = Preparer {
                look_ups: LookUps::begin(&self.index, &self.known),
                format: &self.format,
                compressor: &mut self.compressor,
            }
            .prepare(task);
            // The collector may be gone; then the result is of no use.
            let _ = result.send(output);
        }
    }
}

/// Prepares one task.
struct Preparer<'a> {
    look_ups: LookUps<'a>,
    format: &'a Format,
    compressor: &'a mut BlockCompressor,
}

impl Preparer<'_> {
    fn prepare(&mut self, task: Task) -> Output {
        match task {
            Task::Entries(candidates) => Output::Entries(
                candidates
                    .into_iter()
                    .map(|candidate| self.entry(candidate))
                    .collect(),
            ),
            Task::Block {
                data,
                hint,
                previous,
            } => Output::Block(self.block(data, hint, previous)),
            Task::LargeEnd {
                candidate,
                content,
                changed_while_read,
            } => {
                let content = content.map(|(hash, size)| PreparedContent::Large { hash, size });
                Output::Entries(vec![self.finish(*candidate, content, changed_while_read)])
            }
        }
    }

    fn entry(&mut self, mut candidate: Candidate) -> PreparedEntryData {
        if candidate.found.kind != EntryKind::File {
            return self.finish(candidate, Ok(PreparedContent::None), false);
        }
        if candidate.looks_unchanged(self.format) {
            return self.finish(candidate, Ok(PreparedContent::Same), false);
        }
        let row = candidate.previous.as_ref();
        let previous = candidate.only_block(row.and_then(|row| row.content.as_ref()));
        let (content, changed) = match self.small_file(&mut candidate.found, previous) {
            Ok((content, changed)) => (Ok(content), changed),
            Err(error) => (Err(error), false),
        };
        self.finish(candidate, content, changed)
    }

    /// Reads a file that had at most one block when it was looked at, and never more than that.
    fn small_file(
        &mut self,
        found: &mut SourceEntry,
        previous: Option<PreviousBlock>,
    ) -> io::Result<(PreparedContent, bool)> {
        let mut file = found.open()?;
        let expected = found.stat.len().min(self.format.block_size());
        let mut data = Vec::with_capacity(expected as usize);
        file.by_ref().take(expected).read_to_end(&mut data)?;
        let changed =
            data.len() as u64 != found.stat.len() || differs(&found.stat, &file.metadata()?);
        let size = data.len() as u64;
        let hint = if is_compressed(&found.path) {
            Hint::Store
        } else {
            Hint::Compress
        };
        let (hash, block) = self.stream_of_one(data, hint, previous);
        Ok((PreparedContent::Small { hash, size, block }, changed))
    }

    fn finish(
        &mut self,
        candidate: Candidate,
        content: io::Result<PreparedContent>,
        changed_while_read: bool,
    ) -> PreparedEntryData {
        let row = candidate.previous.as_ref();
        let previous = candidate.only_block(row.map(|row| &row.metadata));
        let data = content.and_then(|content| {
            let metadata = metadata(&candidate.found)?;
            Ok((content, self.metadata(&metadata, previous)))
        });
        let Candidate {
            found, previous, ..
        } = candidate;
        let mut local = local_state(&found);
        if changed_while_read || !found.is_settled() {
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

    fn metadata(
        &mut self,
        metadata: &Metadata,
        previous: Option<PreviousBlock>,
    ) -> PreparedMetadata {
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
            .map(|part| self.block(part.to_vec(), Hint::Compress, previous))
            .collect();
        PreparedMetadata {
            hash,
            size,
            blocks,
            was_too_large: was_too_large || !metadata.left_out.is_empty(),
        }
    }

    /// A stream of at most one block: its file hash and the block, which have one hash when the algorithms are the same.
    fn stream_of_one(
        &mut self,
        data: Vec<u8>,
        hint: Hint,
        previous: Option<PreviousBlock>,
    ) -> (Hash, Option<PreparedBlock>) {
        let (file_hash, block_hash) = (self.format.file_hash(), self.format.block_hash());
        let hash = (data.is_empty() || file_hash != block_hash).then(|| file_hash.digest(&data));
        let block = (!data.is_empty()).then(|| self.block(data, hint, previous));
        let same = block.as_ref().map(|block| block.hash);
        (
            hash.or(same).unwrap_or_else(|| file_hash.digest(&[])),
            block,
        )
    }

    fn block(
        &mut self,
        data: Vec<u8>,
        hint: Hint,
        previous: Option<PreviousBlock>,
    ) -> PreparedBlock {
        let hash = self.format.block_hash().digest(&data);
        let size = data.len() as u64;
        let known = if previous == Some((hash, size)) {
            Known::Yes
        } else {
            self.look_ups.known(hash, size)
        };
        let new = match known {
            Known::Yes => None,
            Known::NotAfter(ended_volumes) => Some(NewBlock {
                entry: self.compressor.prepare(data, hint),
                ended_volumes,
            }),
        };
        PreparedBlock { hash, size, new }
    }
}

/// Whether a file is another than it was before it was read.
pub(super) fn differs(before: &std::fs::Metadata, after: &std::fs::Metadata) -> bool {
    before.len() != after.len() || before.modified().ok() != after.modified().ok()
}
