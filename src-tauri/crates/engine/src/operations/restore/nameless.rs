//! Files without a name, which Linux gives one only when they are complete.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use crate::operations::restore::folders::Folder;

/// Creates files without a name, where the system and the file system can.
#[derive(Default)]
pub(super) struct NamelessFiles {
    /// The file system of the restore, or one of them, cannot.
    #[cfg(target_os = "linux")]
    are_unsupported: AtomicBool,
}

#[cfg(target_os = "linux")]
impl NamelessFiles {
    /// A file without a name that no other user can read; `None` where there are none.
    pub(super) fn create_in(&self, folder: &Folder) -> io::Result<Option<File>> {
        use nix::errno::Errno;

        if self.are_unsupported.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match folder.create_nameless_file() {
            Ok(file) => Ok(Some(file)),
            // What file systems and kernels say that know no such files.
            Err(error)
                if matches!(
                    error.raw_os_error().map(Errno::from_raw),
                    Some(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL)
                ) =>
            {
                self.are_unsupported.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// False when it did not get the name.
    #[allow(clippy::unused_self, reason = "other systems have no such files")]
    pub(super) fn give_name(&self, folder: &Folder, file: &File, name: &OsStr) -> io::Result<bool> {
        folder.give_name(file, name)
    }
}

#[cfg(not(target_os = "linux"))]
impl NamelessFiles {
    #[allow(clippy::unused_self, reason = "Linux has such files")]
    pub(super) fn create_in(&self, _folder: &Folder) -> io::Result<Option<File>> {
        Ok(None)
    }

    #[allow(clippy::unused_self, reason = "Linux has such files")]
    pub(super) fn give_name(
        &self,
        _folder: &Folder,
        _file: &File,
        _name: &OsStr,
    ) -> io::Result<bool> {
        Ok(false)
    }
}
