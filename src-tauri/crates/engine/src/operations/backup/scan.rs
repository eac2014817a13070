//! The scan: the sources beside the newest version, in one pass over both.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{thread, vec};

use coffer_database::{EntryRow, Index, StreamBlocks, StreamRow};
use coffer_volume::Hash;
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::dlist::EntryKind;
use coffer_volume::stream::block_len;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::filter::{Action, Filters};
use crate::monitor::{Fallback, Problem, ProblemKind};
use crate::operations::backup::blocks::Blocks;
use crate::operations::backup::collect::{Collector, Finding};
use crate::operations::backup::options::BackupOptions;
use crate::operations::backup::overview::{Overview, UnchangedTotals};
use crate::operations::backup::pace::Pace;
use crate::operations::backup::prepare::{Candidate, Pool, ReceiverGone, Task, Worker, differs};
use crate::operations::backup::rows;
use crate::paths::SEPARATOR;
use crate::repository::damage::{ListCopy, is_whole};
use crate::repository::rows::{kind_number, stream_ref};
use crate::repository::session::Session;
use crate::repository::spool::Spool;
use crate::source::{
    KnownMounts, Root, SourceEntry, SymlinkPolicy, Walk, WalkItem, Why, is_compressed, is_inside,
    is_marker, local_state, with_separator,
};
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
        let index = collector.index_handle();
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
                    &index,
                    collector.known(),
                )?;
                spawn(scope, "prepare", move || worker.run(&tasks))?;
            }
            drop(ends.tasks);
            if self.session.monitor().wants_totals() {
                let index = index.open()?;
                let (scan, finished) = (&self, &finished);
                spawn(scope, "count", move || scan.count(&index, finished))?;
            }
            let (mut row_sender, rows) = rows::channel();
            let reader = index.open()?;
            let damaged = reader.may_be_damaged()?;
            let compared_with = compared_with(&reader, self.options.now)?;
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
                kept: KeptPaths::default(),
                overview: Overview::default(),
                compared_with,
                index: index.open()?,
                whole_lists: damaged.then(HashSet::new),
                unchanged: UnchangedTotals::default(),
                block_size: self.spool.format().block_size(),
            };
            let scanning = spawn(scope, "scan", move || scanner.run())?;

            let collected = collector.collect(&ends.ordered, &findings);
            // The scan ends when its receiver is gone.
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
    fn count(&self, index: &Index, finished: &AtomicBool) -> Result<()> {
        let compared_with = compared_with(index, self.options.now)?;
        let is_over = || finished.load(Ordering::Relaxed) || self.session.is_cancelled();
        let (mut files, mut bytes) = (0, 0);
        let mut add = |found: SourceEntry, row: Option<EntryRow>| {
            files += u64::from(found.kind == EntryKind::File);
            let size = found.content_len();
            if size > 0 && self.has_to_be_read(found, row, compared_with) {
                bytes += size;
            }
        };
        let walk = Walk::new(self.roots.clone(), self.filters, &self.options.source);
        let mut found = walk
            .filter_map(|item| match item {
                WalkItem::Entry(found) | WalkItem::Emptied(found) => Some(*found),
                _ => None,
            })
            .take_while(|_| !is_over())
            .peekable();
        index.for_each_current(|row| {
            while let Some(found) = found.next_if(|found| found.stored < row.path) {
                add(found, None);
            }
            if let Some(found) = found.next_if(|found| found.stored == row.path) {
                add(found, Some(row));
            }
            found.peek().is_some()
        })?;
        found.for_each(|found| add(found, None));
        if !is_over() {
            self.session.monitor().totals(files, bytes);
        }
        Ok(())
    }

    fn has_to_be_read(
        &self,
        found: SourceEntry,
        row: Option<EntryRow>,
        compared_with: i64,
    ) -> bool {
        let wanted = self.options.always_read.decide(&found.stored);
        if matches!(wanted, Some((Action::Include, _))) {
            return true;
        }
        let Some(row) = row else {
            return true;
        };
        if is_unchanged(&found, &row) {
            return false;
        }
        let mut candidate = Candidate::new(found, Some(row), compared_with);
        !candidate.looks_unchanged(self.spool.format())
    }
}

