use std::fs::{File, TryLockError};
use std::result::Result as StdResult;
use std::thread;
use std::time::Duration;

use coffer_ipc::ErrorCode;

use crate::folders::Folders;
use crate::{Result, logs, wording};

/// How often a taken lock is tried again, and the delay between attempts.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(20);

/// Proof that this process is the app that owns the data folder, as long as it lives. The command line needs none: it
/// starts nothing automatically and does not end runs of the app.
#[derive(Debug)]
pub struct AppLock {
    /// Dropping the file unlocks it.
    _file: File,
}

impl AppLock {
    /// Acquires the lock of the data folder.
    ///
    /// # Errors
    /// When another app has it, or the folder cannot be used.
    pub fn take(folders: &Folders) -> Result<Self> {
        let path = folders.app_lock();
        let opened = logs::create_private_folder(folders.data()).and_then(|()| File::create(&path));
        let file = opened.map_err(|error| {
            wording::error(
                ErrorCode::Failed,
                format!("{} cannot be used: {error}.", folders.data().display()),
                "Check that this folder exists and that you have permission to write there.",
            )
        })?;
        match patiently(|| file.try_lock()) {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(wording::error(
                ErrorCode::Busy,
                "Coffer is already running.",
                "Use the open window, or quit it first.",
            )),
            // A file system without locks, such as some network shares: we cannot know.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "the data folder cannot be locked");
                Ok(Self { _file: file })
            }
        }
    }

    /// Whether an app is running on the data folder. Where locks do not work, the answer is yes.
    pub fn is_taken(folders: &Folders) -> bool {
        let Ok(file) = File::open(folders.app_lock()) else {
            return false;
        };
        match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        }
    }
}

/// Retries for a moment, because a process that only checks whether the lock is taken holds it briefly.
fn patiently(take: impl Fn() -> StdResult<(), TryLockError>) -> StdResult<(), TryLockError> {
    for _ in 0..LOOKS {
        match take() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            done => return done,
        }
    }
    take()
}
