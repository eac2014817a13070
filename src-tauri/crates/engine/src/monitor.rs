use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::reasons::{CompactObstacle, Incomplete, MetadataFailure, ReadFailure};

/// What an operation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Phase {
    Connecting,
    ReadingDestination,
    /// Uploading what a run before left.
    SendingLeft,
    BackingUp,
    /// All that changed is in volumes.
    Sending,
    Finishing,
    Compacting,
    Deleting,
    Planning,
    Restoring,
    Verifying,
}

/// How serious a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Left out on purpose.
    Info,
    /// The version or restore is usable, but not all that was asked for.
    Warning,
}

/// Something that did not go as asked and did not end the operation.
#[derive(Debug)]
pub struct Problem {
    /// The file, folder or volume.
    pub subject: String,
    /// What happened.
    pub kind: ProblemKind,
}

/// Kinds of [`Problem`].
#[allow(missing_docs, reason = "the names of the fields say it")]
#[derive(Debug)]
pub enum ProblemKind {
    /// It could not be read.
    Unreadable {
        error: io::Error,
        /// What the version has of it.
        fallback: Fallback,
    },
    /// It changed while it was read; the next run reads it again.
    ChangedWhileRead,
    /// A source does not exist.
    SourceMissing {
        /// What the version has of it.
        fallback: Fallback,
        /// Files of it that are kept.
        files: u64,
    },
    /// A source, or a folder in it in which another disk was, is suddenly empty; what the version before had of it is
    /// kept.
    SourceEmpty {
        /// Files of it.
        files: u64,
    },
    /// As [`ProblemKind::SourceEmpty`], but that was said to be meant: the version has nothing of it.
    SourceEmptied,
    /// Not one file of the sources is left after the filters.
    NothingChosen {
        /// Whether that was said to be meant.
        is_meant: bool,
    },
    /// Its name is no valid Unicode, which the format cannot hold.
    NameNotUnicode {
        /// It is a folder, and nothing in it is stored.
        is_folder: bool,
    },
    /// A device, pipe or socket.
    SpecialFile,
    /// Its metadata is too large for the format and was left out.
    MetadataTooLarge,
    /// Its stored path would leave the target folder.
    HostilePath,
    /// A link stands in the way of its folder; nothing is written through links.
    LinkInTheWay,
    /// It could not be written.
    Unwritable(io::Error),
    /// Blocks of it are missing or damaged at the destination.
    DataMissing,
    /// Its content came out different from what was stored.
    ContentMismatch,
    /// Its times, rights or attributes could not all be set.
    MetadataNotRestored(MetadataFailure),
    /// A volume is not what it should be.
    Faulty(FaultKind),
    /// No index volume describes it, and no version needs it: a run that was cut off left it.
    NotDescribed,
    /// It describes only data volumes that are gone and that no version needs: a run that was cut off while it deleted
    /// left it.
    LeftOver,
    /// It should be deleted, and somebody holds it or does not allow that.
    NotDeleted(coffer_destination::Error),
    /// Space was not given back, because data of versions is missing.
    NotCompacted(CompactObstacle),
    /// A volume could not be used; another way was looked for.
    VolumeUnusable {
        /// What is wrong.
        why: ReadFailure,
        /// False when it may be whole and could not be read for now.
        is_lost: bool,
    },
    /// A volume that versions need is gone, which is what was looked for.
    VolumeMissing,
    /// A version that was there is gone, and this computer did not delete it.
    VersionGone {
        /// Another computer made versions in the same folder, and may have deleted it.
        others_work_here: bool,
    },
    /// A rule would have deleted versions with files that no newer one has, which other computers made.
    OthersKept { versions: u64 },
    /// Versions that rules leave alone, because another computer made them, or this one before it was set up again.
    LeftToOthers { versions: u64 },
    /// The newest version is of a time that is still to come; the new one got a time right after it.
    ClockBehind {
        /// The clock's time.
        now: Timestamp,
        /// The newest version's.
        newest: Timestamp,
    },
    /// Retention would have deleted most versions at once though it was not changed, so it deleted none.
    MassDeletion {
        /// How many it would have deleted.
        victims: u64,
        /// How many there are.
        versions: u64,
    },
    /// Nothing is deleted by retention yet, because sources left the list a short while ago.
    SourcesLeft,
    /// Nothing is deleted by retention yet, because this computer does not remember what its sources were, or never
    /// knew.
    NothingRemembered,
    /// There are volumes of a module that cannot be read, named by what their names end in, beside those that can.
    OtherModule(String),
    /// It takes more than an entry can hold and was left out.
    TooLargeForFormat(coffer_volume::Defect),
    /// It was asked for, and this version has nothing of it.
    NotInVersion,
    /// Its stored path is of another kind of system, so that it cannot go back where it was.
    PathOfOtherSystem,
    /// This system has no such names.
    ImpossibleName,
    /// Another file of the restore has its name but for large and small letters, which are the same in this folder. It
    /// was restored under this name.
    SameNameHere(String),
}

