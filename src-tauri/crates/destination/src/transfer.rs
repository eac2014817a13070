//! What goes along with a transfer: the file, its checkpoint, and who hears of its progress.

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
    /// Takes the length that `path` has now; a file that differs later fails its upload.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let size = path.metadata()?.len();
        Ok(Self { path, size })
    }

    /// Where it lies.
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

/// Remembers how far an upload came, across processes.
///
/// Values are secrets (an upload URL is a key to the file): stores that outlive the process must seal them. Losing
/// one costs a repeated upload, so nothing here can fail.
pub trait CheckpointStore: Send + Sync {
    /// What was saved last for `name`.
    fn load(&self, name: &str) -> Option<String>;
    /// Saves, replacing what was there.
    fn save(&self, name: &str, value: &str);
    /// Forgets.
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

/// Hears of a transfer while it goes on, on any thread; must return quickly.
pub trait TransferMonitor: Send + Sync {
    /// `bytes` more were sent or received, told while they move. What one call uploads again is told once, and a call that
    /// goes on with an upload tells what was left of it.
    fn moved(&self, bytes: u64);
    /// The transfer rests for `time`, because of `why` (a sentence for people).
    fn waiting(&self, time: Duration, why: &str);
    /// As [`TransferMonitor::waiting`], for a rest that the service itself asks for.
    fn asked_to_wait(&self, time: Duration, why: &str) {
        self.waiting(time, why);
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl TransferMonitor for Silent {
    fn moved(&self, _bytes: u64) {}

    fn waiting(&self, _time: Duration, _why: &str) {}
}
