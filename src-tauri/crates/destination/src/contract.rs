use std::ops::Range;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::transfer::{CheckpointStore, TransferMonitor, UploadFile};

/// A file at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name; no folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Last modification, if the store reports it.
    pub modified: Option<Timestamp>,
}

/// Space of a destination, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Whole size.
    pub total_bytes: u64,
    /// What can still be written.
    pub free_bytes: u64,
}

/// A flat store of named files.
///
/// Names are short ASCII without `/`, as volume names are; anything a store could misread is refused with
/// [`Error::InvalidName`](crate::Error::InvalidName). All methods may be called at the same time from any task; two
/// writers for one name are not expected. Every method returns [`Error::Cancelled`](crate::Error::Cancelled) soon after
/// `cancel` is triggered; an unfinished call then has had no effect, or can be resumed through its checkpoint.
///
/// These errors must be final ([`is_transient`](crate::Error::is_transient) false): a missing file or folder, a refused
/// sign-in, a full store, an invalid name, missing permissions. Implementations retry inside a call only what they alone
/// can judge (a lost fragment, an expired token); everything else is left to [`Retrying`](crate::Retrying).
#[async_trait]
pub trait Destination: Send + Sync {
    /// Label of the destination for the user; contains no secret.
    fn label(&self) -> String;

    /// Lists all files, each once, in no order. Folders are left out.
    ///
    /// # Errors
    /// [`Error::FolderMissing`](crate::Error::FolderMissing) when the folder does not exist.
    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>>;

    /// Stores `file` under `name`, replacing what is there. The file may be deleted later, but not written to.
    ///
    /// Atomic: readers see the old file or the whole new one, never a part. On success the store holds all bytes,
    /// verified with any hash it offers. `checkpoints` lets a later call, also of a later process, continue an
    /// interrupted upload; a checkpoint that no longer matches is ignored. `monitor` is called for each part sent, on
    /// any thread.
    ///
    /// # Errors
    /// [`Error::FolderMissing`](crate::Error::FolderMissing), [`Error::Full`](crate::Error::Full), and
    /// [`Error::Corrupted`](crate::Error::Corrupted) when what arrived is not what was sent.
    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()>;

    /// Stores `file` under `name` like [`Destination::put`], but only if nothing has that name: of two concurrent
    /// callers, one succeeds. A caller that repeats a call may find its own file.
    ///
    /// The default checks first, which is not exclusive.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`](crate::Error::AlreadyExists), and those of [`Destination::put`].
    async fn put_new(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        match self.get_range(name, 0..1, cancel).await {
            Err(Error::NotFound { .. }) => self.put(name, file, checkpoints, monitor, cancel).await,
            Ok(_) => Err(Error::AlreadyExists {
                name: name.to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Makes earlier writes and deletions durable across a power failure.
    ///
    /// # Errors
    /// Those of the store.
    async fn settle(&self, _cancel: &CancellationToken) -> Result<()> {
        Ok(())
    }

    /// Abandons an interrupted upload of `name` that `checkpoints` or this process remembers: the store deletes what
    /// arrived, and the checkpoint is removed. A store that cannot be reached deletes it later.
    async fn abandon(&self, name: &str, checkpoints: &dyn CheckpointStore) {
        checkpoints.remove(name);
    }

    /// Writes the file `name` to `target`, which is created or replaced, and returns its length in bytes.
    ///
    /// After an error, `target` may contain a part; callers remove it.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when there is no such file;
    /// [`Error::Corrupted`](crate::Error::Corrupted) when fewer bytes arrived than the store announced.
    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64>;

    /// Path where the file `name` can be read directly, in a store that is a folder on this computer. The file need not
    /// exist.
    fn local_path(&self, _name: &str) -> Option<PathBuf> {
        None
    }

    /// Reads the bytes `range` of a file; fewer when it ends before. Meant for at most a few MiB.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when there is no such file.
    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>>;

    /// Deletes the file `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when there is no such file.
    async fn delete(&self, name: &str, cancel: &CancellationToken) -> Result<()>;

    /// Creates the destination's folder with all its parents; does nothing when it exists.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) when it cannot be created.
    async fn create_folder(&self, cancel: &CancellationToken) -> Result<()>;

    /// Queries the free space; `None` if the store does not report it. Informational only: callers must not fail
    /// without it.
    ///
    /// # Errors
    /// Those of the connection.
    async fn quota(&self, cancel: &CancellationToken) -> Result<Option<Quota>>;
}
