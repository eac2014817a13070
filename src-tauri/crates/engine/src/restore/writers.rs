//! Threads that write the files of a restore. All blocks of a file go to the same one, in the order they came.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use coffer_database::PlanEntry;
use coffer_volume::Format;
use coffer_volume::metadata::Metadata;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::files::{Failure, Files, Parts};
use super::target::Place;
use crate::error::is_full;
use crate::monitor::{Monitor, ProblemKind};

/// More threads than this do not make a disk faster.
const MOST_THREADS: usize = 4;
/// Bytes of blocks that may wait for all threads together, as a rule; one block for each at least.
const WAITING_BYTES: u64 = 16 << 20;
/// Blocks that may wait for one thread.
const MOST_WAITING: u64 = 128;

/// What is to be done with a file.
pub(super) enum Task {
    Write {
        entry: i64,
        place: Arc<Place>,
        offset: u64,
        data: Arc<Vec<u8>>,
    },
    /// All blocks were written before.
    Complete(Box<WrittenFile>),
}

/// A file of which all blocks were written.
pub(super) struct WrittenFile {
    pub(super) entry: PlanEntry,
    pub(super) place: Place,
    pub(super) metadata: Option<Metadata>,
}

impl WrittenFile {
    /// Verifies it and puts it in place.
    pub(super) fn complete(self, files: &Files, parts: &mut Parts) -> Outcome {
        let Self {
            entry,
            place,
            metadata,
        } = self;
        match files.complete(parts, &entry, &place, metadata.as_ref()) {
            Ok(applied) => Outcome::Placed(entry, applied),
            Err(failure) => Outcome::failed(entry.id, &place, failure),
        }
    }
}

/// What became of a file.
pub(super) enum Outcome {
    /// It is in place; what of its metadata could not be set is told.
    Placed(PlanEntry, io::Result<()>),
    /// Told once for a file.
    Failed(i64, ProblemKind),
    /// Nothing more can be written.
    Full(PathBuf, io::Error),
}

impl Outcome {
    fn failed(entry: i64, place: &Place, failure: Failure) -> Self {
        match failure {
            Failure::Mismatch => Self::Failed(entry, ProblemKind::ContentMismatch),
            Failure::Io(error) if is_full(&error) => Self::Full(place.path(), error),
            Failure::Io(error) => Self::Failed(entry, ProblemKind::Unwritable(error)),
        }
    }
}

/// The threads.
pub(super) struct Writers {
    tasks: Vec<Sender<Task>>,
    outcomes: Receiver<Outcome>,
    threads: Vec<JoinHandle<Parts>>,
}

impl Writers {
    pub(super) fn start(files: &Arc<Files>, format: &Format, monitor: &Arc<dyn Monitor>) -> Self {
        let count = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_THREADS);
        let room = WAITING_BYTES / format.block_size() / count as u64;
        let (sender, outcomes) = unbounded();
        let (mut tasks, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (task_sender, receiver) = bounded(room.clamp(1, MOST_WAITING) as usize);
            let writer = Writer {
                files: Arc::clone(files),
                monitor: Arc::clone(monitor),
                outcomes: sender.clone(),
                parts: Parts::default(),
                failed: HashSet::new(),
            };
            tasks.push(task_sender);
            threads.push(thread::spawn(move || writer.run(&receiver)));
        }
        Self {
            tasks,
            outcomes,
            threads,
        }
    }

    /// Hands a task to the thread of its file, and waits for room.
    pub(super) fn send(&self, task: Task) {
        let entry = match &task {
            Task::Write { entry, .. } => *entry,
            Task::Complete(file) => file.entry.id,
        };
        let thread = entry.unsigned_abs() as usize % self.tasks.len();
        // A thread that ended early has panicked, which `finish` passes on.
        let _ = self.tasks[thread].send(task);
    }

    /// What came to an end since the last call.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = Outcome> + '_ {
        self.outcomes.try_iter()
    }

    /// Waits for all that was sent. Returns the files that are not complete, and the last outcomes.
    pub(super) fn finish(self) -> (Parts, Vec<Outcome>) {
        drop(self.tasks);
        let mut parts = Parts::default();
        for thread in self.threads {
            match thread.join() {
                Ok(own) => parts.partial.extend(own.partial),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (parts, self.outcomes.try_iter().collect())
    }
}

/// One of the threads.
struct Writer {
    files: Arc<Files>,
    monitor: Arc<dyn Monitor>,
    outcomes: Sender<Outcome>,
    parts: Parts,
    failed: HashSet<i64>,
}

impl Writer {
    fn run(mut self, tasks: &Receiver<Task>) -> Parts {
        for task in tasks {
            match task {
                Task::Write {
                    entry,
                    place,
                    offset,
                    data,
                } => {
                    self.write(entry, &place, offset, &data);
                    self.monitor.done(0, data.len() as u64, "");
                }
                Task::Complete(file) => self.complete(*file),
            }
        }
        self.parts.close();
        self.parts
    }

    fn write(&mut self, entry: i64, place: &Place, offset: u64, data: &[u8]) {
        if self.failed.contains(&entry) {
            return;
        }
        let written = self
            .files
            .write(&mut self.parts, entry, place, offset, data);
        if let Err(error) = written {
            self.failed.insert(entry);
            self.tell(Outcome::failed(entry, place, error.into()));
        }
    }

    fn complete(&mut self, file: WrittenFile) {
        if !self.failed.contains(&file.entry.id) {
            let outcome = file.complete(&self.files, &mut self.parts);
            self.tell(outcome);
        }
    }

    fn tell(&self, outcome: Outcome) {
        // Nobody listens any more when the restore has failed.
        let _ = self.outcomes.send(outcome);
    }
}
