//! The scan: the sources beside the newest version, in one pass over both.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{thread, vec};

use coffer_database::{EntryRow, Index, StreamBlocks, StreamRow};
use coffer_volume::Hash;
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::stream::block_len;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::collect::{Collector, Finding};
use super::prepare::{Candidate, Pool, Stopped, Task, Worker, differs};
use super::{BackupOptions, Pace, rows};
use crate::broken::is_whole;
use crate::error::{Error, Result};
use crate::filter::Filters;
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::source::{Found, Root, Walk, WalkItem, is_compressed, local_state};
use crate::spool::Spool;
use crate::store::{kind_number, stream_ref};
use crate::threads::{join, spawn};

/// What the scan may have found that the collector has not taken.
const FINDINGS: usize = 256;

/// Everything the scan needs.
pub(super) struct Scan<'a> {
    session: &'a Session,
    spool: &'a Spool,
    roots: Vec<Root>,
    filters: &'a Filters,
    options: &'a BackupOptions,
    pace: &'a Arc<Pace>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        session: &'a Session,
        spool: &'a Spool,
        roots: Vec<Root>,
        options: &'a BackupOptions,
        pace: &'a Arc<Pace>,
    ) -> Self {
        Self {
            session,
            spool,
            roots,
            filters: &options.filters,
            options,
            pace,
        }
    }

    /// Runs the scan and the pool on threads, and the collector on this one.
    pub(super) fn run(self, collector: &mut Collector) -> Result<()> {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        let (pool, ends) = Pool::new(self.spool.format(), threads);
        let index_path = collector.index_path();
        let (finding_sender, findings) = bounded(FINDINGS);
        let finished = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..threads {
                let tasks = ends.tasks.clone();
                let method = self.options.compression_method;
                let worker = Worker::new(
                    self.spool.format(),
                    BlockCompressor::with_method(method, self.pace.level()),
                    Arc::clone(self.pace),
                    &index_path,
                    collector.known(),
                )?;
                spawn(scope, "prepare", move || worker.run(&tasks))?;
            }
            drop(ends.tasks);
            if self.session.monitor().wants_totals() {
                spawn(scope, "count", || self.count(&finished))?;
            }
            let (mut row_sender, rows) = rows::channel();
            let reader = Index::open(&index_path)?;
            let damaged = reader.may_be_damaged()?;
            let reading = spawn(scope, "newest", move || {
                let read = reader.for_each_current(|row| row_sender.send(row));
                row_sender.finish();
                read
            })?;
            let scanner = Scanner {
                scan: &self,
                pool,
                findings: finding_sender,
                newest: Newest::new(rows),
                kept: Vec::new(),
                index: Index::open(&index_path)?,
                whole_lists: damaged.then(HashSet::new),
                unchanged: Unchanged::default(),
                block_size: self.spool.format().block_size(),
            };
            let scanning = spawn(scope, "scan", move || scanner.run())?;

            let collected = collector.collect(&ends.ordered, &findings);
            // The scan ends when nobody takes its results.
            drop((ends.ordered, findings));
            finished.store(true, Ordering::Relaxed);
            let scanned = join(scanning);
            let read = join(reading);
            collected?;
            collector.add_unchanged(scanned?);
            Ok(read?)
        })
    }

    /// Counts what the scan will come across, for an honest "time left".
    fn count(&self, finished: &AtomicBool) {
        let (mut files, mut bytes) = (0, 0);
        for item in Walk::new(self.roots.clone(), self.filters, &self.options.source) {
            if finished.load(Ordering::Relaxed) || self.session.is_cancelled() {
                return;
            }
            if let WalkItem::Entry(found) = item {
                files += 1;
                bytes += found.content_len();
            }
        }
        self.session.monitor().totals(files, bytes);
    }
}

/// The newest version's entries in the order of their paths.
struct Newest {
    batches: Receiver<Vec<EntryRow>>,
    batch: Peekable<vec::IntoIter<EntryRow>>,
}

impl Newest {
    fn new(batches: Receiver<Vec<EntryRow>>) -> Self {
        Self {
            batches,
            batch: Vec::new().into_iter().peekable(),
        }
    }

