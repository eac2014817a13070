//! The parts of a transfer: the file, its checkpoint, and the monitor of its progress.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A local file that is uploaded. It can be opened again for each attempt; its length is fixed.
#[derive(Debug, Clone)]
pub struct UploadFile {
    path: PathBuf,
    size: u64,
}

impl UploadFile {
    /// Records the current length of `path`; the upload fails if it changes later.
    ///
    /// # Errors
    /// If the file's metadata cannot be read.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let size = path.metadata()?.len();
        Ok(Self { path, size })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens it from the start, checking its length.
    ///
    /// # Errors
    /// When it cannot be opened or its length has changed.
    pub fn open(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        if file.metadata()?.len() != self.size {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file changed its length",
            ));
        }
        Ok(file)
    }
}

/// Remembers the state of uploads across processes.
///
/// Values are secrets (an upload URL gives access to the file): persistent stores must encrypt them. Losing one only
/// means a repeated upload, so nothing here can fail.
pub trait CheckpointStore: Send + Sync {
    /// The saved value of `name`.
    fn load(&self, name: &str) -> Option<String>;
    /// Saves a value, replacing an earlier one.
    fn save(&self, name: &str, value: &str);
    /// Removes a value.
    fn remove(&self, name: &str);
}

/// Remembers nothing: every upload starts at its first byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCheckpoints;

impl CheckpointStore for NoCheckpoints {
    fn load(&self, _name: &str) -> Option<String> {
        None
    }

    fn save(&self, _name: &str, _value: &str) {}

    fn remove(&self, _name: &str) {}
}

/// Observes a running transfer, on any thread; must return quickly.
pub trait TransferMonitor: Send + Sync {
    /// `bytes` more were sent or received; called during the transfer. Bytes that one call sends again are reported
    /// once, and a call that resumes an upload reports only the rest.
    fn moved(&self, bytes: u64);
    /// The transfer waits for `time`, because of `why` (a message for the user).
    fn waiting(&self, time: Duration, why: &str);
    /// Like [`TransferMonitor::waiting`], for a wait that the service asked for.
    fn asked_to_wait(&self, time: Duration, why: &str) {
        self.waiting(time, why);
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl TransferMonitor for Silent {
    fn moved(&self, _bytes: u64) {}

    fn waiting(&self, _time: Duration, _why: &str) {}
}
