//! Files without a name, which Linux gives one only when they are complete: one change of the folder instead of two, and
//! nothing that lies about when the restore is killed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;

/// Creates files without a name, where the file system can.
#[derive(Default)]
pub(super) struct UnnamedFiles {
    /// The file system of the restore, or one of them, cannot.
    are_unsupported: AtomicBool,
}

impl UnnamedFiles {
    /// A file without a name in the folder of `path`; `None` where there are none.
    pub(super) fn create_beside(&self, path: &Path) -> io::Result<Option<File>> {
        let Some(folder) = path.parent() else {
            return Ok(None);
        };
        if self.are_unsupported.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(OFlag::O_TMPFILE.bits());
        match options.open(folder) {
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
}

/// Gives a file its name; false when something has that name, or the system has no `/proc` through which it is done, or
/// the file system wants it otherwise.
pub(super) fn name(file: &File, path: &Path) -> io::Result<bool> {
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    let follow = AtFlags::AT_SYMLINK_FOLLOW;
    match linkat(AT_FDCWD, nameless.as_str(), AT_FDCWD, path, follow) {
        Ok(()) => Ok(true),
        Err(Errno::EEXIST | Errno::ENOENT | Errno::EXDEV | Errno::EPERM | Errno::EOPNOTSUPP) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