/// What a version has of something that could not be backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// What the version before had.
    Kept,
    /// Nothing: there is no version before, or it had nothing of it.
    Nothing,
}

impl ProblemKind {
    /// How serious it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::SpecialFile
            | Self::SourceEmptied
            | Self::SourcesLeft
            | Self::NothingRemembered
            | Self::OthersKept { .. }
            | Self::LeftToOthers { .. }
            | Self::VolumeMissing
            | Self::NothingChosen { is_meant: true }
            | Self::VersionGone {
                others_work_here: true,
            } => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

/// Receives what an operation does, on any thread. Calls come often and must return quickly.
pub trait Monitor: Send + Sync {
    /// A new phase began.
    fn phase(&self, _phase: Phase) {}
    /// How much there is to do, once it is known. Of a backup: all entries, and the bytes of those that have to be read.
    fn totals(&self, _files: u64, _bytes: u64) {}
    /// Entries and bytes that are done since the last call, and what is being worked on.
    fn done(&self, _files: u64, _bytes: u64, _path: &str) {}
    /// More bytes wait to be uploaded.
    fn queued(&self, _bytes: u64) {}
    /// Bytes of files that are being uploaded have arrived; the part of a file that is sent again counts once.
    fn sent(&self, _bytes: u64) {}
    /// Bytes sent to or received from the destination since the last call.
    fn transferred(&self, _bytes: u64) {}
    /// The operation rests because of the destination.
    fn waiting(&self, _time: Duration, _why: &str) {}
    /// Something did not go as asked.
    fn problem(&self, _problem: Problem) {}
    /// Whether [`Monitor::totals`] is worth an extra look at all sources.
    fn wants_totals(&self) -> bool {
        false
    }
}

/// Ignores everything.
impl Monitor for () {}

/// Passes everything on and counts warnings.
pub(crate) struct Counting {
    inner: Arc<dyn Monitor>,
    warnings: AtomicU64,
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn Monitor>) -> Self {
        let warnings = AtomicU64::new(0);
        Self { inner, warnings }
    }

    pub(crate) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Relaxed)
    }
}

impl Monitor for Counting {
    fn phase(&self, phase: Phase) {
        self.inner.phase(phase);
    }

    fn totals(&self, files: u64, bytes: u64) {
        self.inner.totals(files, bytes);
    }

    fn done(&self, files: u64, bytes: u64, path: &str) {
        self.inner.done(files, bytes, path);
    }

    fn queued(&self, bytes: u64) {
        self.inner.queued(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.inner.sent(bytes);
    }

    fn transferred(&self, bytes: u64) {
        self.inner.transferred(bytes);
    }

    fn waiting(&self, time: Duration, why: &str) {
        self.inner.waiting(time, why);
    }

    fn problem(&self, problem: Problem) {
        if problem.kind.severity() == Severity::Warning {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.problem(problem);
    }

    fn wants_totals(&self) -> bool {
        self.inner.wants_totals()
    }
}

/// Passes a transfer's progress on.
pub(crate) struct TransferTo<'a>(pub(crate) &'a dyn Monitor);

impl coffer_destination::TransferMonitor for TransferTo<'_> {
    fn moved(&self, bytes: u64) {
        self.0.transferred(bytes);
    }

    fn waiting(&self, time: Duration, why: &str) {
        self.0.waiting(time, why);
    }
}

/// Passes the progress of an upload on.
pub(crate) struct UploadTo<'a> {
    monitor: &'a dyn Monitor,
    size: u64,
    sent: AtomicU64,
}

impl<'a> UploadTo<'a> {
    pub(crate) fn new(monitor: &'a dyn Monitor, size: u64) -> Self {
        let sent = AtomicU64::new(0);
        Self {
            monitor,
            size,
            sent,
        }
    }

    /// The whole file is there, whatever was counted.
    pub(crate) fn arrived(&self) {
        self.send(self.size);
    }

    fn send(&self, bytes: u64) {
        let add = |sent: u64| Some(sent.saturating_add(bytes).min(self.size));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let before = self.sent.fetch_update(set, fetch, add).unwrap_or(self.size);
        let more = bytes.min(self.size - before);
        if more > 0 {
            self.monitor.sent(more);
        }
    }
}

impl coffer_destination::TransferMonitor for UploadTo<'_> {
    fn moved(&self, bytes: u64) {
        self.send(bytes);
        self.monitor.transferred(bytes);
    }

    fn waiting(&self, time: Duration, why: &str) {
        self.monitor.waiting(time, why);
    }
}

/// What is wrong with a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// It was there and is gone.
    Missing,
    /// It has another length, in bytes, than when it was written.
    OtherSize {
        /// What it had.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// It is as long as it was, but not the same.
    OtherContent,
    /// It cannot be read.
    Unreadable(ReadFailure),
    /// It lacks what other volumes say is in it.
    Incomplete(Incomplete),
}
