use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata as FileStat};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use coffer_volume::metadata::Metadata;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use crate::operations::restore::folders::{FileId, Kind, LinkInTheWay, Stat};

/// An open folder. All that happens in it happens there, whatever becomes of its path.
pub(super) struct Folder {
    file: File,
    /// For messages only.
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that may be reached in any way.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = |flags| nix::fcntl::open(path, flags, Mode::empty());
        let file = open(flags | OFlag::O_RDONLY).or_else(|error| match searchable(error) {
            Some(other) => open(flags | other),
            None => Err(error),
        })?;
        Ok(Self {
            file: file.into(),
            path: path.to_owned(),
        })
    }

    /// Opens a folder in this one, unless a link leads there.
    pub(super) fn child(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let open = |flags| openat(&self.file, name, flags, Mode::empty());
        let opened = open(flags | OFlag::O_RDONLY).or_else(|error| match searchable(error) {
            Some(other) => open(flags | other),
            None => Err(error),
        });
        let path = self.path.join(name);
        match opened {
            Ok(file) => Ok(Self {
                file: file.into(),
                path,
            }),
            // What systems say of links here differs.
            Err(error @ (Errno::ELOOP | Errno::ENOTDIR | Errno::EMLINK)) => {
                match self.stat(name)?.map(|stat| stat.kind) {
                    Some(Kind::Link) => Err(io::Error::other(LinkInTheWay(path))),
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn create_child(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(mkdirat(&self.file, name, bits(mode))?)
    }

    /// What has this name, links not followed; `None` when nothing has.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        let stat = match fstatat(&self.file, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
        #[allow(
            clippy::unnecessary_cast,
            reason = "other systems have other types here"
        )]
        let id = FileId(stat.st_dev as u64, stat.st_ino as u64);
        Ok(Some(Stat {
            kind: if kind == SFlag::S_IFREG {
                Kind::File
            } else if kind == SFlag::S_IFDIR {
                Kind::Folder
            } else if kind == SFlag::S_IFLNK {
                Kind::Link
            } else {
                Kind::Other
            },
            len: u64::try_from(stat.st_size).unwrap_or(0),
            id,
        }))
    }

    /// Creates a file that was not there.
    pub(super) fn create_file(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        self.open_with(name, flags, mode)
    }

    /// Opens a file to read it; nothing else than a file.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        only_file(self.open_with(name, OFlag::O_RDONLY, 0)?)
    }

    /// Opens a file to read it and to change its metadata.
    pub(super) fn open_for_metadata(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name)
    }

    /// Opens a file to read and write it; nothing else than a file.
    pub(super) fn reopen_file(&self, name: &OsStr) -> io::Result<File> {
        only_file(self.open_with(name, OFlag::O_RDWR, 0)?)
    }

    fn open_with(&self, name: &OsStr, flags: OFlag, mode: u32) -> io::Result<File> {
        // Opening a pipe must not wait for its other end.
        let always = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(openat(&self.file, name, flags | always, bits(mode))?.into())
    }

    /// A file without a name.
    #[cfg(target_os = "linux")]
    pub(super) fn create_nameless_file(&self) -> io::Result<File> {
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        Ok(openat(&self.file, ".", flags, bits(0o600))?.into())
    }

    /// Gives a file that has no name one; false when something has that name, or the system has no `/proc` through which
    /// it is done, or the file system wants it otherwise.
    #[cfg(target_os = "linux")]
    pub(super) fn give_name(&self, file: &File, name: &OsStr) -> io::Result<bool> {
        use std::os::fd::AsRawFd as _;

        let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        let nowhere = nix::fcntl::AT_FDCWD;
        match linkat(nowhere, nameless.as_str(), &self.file, name, follow) {
            Ok(()) => Ok(true),
            Err(
                Errno::EEXIST | Errno::ENOENT | Errno::EXDEV | Errno::EPERM | Errno::EOPNOTSUPP,
            ) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces what has the new name.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.file, from, &self.file, to)?)
    }

    /// False when something has the new name; where the system cannot tell in the same step, it was looked for right
    /// before.
    pub(super) fn rename_to_free(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            use nix::fcntl::{RenameFlags, renameat2};

            let flags = RenameFlags::RENAME_NOREPLACE;
            match renameat2(&self.file, from, &self.file, to, flags) {
                Ok(()) => return Ok(true),
                Err(Errno::EEXIST) => return Ok(false),
                // Old kernels and some file systems.
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.stat(to)?.is_some() {
            return Ok(false);
        }
        self.rename(from, to)?;
        Ok(true)
    }

    /// Gives a file of this folder another name in `other`.
    pub(super) fn hard_link(&self, name: &OsStr, other: &Self, to: &OsStr) -> io::Result<()> {
        Ok(linkat(&self.file, name, &other.file, to, AtFlags::empty())?)
    }

    pub(super) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.file, name, UnlinkatFlags::NoRemoveDir)?)
    }

    pub(super) fn create_link(
        &self,
        name: &OsStr,
        _metadata: &Metadata,
        target: &str,
    ) -> io::Result<()> {
        Ok(symlinkat(target, &self.file, name)?)
    }

    pub(super) fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(readlinkat(&self.file, name)?)
    }

    /// All names in it.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut names = Vec::new();
        for entry in Dir::openat(&self.file, ".", flags, Mode::empty())? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// The folder itself, for its metadata.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What a file is, whatever its name.
pub(super) fn id(file: &File) -> io::Result<FileId> {
    Ok(id_of(&file.metadata()?))
}

fn id_of(stat: &FileStat) -> FileId {
    FileId(stat.dev(), stat.ino())
}

/// Names that a file has.
pub(super) fn count_names(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.nlink())
}

fn only_file(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no file"))
    }
}

/// How to open a folder that may not be listed.
fn searchable(error: Errno) -> Option<OFlag> {
    #[cfg(target_os = "linux")]
    let other = Some(OFlag::O_PATH);
    #[cfg(not(target_os = "linux"))]
    let other = None;
    other.filter(|_| error == Errno::EACCES)
}

fn bits(mode: u32) -> Mode {
    #[allow(
        clippy::unnecessary_cast,
        reason = "other systems have other types here"
    )]
    Mode::from_bits_truncate(mode as nix::libc::mode_t)
}
