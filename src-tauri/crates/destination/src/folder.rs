mod anchor;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::contract::{Destination, Quota, RemoteFile};
use crate::error::{Error, Result};
use crate::problems::NameProblem;
use crate::transfer::{CheckpointStore, TransferMonitor, UploadFile};

use anchor::Anchor;

/// Bytes copied between two checks of the cancellation token.
const CHUNK: usize = 1024 * 1024;

/// Suffix of files that are still being written; no volume name ends with it.
const TEMPORARY_SUFFIX: &str = ".coffer~";

/// Files in a folder on this computer, an attached disk or a mounted share.
#[derive(Debug, Clone)]
pub struct FolderDestination {
    folder: PathBuf,
    anchor: Arc<Anchor>,
    /// Must exist when the folder is created.
    base: Option<PathBuf>,
}

impl FolderDestination {
    /// The folder need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            anchor: Arc::default(),
            base: None,
        }
    }

    /// The same, but `base` is never created: if its disk is gone, the folder is not created on another disk.
    #[must_use]
    pub fn within(self, base: impl Into<PathBuf>) -> Self {
        Self {
            base: Some(base.into()),
            ..self
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let refused = name.is_empty()
            || name.starts_with('.')
            || name.ends_with(TEMPORARY_SUFFIX)
            || name.contains(['/', '\\', ':', '\0']);
        if refused {
            return Err(Error::InvalidName {
                name: name.to_owned(),
                why: NameProblem::NotPlain,
            });
        }
        Ok(self.folder.join(name))
    }

    /// Opens a file for reading. Anything that is not a file, such as a folder or a pipe, counts as missing.
    fn open(&self, name: &str, path: &Path) -> Result<File> {
        let failed = |source| self.missing("read", name, source);
        if fs::metadata(path).map_err(failed)?.is_file() {
            File::open(path).map_err(failed)
        } else {
            Err(failed(io::ErrorKind::NotFound.into()))
        }
    }

    /// # Errors
    /// [`Error::FolderLost`] when the folder was replaced by another.
    fn check(&self) -> Result<()> {
        if self.anchor.is_lost(&self.folder) {
            let folder = self.label();
            return Err(Error::FolderLost { folder });
        }
        Ok(())
    }

    /// Turns "not found" into the missing folder or the missing file, whichever it is.
    fn missing(&self, operation: &'static str, name: &str, source: io::Error) -> Error {
        if source.kind() != io::ErrorKind::NotFound {
            return Error::io(operation, name, source);
        }
        if let Err(error) = self.check() {
            return error;
        }
        if self.folder.is_dir() {
            Error::NotFound {
                name: name.to_owned(),
            }
        } else {
            Error::FolderMissing {
                folder: self.label(),
            }
        }
    }
}

/// What happens to an existing file with the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Replaced,
    /// It is an error.
    New,
}

impl FolderDestination {
    async fn store(
        &self,
        name: &str,
        file: &UploadFile,
        place: Place,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let target = self.path(name)?;
        let (this, name, file) = (self.clone(), name.to_owned(), file.clone());
        let size = file.size();
        blocking(cancel, move |cancel| {
            let source = file
                .open()
                .map_err(|source| Error::io("read", &name, source))?;
            this.check()?;
            let linked = link(file.path(), &target, &this.folder);
            if linked.is_err() {
                this.copy_to(source, &target, &name, place, cancel)?;
            }
            if let Err(error) = this.check() {
                // It is on the disk below the mount point.
                let _ = fs::remove_file(&target);
                return Err(error);
            }
            // The name must be on the disk before callers rely on it.
            sync_folder(&this.folder).map_err(|source| Error::io("write", &name, source))?;
            this.anchor.has(&name);
            Ok(())
        })
        .await?;
        monitor.moved(size);
        Ok(())
    }

    fn copy_to(
        &self,
        source: File,
        target: &Path,
        name: &str,
        place: Place,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let temporary = self.folder.join(format!(
            "{}{TEMPORARY_SUFFIX}",
            uuid::Uuid::new_v4().simple()
        ));
        let out =
            File::create_new(&temporary).map_err(|source| self.missing("write", name, source))?;
        let failed = |source| Error::io("write", name, source);
        let stored = copy(source, &out, name, cancel)
            .and_then(|_| out.sync_all().map_err(failed))
            .and_then(|()| match place {
                Place::Replaced => fs::rename(&temporary, target).map_err(failed),
                Place::New => rename_new(&temporary, target).map_err(|source| {
                    if source.kind() == io::ErrorKind::AlreadyExists {
                        let name = name.to_owned();
                        Error::AlreadyExists { name }
                    } else {
                        failed(source)
                    }
                }),
            });
        if stored.is_err() {
            // A leftover is harmless; listings skip it.
            let _ = fs::remove_file(&temporary);
        }
        stored
    }
}

