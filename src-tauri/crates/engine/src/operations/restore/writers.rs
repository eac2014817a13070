//! Threads that write the files of a restore. All blocks of a file go to the same one, in the order they came.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use coffer_volume::metadata::Metadata;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::error::{Result, is_full};
use crate::monitor::{Monitor, ProblemKind};
use crate::operations::restore::files::{Failure, Files, Placement};
use crate::operations::restore::parts::Parts;
use crate::operations::restore::wanted_file::Target;

/// More threads than this do not make a disk faster.
const MOST_THREADS: usize = 4;
/// Bytes of blocks that may wait for all threads together, as a rule; one block for each at least.
const WAITING_BYTES: u64 = 16 << 20;
/// Blocks that may wait for one thread.
const MOST_WAITING: u64 = 128;

/// What is to be done with a file.
pub(super) enum Task {
    Write {
        target: Arc<Target>,
        offset: u64,
        data: Arc<Vec<u8>>,
    },
    /// All blocks were written before.
    Complete {
        target: Arc<Target>,
        metadata: Option<Metadata>,
    },
    /// All that there is of a small file.
    Whole {
        target: Arc<Target>,
        data: Arc<Vec<u8>>,
        metadata: Option<Metadata>,
    },
}

impl Task {
    fn target(&self) -> &Arc<Target> {
        match self {
            Self::Write { target, .. }
            | Self::Complete { target, .. }
            | Self::Whole { target, .. } => target,
        }
    }
}

/// Verifies a file of which all blocks were written, and puts it in place.
pub(super) fn complete(
    files: &Files,
    parts: &mut Parts,
    target: Arc<Target>,
    metadata: Option<&Metadata>,
) -> Outcome {
    let completed = files.complete(parts, &target, metadata);
    Outcome::of(target, completed)
}

/// What became of a file.
pub(super) enum Outcome {
    /// It is in place, perhaps not as it should be.
    Placement(Arc<Target>, Placement),
    /// Reported once for a file.
    Failed(Arc<Target>, ProblemKind),
    /// Nothing more can be written.
    Full(PathBuf, io::Error),
}

impl Outcome {
    fn of(target: Arc<Target>, result: Result<Placement, Failure>) -> Self {
        match result {
            Ok(placed) => Self::Placement(target, placed),
            Err(Failure::Mismatch) => Self::Failed(target, ProblemKind::ContentMismatch),
            Err(Failure::Io(error)) if is_full(&error) => Self::Full(target.place.path(), error),
            Err(Failure::Io(error)) => Self::Failed(target, ProblemKind::Unwritable(error)),
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
    pub(super) fn start(files: &Arc<Files>, monitor: &Arc<dyn Monitor>) -> Self {
        let count = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_THREADS);
        let room = WAITING_BYTES / files.block_size() / count as u64;
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
        let number = task.target().entry.id.unsigned_abs() as usize;
        let thread = number % self.tasks.len();
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
            if self.failed.contains(&task.target().entry.id) {
                continue;
            }
            match task {
                Task::Write {
                    target,
                    offset,
                    data,
                } => self.write(target, offset, &data),
                Task::Complete { target, metadata } => {
                    let outcome = complete(&self.files, &mut self.parts, target, metadata.as_ref());
                    self.report(outcome);
                }
                Task::Whole {
                    target,
                    data,
                    metadata,
                } => {
                    let parts = &mut self.parts;
                    let put = self.files.put(parts, &target, &data, metadata.as_ref());
                    self.monitor.done(0, data.len() as u64, "");
                    self.report(Outcome::of(target, put));
                }
            }
        }
        self.parts.close();
        self.parts
    }

    fn write(&mut self, target: Arc<Target>, offset: u64, data: &[u8]) {
        let written = self.files.write(&mut self.parts, &target, offset, data);
        self.monitor.done(0, data.len() as u64, "");
        if let Err(error) = written {
            self.failed.insert(target.entry.id);
            self.report(Outcome::of(target, Err(error.into())));
        }
    }

    fn report(&self, outcome: Outcome) {
        // The receiver is gone when the restore has failed.
        let _ = self.outcomes.send(outcome);
    }
}
