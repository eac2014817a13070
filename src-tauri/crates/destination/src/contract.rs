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
    /// Last change, when the store says it.
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
/// `cancel` is triggered, and what was half done is then as if never begun, or resumable through its checkpoint.
///
/// These errors must be final ([`is_transient`](crate::Error::is_transient) false): a missing file or folder, a refused
/// sign-in, a full store, a refused name, missing rights. Implementations retry inside a call only what they alone can
/// judge (a lost fragment, an expired token); everything else is left to [`Retrying`](crate::Retrying).
#[async_trait]
pub trait Destination: Send + Sync {
    /// Names the destination for people; holds no secret.
    fn label(&self) -> String;

    /// Lists all files, each once, in no order. Folders are left out.
    ///
    /// # Errors
    /// [`Error::FolderMissing`](crate::Error::FolderMissing) when the folder does not exist.
    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>>;

    /// Stores `file` under `name`, replacing what is there. The file may be deleted later, but not written to.
    ///
    /// Atomic: readers see the old file or the whole new one, never a part. On success the store holds all bytes,
    /// compared by whatever hash it offers. `checkpoints` lets a later call, also of a later process, continue an
    /// upload that was cut off; a checkpoint that no longer fits is dropped silently. `monitor` hears of each part
    /// sent, on any thread.
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

    /// Stores `file` under `name` as [`Destination::put`] does, but only where nothing has that name: of two callers at
    /// the same time one succeeds. A caller that repeats a call may meet its own file.
    ///
    /// The default asks first, which is not exclusive.
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

    /// Makes sure that what was stored and deleted before stays so, whatever happens to the store's power.
    ///
    /// # Errors
    /// Those of the store.
    async fn settle(&self, _cancel: &CancellationToken) -> Result<()> {
        Ok(())
    }

    /// Gives up an upload of `name` that was cut off, when `checkpoints` or this process remembers one: the store drops
    /// what arrived of it, and the checkpoint is gone. A store that cannot be reached drops it by itself later.
    async fn abandon(&self, name: &str, checkpoints: &dyn CheckpointStore) {
        checkpoints.remove(name);
    }

    /// Writes the file `name` to `target`, which is created or replaced, and returns its length in bytes.
    ///
    /// After an error `target` may hold a part; callers remove it.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when there is no such file;
    /// [`Error::Corrupted`](crate::Error::Corrupted) when fewer bytes came than the store promised.
    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64>;

    /// Where the file `name` can be read without getting it first, in a store that is a folder of this computer. Says
    /// nothing of whether it is there.
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

    /// Asks for the space left; `None` when the store does not say. Advice only: no caller may fail for want of it.
    ///
    /// # Errors
    /// Those of the connection.
    async fn quota(&self, cancel: &CancellationToken) -> Result<Option<Quota>>;
}