#[async_trait]
impl Destination for FolderDestination {
    fn label(&self) -> String {
        self.folder.display().to_string()
    }

    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>> {
        let this = self.clone();
        blocking(cancel, move |_| {
            this.check()?;
            let entries = fs::read_dir(&this.folder)
                .map_err(|source| this.missing("list", &this.label(), source))?;
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry.map_err(|source| Error::io("list", &this.label(), source))?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let metadata = match fs::metadata(entry.path()) {
                    Ok(metadata) => metadata,
                    // It was deleted after it was listed, or is a dangling link.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    // If it were skipped, it would count as deleted.
                    Err(source) => return Err(Error::io("look at", &name, source)),
                };
                if metadata.is_file() && !name.ends_with(TEMPORARY_SUFFIX) {
                    if files.is_empty() {
                        this.anchor.has(&name);
                    }
                    let modified = metadata.modified().ok();
                    files.push(RemoteFile {
                        name,
                        size: metadata.len(),
                        modified: modified.and_then(|time| Timestamp::try_from(time).ok()),
                    });
                }
            }
            Ok(files)
        })
        .await
    }

    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        _checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        self.store(name, file, Place::Replaced, monitor, cancel)
            .await
    }

    async fn put_new(
        &self,
        name: &str,
        file: &UploadFile,
        _checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        self.store(name, file, Place::New, monitor, cancel).await
    }

    async fn settle(&self, cancel: &CancellationToken) -> Result<()> {
        let this = self.clone();
        blocking(cancel, move |_| {
            sync_folder(&this.folder)
                .map_err(|source| this.missing("settle", &this.label(), source))
        })
        .await
    }

    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        let path = self.path(name)?;
        let (this, name, target) = (self.clone(), name.to_owned(), target.to_owned());
        let size = blocking(cancel, move |cancel| {
            let source = this.open(&name, &path)?;
            let local = target.display().to_string();
            let out = File::create(&target).map_err(|source| Error::io("write", &local, source))?;
            copy(source, &out, &name, cancel)
        })
        .await?;
        monitor.moved(size);
        Ok(size)
    }

    fn local_path(&self, name: &str) -> Option<PathBuf> {
        self.path(name).ok().filter(|path| path.is_file())
    }

    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let (this, name) = (self.clone(), name.to_owned());
        blocking(cancel, move |_| {
            let mut source = this.open(&name, &path)?;
            let mut data = Vec::new();
            source
                .seek(SeekFrom::Start(range.start))
                .and_then(|_| source.take(range.end - range.start).read_to_end(&mut data))
                .map_err(|source| Error::io("read", &name, source))?;
            Ok(data)
        })
        .await
    }

    async fn delete(&self, name: &str, cancel: &CancellationToken) -> Result<()> {
        let path = self.path(name)?;
        let (this, name) = (self.clone(), name.to_owned());
        blocking(cancel, move |_| {
            this.check()?;
            this.anchor.lacks(&name);
            fs::remove_file(path).map_err(|source| this.missing("delete", &name, source))
        })
        .await
    }

    async fn create_folder(&self, cancel: &CancellationToken) -> Result<()> {
        let this = self.clone();
        blocking(cancel, move |_| {
            let created = create_folders(&this.folder, this.base.as_deref());
            created.map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Error::FolderMissing {
                    folder: this.label(),
                },
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Error::Refused {
                    operation: "create the folder",
                    name: this.label(),
                    why: "a file is in its place".to_owned(),
                },
                _ => Error::io("create the folder", &this.label(), source),
            })
        })
        .await
    }

    async fn quota(&self, _cancel: &CancellationToken) -> Result<Option<Quota>> {
        Ok(None)
    }
}

/// Runs file work off the async threads.
async fn blocking<T: Send + 'static>(
    cancel: &CancellationToken,
    work: impl FnOnce(&CancellationToken) -> Result<T> + Send + 'static,
) -> Result<T> {
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let cancel = cancel.clone();
    match tokio::task::spawn_blocking(move || work(&cancel)).await {
        Ok(outcome) => outcome,
        Err(failure) => std::panic::resume_unwind(failure.into_panic()),
    }
}

/// Hard-links a file on the same disk, which replaces a copy and takes no time. Fails on another disk, where links are
/// not supported, if the name exists, and where files inherit permissions from the folder: a link would keep those of
/// the original.
fn link(source: &Path, target: &Path, folder: &Path) -> io::Result<()> {
    if hands_on_rights(folder)? {
        return Err(io::ErrorKind::Unsupported.into());
    }
    File::options().write(true).open(source)?.sync_all()?;
    fs::hard_link(source, target)
}

/// Whether files in a folder inherit its group or permissions.
#[cfg(unix)]
fn hands_on_rights(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    const SET_GROUP_ID: u32 = 0o2000;
    Ok(fs::metadata(folder)?.permissions().mode() & SET_GROUP_ID != 0)
}

/// On Windows, all folders pass on permissions.
#[cfg(not(unix))]
fn hands_on_rights(_folder: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Renames `from` to `to`, which must not exist.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Without hard links, an empty file reserves the name first.
        Err(_) => {
            File::create_new(to)?;
            fs::rename(from, to)
        }
    }
}

/// Creates a folder and its parents below `base`, and makes their names durable.
fn create_folders(folder: &Path, base: Option<&Path>) -> io::Result<()> {
    let missing: Vec<_> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    match base {
        None => fs::create_dir_all(folder)?,
        Some(base) => {
            fs::metadata(base)?;
            // One by one, so that `base` is not recreated if it disappears in the meantime.
            let inner = missing.iter().filter(|folder| folder.starts_with(base));
            for folder in inner.rev().filter(|folder| **folder != base) {
                match fs::create_dir(folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            if !fs::metadata(folder)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
    }
    for created in missing {
        match created.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent)?,
            _ => sync_folder(Path::new("."))?,
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some shares do not support it, and keep their own order.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Windows journals names in order, and cannot sync folders.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn copy(mut source: File, mut out: &File, name: &str, cancel: &CancellationToken) -> Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let count = source
            .read(&mut buffer)
            .map_err(|source| Error::io("read", name, source))?;
        if count == 0 {
            return Ok(total);
        }
        out.write_all(&buffer[..count])
            .map_err(|source| Error::io("write", name, source))?;
        total += count as u64;
    }
}
