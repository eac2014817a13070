//! Where blocking code meets the async destination.
//!
//! Uploads are on threads that may block, and not tasks of the runtime: each notes in the index how far it came and that
//! it arrived, and an index that is locked for a moment would hold up everything else that the runtime has to do.

use std::collections::HashSet;
use std::fs;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use coffer_destination::{CheckpointStore, Error as DestinationError, RemoteFile, UploadFile};
use coffer_volume::{VolumeKind, VolumeName};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tempfile::TempPath;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, info, warn};

use crate::error::{Error, Result, is_full};
use crate::monitor::{Monitor, Phase, Problem, ProblemKind, TransferTo, UploadTo};
use crate::reasons::ReadFailure;
use crate::repository::store::Store;
use crate::repository::trace::Trace;
use crate::repository::volumes::ListedVolume;

/// Volumes downloaded at the same time.
const PARALLEL_DOWNLOADS: usize = 4;
/// Files asked for by name at the same time.
const PARALLEL_QUESTIONS: usize = 8;

/// A file of the destination, to be read.
pub(crate) enum LocalVolume {
    /// A copy that goes away with this.
    Copy(TempPath),
    /// The file itself, on a disk of this computer.
    Itself(PathBuf),
}

impl Deref for LocalVolume {
    type Target = Path;

    fn deref(&self) -> &Path {
        match self {
            Self::Copy(path) => path,
            Self::Itself(path) => path,
        }
    }
}

/// One operation on a store: who is notified of it and what ends it early.
#[derive(Clone)]
pub(crate) struct Session {
    store: Store,
    runtime: Handle,
    monitor: Arc<dyn Monitor>,
    cancel: CancellationToken,
    trace: Arc<Trace>,
    role: Role,
    /// Volumes that could not be read for a reason that may pass, and the reason.
    unread: Arc<Mutex<Vec<(String, ReadFailure)>>>,
    /// Versions that were reported as gone.
    reported_gone: Arc<Mutex<HashSet<String>>>,
}

/// What an operation is for, as far as versions are concerned that it finds gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Changes nothing, and remembers nothing: each one reports them.
    Reading,
    /// Reports them once, and leaves it to the next backup to report them again.
    Maintaining,
    /// Reports them for the last time if it finishes.
    BackingUp,
}

/// Whether the system said it, or what lies behind it.
fn is_of_system(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        let error = error.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| {
            error.raw_os_error().is_some()
                || error.get_ref().is_some_and(|inner| is_of_system(inner))
        })
    })
}

impl Session {
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn new(
        store: &Store,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
    ) -> Self {
        Self {
            store: store.clone(),
            runtime: Handle::current(),
            monitor,
            cancel: cancel.clone(),
            trace: Arc::new(Trace::new()),
            role: Role::Maintaining,
            unread: Arc::default(),
            reported_gone: Arc::default(),
        }
    }

