//! Windows twin of the open folders.
//!
//! The standard library opens nothing relative to a handle, so what happens here happens by paths. A folder that is open
//! without sharing its deletion cannot be renamed or removed, nor can those above it, so its path stays its own as long
//! as the handle lives. Right before anything is created, renamed or removed, each part of the path below the base is
//! looked at once more and must be no link, junction or other reparse point.
//!
//! What remains: an empty folder can be made a junction in place between that look and the next call, by somebody who may
//! write there; and on network drives whose servers do not hold to what is shared, a folder can be moved in that moment.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _, symlink_dir, symlink_file};
use std::path::{Path, PathBuf};

use coffer_volume::metadata::{Attributes, Metadata};

use crate::operations::restore::folders::{FileId, Kind, LinkInTheWay, Stat};

const FILE_READ_ATTRIBUTES: u32 = 0x80;
const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_WRITE: u32 = 2;
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
const FILE_ATTRIBUTE_REPARSE_POINT: u32 = 0x400;

/// An open folder.
pub(super) struct Folder {
    file: File,
    path: PathBuf,
    /// Parts of the path that are below the base.
    depth: usize,
}

impl Folder {
    /// Opens a folder that may be reached in any way.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_folder(path, 0)?;
        if !file.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            depth: 0,
        })
    }

    /// Opens a folder in this one, unless a link leads there.
    pub(super) fn child(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        let file = open_folder(&path, FILE_FLAG_OPEN_REPARSE_POINT)?;
        let stat = file.metadata()?;
        if is_link(&stat) {
            return Err(io::Error::other(LinkInTheWay(path)));
        }
        if !stat.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let child = Self {
            file,
            path,
            depth: self.depth + 1,
        };
        child.check()?;
        Ok(child)
    }

    /// Looks at all parts of the path below the base once more.
    fn check(&self) -> io::Result<()> {
        for path in self.path.ancestors().take(self.depth) {
            let stat = fs::symlink_metadata(path)?;
            if is_link(&stat) {
                return Err(io::Error::other(LinkInTheWay(path.to_owned())));
            }
        }
        Ok(())
    }

    fn checked(&self, name: &OsStr) -> io::Result<PathBuf> {
        self.check()?;
        Ok(self.path.join(name))
    }

    pub(super) fn create_child(&self, name: &OsStr, _mode: u32) -> io::Result<()> {
        fs::create_dir(self.checked(name)?)
    }

    /// What has this name, links not followed; `None` when nothing has.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        let path = self.path.join(name);
        let stat = match fs::symlink_metadata(&path) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = if is_link(&stat) {
            Kind::Link
        } else if stat.is_dir() {
            Kind::Folder
        } else if stat.is_file() {
            Kind::File
        } else {
            Kind::Other
        };
        let id = if kind == Kind::File {
            open_attributes(&path, FILE_READ_ATTRIBUTES).and_then(|file| id(&file))
        } else {
            Ok(FileId(0, 0))
        };
        Ok(Some(Stat {
            kind,
            len: stat.len(),
            // A file that cannot be looked at is none that is known.
            id: id.unwrap_or(FileId(u64::MAX, u64::MAX)),
        }))
    }

    /// Creates a file that was not there.
    pub(super) fn create_file(&self, name: &OsStr, _mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(self.checked(name)?)
    }

    /// Opens a file to read it; nothing else than a file.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        only_file(
            OpenOptions::new()
                .read(true)
                .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
                .open(self.checked(name)?)?,
        )
    }

    /// Opens a file to read it and to change its metadata.
    pub(super) fn open_for_metadata(&self, name: &OsStr) -> io::Result<File> {
        const GENERIC_READ: u32 = 0x8000_0000;
        let path = self.checked(name)?;
        only_file(open_attributes(
            &path,
            GENERIC_READ | FILE_WRITE_ATTRIBUTES,
        )?)
    }

    /// Opens a file to read and write it; nothing else than a file.
    pub(super) fn reopen_file(&self, name: &OsStr) -> io::Result<File> {
        only_file(
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
                .open(self.checked(name)?)?,
        )
    }

    /// Replaces what has the new name.
    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.checked(from)?, self.path.join(to))
    }

    /// False when something has the new name. It was looked for right before.
    pub(super) fn rename_to_free(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        if self.stat(to)?.is_some() {
            return Ok(false);
        }
        self.rename(from, to)?;
        Ok(true)
    }

    /// Gives a file of this folder another name in `other`.
    pub(super) fn hard_link(&self, name: &OsStr, other: &Self, to: &OsStr) -> io::Result<()> {
        fs::hard_link(self.checked(name)?, other.checked(to)?)
    }

    pub(super) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.checked(name)?)
    }

    pub(super) fn create_link(
        &self,
        name: &OsStr,
        metadata: &Metadata,
        target: &str,
    ) -> io::Result<()> {
        let path = self.checked(name)?;
        let to_folder = metadata
            .attributes
            .is_some_and(|bits| bits.contains(Attributes::DIRECTORY));
        if to_folder {
            symlink_dir(target, path)
        } else {
            symlink_file(target, path)
        }
    }

    pub(super) fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(fs::read_link(self.path.join(name))?.into_os_string())
    }

    /// All names in it.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    /// The folder itself, for its metadata.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// A link in it, for its metadata.
    pub(super) fn open_link(&self, name: &OsStr) -> io::Result<File> {
        let file = open_attributes(
            &self.checked(name)?,
            FILE_WRITE_ATTRIBUTES | FILE_READ_ATTRIBUTES,
        )?;
        if is_link(&file.metadata()?) {
            Ok(file)
        } else {
            Err(io::Error::other("it is no link any more"))
        }
    }
}

/// What a file is, whatever its name.
pub(super) fn id(file: &File) -> io::Result<FileId> {
    let information = winapi_util::file::information(file)?;
    Ok(FileId(
        information.volume_serial_number(),
        information.file_index(),
    ))
}

/// Names that a file has.
pub(super) fn count_names(file: &File) -> io::Result<u64> {
    Ok(winapi_util::file::information(file)?.number_of_links())
}

fn open_folder(path: &Path, flags: u32) -> io::Result<File> {
    let open = |access| {
        OpenOptions::new()
            .access_mode(access)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | flags)
            .open(path)
    };
    // Folders of the system may be passed through, but not changed.
    open(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES).or_else(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => open(FILE_READ_ATTRIBUTES),
        _ => Err(error),
    })
}

fn open_attributes(path: &Path, access: u32) -> io::Result<File> {
    OpenOptions::new()
        .access_mode(access)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

fn only_file(file: File) -> io::Result<File> {
    let stat = file.metadata()?;
    if stat.is_file() && !is_link(&stat) {
        Ok(file)
    } else {
        Err(io::Error::other("it is no file"))
    }
}

fn is_link(stat: &fs::Metadata) -> bool {
    stat.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0
}