    fn peek(&mut self) -> Option<&EntryRow> {
        while self.batch.peek().is_none() {
            self.batch = self.batches.recv().ok()?.into_iter().peekable();
        }
        self.batch.peek()
    }

    fn take_if(&mut self, condition: impl FnOnce(&EntryRow) -> bool) -> Option<EntryRow> {
        if self.peek().is_some_and(condition) {
            self.batch.next()
        } else {
            None
        }
    }
}

/// Entries that are as the newest version has them.
#[derive(Debug, Default)]
pub(super) struct Unchanged {
    pub(super) files: u64,
    /// Their content.
    pub(super) bytes: u64,
}

/// The thread that walks.
struct Scanner<'a> {
    scan: &'a Scan<'a>,
    pool: Pool,
    findings: Sender<Finding>,
    newest: Newest,
    /// Stored paths under which everything is kept as it was.
    kept: Vec<String>,
    unchanged: Unchanged,
    index: Index,
    /// When volumes are damaged: the blocklists that were found whole.
    whole_lists: Option<HashSet<Hash>>,
    block_size: u64,
}

impl Scanner<'_> {
    /// When the collector stops, so does the scan; the collector knows why.
    fn run(mut self) -> Result<Unchanged> {
        let scan = self.scan;
        let walk = Walk::new(scan.roots.clone(), scan.filters, &scan.options.source);
        for item in walk {
            scan.session.check_cancelled()?;
            let outcome = match item {
                WalkItem::Entry(found) => self.visit(*found),
                WalkItem::Problem {
                    subject,
                    kind,
                    keep,
                } => self.problem(subject, kind, keep),
                WalkItem::EmptyRoot(stored) => self.empty_root(stored),
                WalkItem::LeftOut(_) => Ok(()),
            };
            if outcome.is_err() {
                return Ok(self.unchanged);
            }
        }
        // Whatever of the newest version was not met is gone.
        let _ = self.pass_until(None).and_then(|()| self.pool.flush());
        Ok(self.unchanged)
    }

    fn visit(&mut self, found: Found) -> Result<(), Stopped> {
        self.pass_until(Some(&found.stored))?;
        let previous = self.newest.take_if(|row| row.path == found.stored);
        let is_lost = match &previous {
            Some(row) => self.is_lost(row),
            None => false,
        };
        if !is_lost
            && previous
                .as_ref()
                .is_some_and(|row| is_unchanged(&found, row))
        {
            let bytes = found.content_len();
            self.unchanged.files += 1;
            self.unchanged.bytes += bytes;
            self.scan.session.monitor().done(1, bytes, &found.stored);
            return Ok(());
        }
        let candidate = Candidate {
            found,
            previous,
            is_lost,
        };
        let format = self.scan.spool.format();
        if candidate.content_len() > self.block_size && !candidate.looks_unchanged(format) {
            return self.large_file(Box::new(candidate));
        }
        self.pool.submit_entry(candidate)
    }

    /// Whether blocks of an entry are at the destination no more. Asked only when volumes are known to be damaged; a
    /// database that cannot answer makes the entry count as lost, which costs a look at the file.
    fn is_lost(&mut self, row: &EntryRow) -> bool {
        let (index, Some(whole)) = (&self.index, &mut self.whole_lists) else {
            return false;
        };
        let format = self.scan.spool.format();
        row.content.iter().chain([&row.metadata]).any(|stream| {
            let stream =
                stream_ref(stream, format).map_err(|source| Error::volume("the index", source));
            !stream
                .and_then(|stream| is_whole(index, format, &stream, whole))
                .unwrap_or(false)
        })
    }

    /// Reads a file of several blocks and hands them in one by one.
    fn large_file(&mut self, candidate: Box<Candidate>) -> Result<(), Stopped> {
        let found = &candidate.found;
        let hint = if is_compressed(&found.path) {
            Hint::Store
        } else {
            Hint::Compress
        };
        let (content, changed_while_read) = match File::open(&found.path) {
            Ok(file) => {
                let previous = candidate.previous.as_ref();
                let previous = previous.filter(|_| !candidate.is_lost);
                let previous = previous.and_then(|row| row.content.as_ref());
                let content = self.read_blocks(&file, found.stat.len(), hint, previous)?;
                let changed = file
                    .metadata()
                    .map_or(true, |stat| differs(&found.stat, &stat));
                (content, changed)
            }
            Err(error) => (Err(error), false),
        };
        self.pool.submit(Task::LargeEnd {
            candidate,
            content,
            changed_while_read,
        })
    }

    fn read_blocks(
        &mut self,
        mut file: &File,
        expected: u64,
        hint: Hint,
        previous: Option<&StreamRow>,
    ) -> Result<io::Result<(Hash, u64)>, Stopped> {
        let format = self.scan.spool.format();
        let mut previous = previous.into_iter().flat_map(|stream| {
            let hashes = StreamBlocks::new(&self.index, stream, format.block_hash().output_len());
            hashes.zip(0..).map_while(|(hash, place)| {
                let len = block_len(place, stream.size, format);
                Some((Hash::from_bytes(&hash).ok()?, len))
            })
        });
        let mut hasher = format.file_hash().hasher();
        let mut total = 0;
        while total < expected {
            if self.scan.session.is_cancelled() {
                return Err(Stopped);
            }
            let len = (expected - total).min(self.block_size);
            let mut data = Vec::with_capacity(len as usize);
            if let Err(error) = file.by_ref().take(len).read_to_end(&mut data) {
                return Ok(Err(error));
            }
            if data.is_empty() {
                break;
            }
            total += data.len() as u64;
            hasher.update(&data);
            self.pool.submit(Task::Block {
                data,
                hint,
                previous: previous.next(),
            })?;
        }
        Ok(Ok((hasher.finish(), total)))
    }

    fn problem(
        &mut self,
        subject: String,
        kind: ProblemKind,
        keep: Option<String>,
    ) -> Result<(), Stopped> {
        if matches!(kind, ProblemKind::SourceMissing) && self.scan.options.allow_missing_source {
            return Ok(());
        }
        let is_root = matches!(kind, ProblemKind::SourceMissing);
        self.kept.extend(keep);
        self.report(Finding::Problem {
            problem: Problem { subject, kind },
            is_root,
        })
    }

    /// An empty root is a problem only when it was not empty before.
    fn empty_root(&mut self, stored: String) -> Result<(), Stopped> {
        let had_content = self
            .newest
            .peek()
            .is_some_and(|row| row.path.len() > stored.len() && row.path.starts_with(&stored));
        if !had_content || self.scan.options.allow_missing_source {
            return Ok(());
        }
        self.kept.push(stored.clone());
        let problem = Problem {
            subject: stored,
            kind: ProblemKind::SourceEmpty,
        };
        self.report(Finding::Problem {
            problem,
            is_root: true,
        })
    }

    /// Passes the newest version's entries before `path`: they are gone, or kept.
    fn pass_until(&mut self, path: Option<&str>) -> Result<(), Stopped> {
        while let Some(row) = self
            .newest
            .take_if(|row| path.is_none_or(|path| row.path.as_str() < path))
        {
            if !self.is_kept(&row.path) {
                self.report(Finding::Gone(row.path))?;
            }
        }
        Ok(())
    }

    fn is_kept(&self, path: &str) -> bool {
        self.kept.iter().any(|kept| {
            path.strip_prefix(kept.as_str()).is_some_and(|rest| {
                rest.is_empty()
                    || kept.ends_with(crate::source::SEPARATOR)
                    || rest.starts_with(crate::source::SEPARATOR)
            })
        })
    }

    fn report(&self, finding: Finding) -> Result<(), Stopped> {
        self.findings.send(finding).map_err(|_| Stopped)
    }
}

/// Whether an entry is as the newest version has it, judged without reading its content.
fn is_unchanged(found: &Found, row: &EntryRow) -> bool {
    if row.kind != kind_number(found.kind) {
        return false;
    }
    let same_size = row
        .content
        .as_ref()
        .is_none_or(|content| content.size == found.stat.len());
    match row.local {
        Some(local) => same_size && local == local_state(&found.stat),
        // From a dlist: the pool compares time, size and metadata.
        None => false,
    }
}