    pub(crate) fn with_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The same operation, ended as well by a token of its own.
    pub(crate) fn child(&self) -> Self {
        Self {
            cancel: self.cancel.child_token(),
            ..self.clone()
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn label(&self) -> String {
        self.store.destination().label()
    }

    pub(crate) fn monitor(&self) -> &Arc<dyn Monitor> {
        &self.monitor
    }

    /// Begins a phase.
    pub(crate) fn phase(&self, phase: Phase) {
        self.trace.phase(phase);
        self.monitor.phase(phase);
    }

    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// # Errors
    /// [`Error::Cancelled`] once the token was triggered.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Distinguishes a cancelled call from a failed one.
    pub(crate) fn failed(&self, error: DestinationError) -> Error {
        match error {
            DestinationError::Cancelled => Error::Cancelled,
            error => Error::Destination(error),
        }
    }

    /// What is wrong with the one volume that an operation was about, when its failure says nothing of any other; any other
    /// failure is given back.
    pub(crate) fn volume_fault(&self, error: Error) -> Result<ReadFailure> {
        let of_system = |source: std::io::Error| match source.kind() {
            // Another computer deleted it in a folder of this one, between the look for it and reading it.
            std::io::ErrorKind::NotFound => ReadFailure::Missing,
            _ => ReadFailure::System {
                said: source.to_string(),
            },
        };
        Ok(match error {
            // Nothing is wrong with it; only a newer Coffer can say what is in it.
            Error::Volume { ref source, .. } if source.is_of_later_version() => return Err(error),
            Error::Volume { source, .. } => ReadFailure::Damaged(Arc::new(source)),
            Error::WrongPassphrase { .. } => ReadFailure::DoesNotOpen,
            Error::Destination(DestinationError::NotFound { .. }) => ReadFailure::Missing,
            Error::Destination(DestinationError::Refused { why, .. }) => {
                ReadFailure::Refused { said: why }
            }
            Error::Destination(DestinationError::Corrupted { name, why }) => {
                ReadFailure::Corrupted { name, why }
            }
            Error::Destination(DestinationError::Io { source, .. })
            | Error::Io {
                operation: "read" | "read or write",
                source,
                ..
            } => of_system(source),
            // Asked for again and again; if everything else can be had, it is this file alone.
            Error::Destination(DestinationError::Unavailable { why }) if self.can_list() => {
                ReadFailure::Unavailable { said: why }
            }
            other => return Err(other),
        })
    }

    /// The error of an operation that needed this volume; any failure that is not the volume's own is given back.
    pub(crate) fn volume_failure(&self, volume: &str, error: Error) -> Result<Error> {
        match error {
            Error::Volume { ref source, .. } if !source.is_of_later_version() => Ok(error),
            error => Ok(Error::VolumeNotRead {
                name: volume.to_owned(),
                why: self.volume_fault(error)?,
            }),
        }
    }

    /// Whether a failure of a volume shows that what is in it is lost. One that was refused, or of a disk or connection, may
    /// pass.
    pub(crate) fn is_proof_of_loss(error: &Error) -> bool {
        let is_not_found = |source: &std::io::Error| source.kind() == std::io::ErrorKind::NotFound;
        match error {
            Error::Volume { source, .. } => !is_of_system(source) && !source.is_of_later_version(),
            Error::WrongPassphrase { .. }
            | Error::Destination(
                DestinationError::NotFound { .. } | DestinationError::Corrupted { .. },
            ) => true,
            Error::Destination(DestinationError::Io { source, .. }) => is_not_found(source),
            // Readers of volumes report damaged contents in this way as well.
            Error::Io { source, .. } => is_not_found(source) || !is_of_system(source),
            _ => false,
        }
    }

    /// # Errors
    /// [`Error::Unreadable`] when a volume of this kind could not be read for a reason that may pass: then what is lost is
    /// unknown.
    pub(crate) fn require_read(&self, kind: VolumeKind) -> Result<()> {
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_kind = |(name, _): &&(String, ReadFailure)| {
            VolumeName::parse(name).is_some_and(|name| name.kind() == kind)
        };
        match unread.iter().find(is_of_kind) {
            Some((name, why)) => Err(Error::Unreadable {
                name: name.clone(),
                why: why.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether this operation reports for the first time that a version is gone.
    pub(crate) fn is_first_report(&self, name: &str) -> bool {
        let mut reported = self
            .reported_gone
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reported.insert(name.to_owned())
    }

    /// Whether this volume could not be read for a reason that may pass.
    pub(crate) fn is_unread(&self, name: &str) -> bool {
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.iter().any(|(unread, _)| unread == name)
    }

    /// Whether the destination answers at all. May be called while something is fetched.
    fn can_list(&self) -> bool {
        std::thread::scope(|scope| {
            let listing = scope.spawn(|| self.list().is_ok());
            listing.join().unwrap_or(false)
        })
    }

    /// Reports a volume that cannot be used; any failure that is not its own is given back.
    pub(crate) fn report_unusable(&self, volume: &str, error: Error) -> Result<()> {
        let is_lost = Self::is_proof_of_loss(&error);
        let why = self.volume_fault(error)?;
        warn!(parent: &self.trace.volume(volume), ?why, is_lost, "cannot be used");
        if !is_lost {
            let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            unread.push((volume.to_owned(), why.clone()));
        }
        self.monitor.problem(Problem {
            subject: volume.to_owned(),
            kind: ProblemKind::VolumeUnusable { why, is_lost },
        });
        Ok(())
    }

    /// Which of these files are there, whatever a listing says.
    pub(crate) fn ask_by_name(&self, names: Vec<String>) -> Result<HashSet<String>> {
        let destination = self.store.destination();
        let asked = stream::iter(names).map(|name| async {
            match destination.get_range(&name, 0..1, &self.cancel).await {
                Ok(_) => Ok(Some(name)),
                Err(DestinationError::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failed(error)),
            }
        });
        let found = asked.buffer_unordered(PARALLEL_QUESTIONS);
        let found = found.try_filter_map(|name| async { Ok(name) });
        self.runtime.block_on(found.try_collect())
    }

    /// Makes what was stored and deleted last, before something is deleted that it replaces.
    pub(crate) fn settle(&self) -> Result<()> {
        let settled = self
            .runtime
            .block_on(self.store.destination().settle(&self.cancel));
        settled.map_err(|error| self.failed(error))
    }

    pub(crate) fn list(&self) -> Result<Vec<RemoteFile>, DestinationError> {
        self.runtime
            .block_on(self.store.destination().list(&self.cancel))
    }

    pub(crate) fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<Vec<u8>, DestinationError> {
        self.runtime.block_on(
            self.store
                .destination()
                .get_range(name, range, &self.cancel),
        )
    }

    pub(crate) fn create_folder(&self) -> Result<()> {
        let created = self
            .runtime
            .block_on(self.store.destination().create_folder(&self.cancel));
        created.map_err(|error| self.failed(error))
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), DestinationError> {
        let span = self.trace.volume(name);
        let destination = self.store.destination();
        let deleting = destination.delete(name, &self.cancel);
        self.runtime.block_on(deleting.instrument(span.clone()))?;
        info!(parent: &span, "deleted");
        Ok(())
    }

    /// Gives up an upload that an earlier run left.
    pub(crate) fn abandon(&self, name: &str, checkpoints: &dyn CheckpointStore) {
        let destination = self.store.destination();
        self.runtime
            .block_on(destination.abandon(name, checkpoints));
    }

    /// Uploads one file and waits for it.
    pub(crate) fn put(
        &self,
        name: &str,
        path: &Path,
        checkpoints: &dyn CheckpointStore,
    ) -> Result<()> {
        let file = UploadFile::new(path).map_err(|source| Error::io("read", path, source))?;
        let monitor = UploadTo::new(&*self.monitor, file.size());
        let destination = self.store.destination();
        let put = destination.put(name, &file, checkpoints, &monitor, &self.cancel);
        let span = self.trace.volume(name);
        let stored = self.runtime.block_on(put.instrument(span.clone()));
        stored.map_err(|error| self.failed(error))?;
        info!(parent: &span, bytes = file.size(), "stored");
        monitor.arrived();
        Ok(())
    }

    /// Uploads one file under a name that nothing may have; false when something has it. This very file counts as
    /// uploaded: a try before may have succeeded without an answer.
    pub(crate) fn put_new(
        &self,
        name: &str,
        path: &Path,
        checkpoints: &dyn CheckpointStore,
    ) -> Result<bool> {
        let failed = |source| Error::io("read", path, source);
        let file = UploadFile::new(path).map_err(failed)?;
        let monitor = UploadTo::new(&*self.monitor, file.size());
        let destination = self.store.destination();
        let put = destination.put_new(name, &file, checkpoints, &monitor, &self.cancel);
        let span = self.trace.volume(name);
        match self.runtime.block_on(put.instrument(span.clone())) {
            Ok(()) => {
                info!(parent: &span, bytes = file.size(), "stored");
                monitor.arrived();
                Ok(true)
            }
            Err(DestinationError::AlreadyExists { .. }) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                let there = self.fetch(name, folder)?;
                is_same_file(&there, path).map_err(failed)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Where a volume can be read: downloaded into `folder`, unless the destination is a folder of this computer.
    pub(crate) fn fetch(&self, name: &str, folder: &Path) -> Result<LocalVolume> {
        self.runtime.block_on(self.fetch_async(name, folder))
    }

    async fn fetch_async(&self, name: &str, folder: &Path) -> Result<LocalVolume> {
        if let Some(path) = self.store.destination().local_path(name)
            && let Ok(stat) = fs::metadata(&path)
        {
            self.monitor.transferred(stat.len());
            return Ok(LocalVolume::Itself(path));
        }
        let file = tempfile::Builder::new()
            .prefix("download")
            .tempfile_in(folder)
            .map_err(|source| Error::io("create a file in", folder, source))?;
        let path = file.into_temp_path();
        let monitor = TransferTo(&*self.monitor);
        let span = self.trace.volume(name);
        let fetched = self
            .store
            .destination()
            .get(name, &path, &monitor, &self.cancel)
            .instrument(span.clone())
            .await;
        fetched.map_err(|error| match error {
            // Nothing is stored there when something is fetched, so it is the disk here.
            DestinationError::Full => Error::SpoolFull {
                path: folder.to_owned(),
            },
            DestinationError::Io { source, .. } if is_full(&source) => Error::SpoolFull {
                path: folder.to_owned(),
            },
            error => self.failed(error),
        })?;
        info!(parent: &span, "read");
        Ok(LocalVolume::Copy(path))
    }

    /// Downloads volumes, a few at the same time, and hands each, or why it did not come, to `read` on the calling
    /// thread.
    pub(crate) fn fetch_all<'v>(
        &self,
        volumes: impl IntoIterator<Item = &'v ListedVolume>,
        folder: &Path,
        mut read: impl FnMut(&ListedVolume, Result<LocalVolume>) -> Result<()>,
    ) -> Result<()> {
        let fetches = volumes.into_iter().map(|volume| {
            let (session, name, folder) =
                (self.clone(), volume.name.to_string(), folder.to_owned());
            async move {
                // A task of its own, so that it continues while `read` keeps this thread busy.
                let fetching =
                    tokio::spawn(async move { session.fetch_async(&name, &folder).await });
                let fetched = unwrap_panic(AbortOnDropHandle::new(fetching).await);
                Ok::<_, Error>((volume, fetched))
            }
        });
        self.runtime.block_on(async {
            let mut downloads = stream::iter(fetches).buffer_unordered(PARALLEL_DOWNLOADS);
            while let Some((volume, path)) = downloads.try_next().await? {
                read(volume, path)?;
            }
            Ok(())
        })
    }

    /// Uploads what `stage` sends, several at the same time, while `stage` runs on a thread of its own.
    ///
    /// Each item is handed to `upload`, inside which the session's own methods may be called. The channel holds
    /// `waiting` items; a stage that is faster than the destination waits there. When either side fails the other is
    /// cancelled, and the first failure that is no cancellation is returned.
    pub(crate) fn pipe<I: Send + 'static, T: Send + 'static>(
        &self,
        waiting: usize,
        parallel: usize,
        stage: impl FnOnce(&Self, mpsc::Sender<I>) -> Result<T> + Send + 'static,
        upload: impl Fn(&Self, I) -> Result<()> + Clone + Send + 'static,
    ) -> Result<T> {
        let session = self.child();
        let (sender, mut receiver) = mpsc::channel(waiting);
        let producing = {
            let session = session.clone();
            self.runtime.spawn_blocking(move || {
                let outcome = stage(&session, sender);
                if outcome.is_err() {
                    session.cancel();
                }
                outcome
            })
        };
        self.runtime.block_on(async {
            let mut uploads = JoinSet::new();
            let mut failure = None;
            let mut open = true;
            while open || !uploads.is_empty() {
                tokio::select! {
                    item = receiver.recv(), if open && uploads.len() < parallel => match item {
                        Some(item) => {
                            let (session, upload) = (session.clone(), upload.clone());
                            uploads.spawn_blocking(move || upload(&session, item));
                        }
                        None => open = false,
                    },
                    Some(done) = uploads.join_next(), if !uploads.is_empty() => {
                        if let Err(error) = unwrap_panic(done) {
                            session.cancel();
                            // Unblocks the stage if it waits for room.
                            receiver.close();
                            keep_first(&mut failure, error);
                        }
                    }
                }
            }
            let produced = unwrap_panic(producing.await);
            match (produced, failure) {
                (Ok(value), None) => Ok(value),
                (Err(error), mut failure) => {
                    keep_first(&mut failure, error);
                    Err(failure.unwrap_or(Error::Cancelled))
                }
                (Ok(_), Some(error)) => Err(error),
            }
        })
    }
}

/// Whether two files have the same bytes.
fn is_same_file(one: &Path, other: &Path) -> std::io::Result<bool> {
    use std::io::Read as _;
    const CHUNK: u64 = 256 * 1024;
    let (mut one, mut other) = (fs::File::open(one)?, fs::File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    loop {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        one.by_ref().take(CHUNK).read_to_end(&mut left)?;
        other.by_ref().take(CHUNK).read_to_end(&mut right)?;
        if left != right || left.is_empty() {
            return Ok(left == right);
        }
    }
}

/// Keeps the earliest failure, but lets any other push out a mere cancellation.
fn keep_first(slot: &mut Option<Error>, error: Error) {
    if matches!(slot, None | Some(Error::Cancelled)) {
        *slot = Some(error);
    }
}

/// A panic of a worker is a panic of the operation.
fn unwrap_panic<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    match joined {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    fn read(source: io::Error) -> Error {
        Error::volume("a volume", coffer_volume::Error::Io(source))
    }

    /// What Linux and macOS say of a disk that fails.
    const EIO: i32 = 5;

    #[test]
    fn what_the_system_says_is_no_proof_of_loss_however_it_is_wrapped() {
        let failing = || io::Error::from_raw_os_error(EIO);
        let wrapped = io::Error::new(ErrorKind::InvalidData, failing());
        for error in [read(failing()), read(io::Error::other(wrapped))] {
            assert!(!Session::is_proof_of_loss(&error), "{error:?}");
        }
        let damaged = io::Error::new(ErrorKind::InvalidData, "it does not unpack");
        assert!(Session::is_proof_of_loss(&read(damaged)));
        assert!(Session::is_proof_of_loss(&read(ErrorKind::NotFound.into())));
    }
}