/// When the newest version was made, in seconds since 1970. Before all times when it was made by a clock that was ahead, so
/// that what changed since is unknown.
fn compared_with(index: &Index, now: Timestamp) -> Result<i64> {
    let newest = index.filesets()?.last().map(|fileset| fileset.time);
    let newest = newest.filter(|newest| *newest <= now.as_second());
    Ok(newest.unwrap_or(i64::MIN / 2))
}

/// Stored paths under which everything is kept as it was.
#[derive(Debug, Default)]
struct KeptPaths(HashSet<String>);

impl KeptPaths {
    fn add(&mut self, path: &str) {
        let path = path.strip_suffix(SEPARATOR).unwrap_or(path);
        self.0.insert(path.to_owned());
    }

    fn contains(&self, path: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let ends = path.match_indices(SEPARATOR).map(|(end, _)| end);
        ends.chain([path.len()])
            .any(|end| self.0.contains(&path[..end]))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
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

/// The thread that walks.
struct Scanner<'a> {
    scan: &'a Scan<'a>,
    pool: Pool,
    findings: Sender<Finding>,
    newest: Newest,
    kept: KeptPaths,
    overview: Overview,
    unchanged: UnchangedTotals,
    index: Index,
    /// See [`compared_with`].
    compared_with: i64,
    /// When volumes are damaged: the blocklists that were found whole.
    whole_lists: Option<HashSet<Hash>>,
    block_size: u64,
}

impl Scanner<'_> {
    /// When the collector stops, so does the scan; the collector knows why.
    fn run(mut self) -> Result<UnchangedTotals> {
        let scan = self.scan;
        let known = KnownMounts::load(self.index.handle().open()?)?;
        self.overview.mounts.clone_from(known.all());
        let mut walk = Walk::new(scan.roots.clone(), scan.filters, &scan.options.source);
        if scan.options.allow_missing_source {
            self.overview.was_emptied = scan
                .roots
                .iter()
                .any(|root| known.is_replaced(&root.path, &root.stored));
        } else {
            for root in &scan.roots {
                let is_followed = |link: &str| {
                    scan.options.source.symlinks == SymlinkPolicy::Follow
                        || root.inner.iter().any(|inner| is_inside(inner, link))
                };
                for folder in known.gone_below(&with_separator(&root.stored), is_followed) {
                    let keep = Some(folder.clone());
                    if self.problem(folder, Why::Away, keep).is_err() {
                        return Ok(self.unchanged);
                    }
                }
            }
            walk = walk.with_known_mounts(known);
        }
        for item in walk.by_ref() {
            scan.session.check_cancelled()?;
            let outcome = match item {
                WalkItem::Entry(found) => self.visit(*found),
                WalkItem::Problem { subject, .. } if self.kept.contains(&subject) => Ok(()),
                WalkItem::Problem { subject, why, keep } => self.problem(subject, why, keep),
                WalkItem::Emptied(found) => self.emptied(*found)?,
                WalkItem::DeadLink(found) => self.dead_link(*found)?,
                WalkItem::LeftOut(_) => Ok(()),
            };
            if outcome.is_err() {
                return Ok(self.unchanged);
            }
        }
        if let Some(folder) = walk.left_meanwhile() {
            let path = folder.to_owned();
            return Err(Error::SourceLeft { path });
        }
        // Whatever of the newest version was not met is gone.
        let passed = self.pass_until(None).and_then(|()| self.pool.flush());
        self.overview.left_out = walk.left_out_names();
        self.note_mounts(walk.mounts());
        self.overview.keeps = !self.kept.is_empty();
        let overview = std::mem::take(&mut self.overview);
        let _ = passed.and_then(|()| self.report(Finding::Overview(overview)));
        Ok(self.unchanged)
    }

