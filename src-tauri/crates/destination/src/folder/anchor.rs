//! Whether a folder is the one that it was before: a disk that is unplugged leaves an empty mount point, which looks like a
//! folder in which everything was deleted, and takes whatever is written there.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What a folder is known by.
#[derive(Debug, Default)]
pub(super) struct Anchor(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    id: Option<FolderId>,
    /// A file in it. A reconnected share has another id and the same files.
    file: Option<String>,
}

/// Number of the file system, or of the volume, and of the folder in it.
type FolderId = (u64, u64);

impl Anchor {
    /// Whether another folder is at `folder` now, or none, than when this was asked first. False where the system does not
    /// say.
    pub(super) fn is_lost(&self, folder: &Path) -> bool {
        let now = id(folder);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = known.id else {
            known.id = now;
            return false;
        };
        if now == Some(before) || (now.is_none() && folder.exists()) {
            return false;
        }
        let has_its_file = known.file.as_ref().map(|file| folder.join(file).exists());
        if has_its_file == Some(true) {
            known.id = now;
            return false;
        }
        true
    }

    /// Notes a file of the folder.
    pub(super) fn has(&self, file: &str) {
        self.change(|known| known.file = Some(file.to_owned()));
    }

    /// Notes that a file of the folder is deleted.
    pub(super) fn lacks(&self, file: &str) {
        self.change(|known| known.file.take_if(|known| known == file).map_or((), drop));
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(unix)]
fn id(folder: &Path) -> Option<FolderId> {
    use std::os::unix::fs::MetadataExt as _;
    let stat = std::fs::metadata(folder).ok()?;
    Some((stat.dev(), stat.ino()))
}

#[cfg(windows)]
fn id(folder: &Path) -> Option<FolderId> {
    let handle = winapi_util::Handle::from_path_any(folder).ok()?;
    let about = winapi_util::file::information(&handle).ok()?;
    Some((about.volume_serial_number(), about.file_index()))
}