    /// Where disks are away they are remembered, unless it was said that they may be. Even then nothing that was on them is
    /// not retried in this run.
    fn note_mounts(&mut self, now: &HashMap<String, i64>) {
        let mounts = &mut self.overview.mounts;
        if self.scan.options.allow_missing_source {
            let mut before = mounts.drain();
            self.overview.was_emptied |= before.any(|(folder, was)| now.get(&folder) != Some(&was));
        }
        mounts.extend(now.clone());
    }

    fn visit(&mut self, found: SourceEntry) -> Result<(), ReceiverGone> {
        if self.kept.contains(&found.stored) {
            return Ok(());
        }
        self.pass_until(Some(&found.stored))?;
        self.overview.files += u64::from(found.kind != EntryKind::Folder);
        let previous = self.newest.take_if(|row| row.path == found.stored);
        let is_lost = match &previous {
            Some(row) => self.is_lost(row),
            None => false,
        };
        let wanted = self.scan.options.always_read.decide(&found.stored);
        let must_read = is_lost
            || found.kind == EntryKind::File && matches!(wanted, Some((Action::Include, _)));
        if !must_read
            && previous
                .as_ref()
                .is_some_and(|row| is_unchanged(&found, row))
        {
            let bytes = found.content_len();
            let files = u64::from(found.kind == EntryKind::File);
            self.unchanged.files += files;
            self.unchanged.bytes += bytes;
            self.scan.session.monitor().done(files, 0, &found.stored);
            return Ok(());
        }
        let mut candidate = Candidate::new(found, previous, self.compared_with);
        (candidate.must_read, candidate.is_lost) = (must_read, is_lost);
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
                .and_then(|stream| is_whole(index, format, &stream, ListCopy::InDataVolume, whole))
                .unwrap_or(false)
        })
    }

    /// Reads a file of several blocks and hands them in one by one.
    fn large_file(&mut self, mut candidate: Box<Candidate>) -> Result<(), ReceiverGone> {
        let hint = if is_compressed(&candidate.found.path) {
            Hint::Store
        } else {
            Hint::Compress
        };
        let previous = candidate.previous.as_ref();
        let previous = previous.filter(|_| !candidate.is_lost);
        let previous = previous.and_then(|row| row.content.clone());
        let found = &mut candidate.found;
        let (content, changed_while_read) = match found.open() {
            Ok(file) => {
                let expected = found.stat.len();
                let content = self.read_blocks(&file, expected, hint, previous.as_ref())?;
                let changed = file
                    .metadata()
                    .map_or(true, |stat| differs(&found.stat, &stat));
                let is_short = matches!(content, Ok((_, size)) if size != expected);
                (content, changed || is_short)
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
        file: &File,
        expected: u64,
        hint: Hint,
        previous: Option<&StreamRow>,
    ) -> Result<io::Result<(Hash, u64)>, ReceiverGone> {
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
        for data in Blocks::new(file, expected, self.block_size) {
            if self.scan.session.is_cancelled() {
                return Err(ReceiverGone);
            }
            let data = match data {
                Ok(data) => data,
                Err(error) => return Ok(Err(error)),
            };
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
        why: Why,
        keep: Option<String>,
    ) -> Result<(), ReceiverGone> {
        if matches!(why, Why::Missing) && self.scan.options.allow_missing_source {
            self.overview.was_emptied = true;
            return Ok(());
        }
        let is_root = why.is_of_source();
        let (fallback, files) = match keep {
            Some(kept) if self.was_backed_up(&kept) => {
                self.kept.add(&kept);
                let files = if is_root { self.files_of(&kept) } else { 0 };
                (Fallback::Kept, files)
            }
            _ => (Fallback::Nothing, 0),
        };
        let kind = why.kind(fallback, files);
        self.report(Finding::Problem {
            problem: Problem { subject, kind },
            is_root,
        })
    }

    /// Whether the newest version has something at a path or below it. A database that cannot answer makes it so.
    fn was_backed_up(&self, path: &str) -> bool {
        let path = path.strip_suffix(SEPARATOR).unwrap_or(path);
        let folder = format!("{path}{SEPARATOR}");
        let is_there = self.index.has_any_of([path, folder.as_str()]);
        is_there.unwrap_or(true) || self.index.has_below(&folder, |_| false).unwrap_or(true)
    }

    /// Files that the newest version has of a source; 0 from a database that cannot answer.
    fn files_of(&self, source: &str) -> u64 {
        let source = source.strip_suffix(SEPARATOR).unwrap_or(source);
        let folder = format!("{source}{SEPARATOR}");
        let files = self
            .index
            .count_below(source, &folder, kind_number(EntryKind::File));
        files.unwrap_or(0)
    }

    /// An empty source is a problem only when it was not empty before.
    fn emptied(&mut self, found: SourceEntry) -> Result<Result<(), ReceiverGone>> {
        if !self.index.has_below(&found.stored, is_marker)? {
            return Ok(self.visit(found));
        }
        let subject = found.stored.clone();
        if self.scan.options.allow_missing_source {
            self.overview.was_emptied = true;
            let kind = ProblemKind::SourceEmptied;
            let problem = Problem { subject, kind };
            let reported = self.report(Finding::Problem {
                problem,
                is_root: false,
            });
            return Ok(reported.and_then(|()| self.visit(found)));
        }
        self.kept.add(&subject);
        let files = self.files_of(&subject);
        let kind = ProblemKind::SourceEmpty { files };
        Ok(self.report(Finding::Problem {
            problem: Problem { subject, kind },
            is_root: true,
        }))
    }

    /// A link that leads nowhere is stored as a link, unless it led somewhere before.
    fn dead_link(&mut self, found: SourceEntry) -> Result<Result<(), ReceiverGone>> {
        let folder = format!("{}{SEPARATOR}", found.stored);
        let led_somewhere = self.index.has_any_of([folder.as_str()])?
            || self
                .index
                .has_file(&found.stored, kind_number(EntryKind::File))?;
        if led_somewhere && self.scan.options.allow_missing_source {
            self.overview.was_emptied = true;
            return Ok(self.visit(found));
        }
        Ok(if led_somewhere {
            let keep = Some(found.stored.clone());
            self.problem(found.stored, Why::Away, keep)
        } else {
            self.visit(found)
        })
    }

    /// Passes the newest version's entries before `path`: they are gone, or kept.
    fn pass_until(&mut self, path: Option<&str>) -> Result<(), ReceiverGone> {
        while let Some(row) = self
            .newest
            .take_if(|row| path.is_none_or(|path| row.path.as_str() < path))
        {
            if self.kept.contains(&row.path) {
                continue;
            }
            let mut roots = self.scan.roots.iter();
            self.overview.sources_left |= !roots.any(|root| is_inside(&row.path, &root.stored));
            self.overview.files_are_gone |= row.kind != kind_number(EntryKind::Folder);
            self.report(Finding::Gone {
                path: row.path,
                kind: row.kind,
            })?;
        }
        Ok(())
    }

    fn report(&self, finding: Finding) -> Result<(), ReceiverGone> {
        self.findings.send(finding).map_err(|_| ReceiverGone)
    }
}

/// Whether an entry is as the newest version has it, judged without reading its content.
fn is_unchanged(found: &SourceEntry, row: &EntryRow) -> bool {
    if row.kind != kind_number(found.kind) {
        return false;
    }
    let same_size = row
        .content
        .as_ref()
        .is_none_or(|content| content.size == found.stat.len());
    match row.local {
        Some(local) => same_size && local == local_state(found),
        // From a dlist: the pool compares time, size and metadata.
        None => false,
    }
}
