use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use coffer_database::{Index, VolumeKind, VolumeState};
use coffer_volume::Format;

use super::Store;
use crate::crash;
use crate::error::{Error, Result};

/// The cache folder of a store, locked for one operation at a time across all processes.
pub(crate) struct Cache {
    folder: PathBuf,
    /// Holds the lock until it is dropped.
    _lock: Option<Lock>,
    /// Set when the folder belongs to this operation alone.
    _temporary: Option<tempfile::TempDir>,
}

/// A locked file. Closing it would not do: a program that is being started on another thread has it open, too, for a
/// moment.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "could not unlock the cache folder");
        }
    }
}

/// A dblock and its dindex that wait in the spool folder for their upload.
#[derive(Debug, Clone)]
pub(crate) struct SpooledVolume {
    pub(crate) dblock: String,
    pub(crate) dindex: String,
}

impl Cache {
    /// # Errors
    /// [`Error::Locked`] when another operation works on this store.
    pub(crate) fn lock(store: &Store) -> Result<Self> {
        let folder = store.cache.clone();
        let spool = folder.join("spool");
        create_private_dir(&folder)?;
        create_private_dir(&spool)?;
        let path = folder.join("lock");
        let file = File::create(&path).map_err(|source| Error::io("create", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                folder,
                _lock: Some(Lock(file)),
                _temporary: None,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                destination: store.destination.label(),
            }),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", path, source)),
        }
    }

    /// A cache of its own for reading while another operation holds the lock.
    pub(crate) fn lock_or_temporary(store: &Store) -> Result<Self> {
        match Self::lock(store) {
            Err(Error::Locked { .. }) => {
                let temporary = tempfile::tempdir().map_err(|source| {
                    Error::io("create a folder in", std::env::temp_dir(), source)
                })?;
                let folder = temporary.path().to_owned();
                create_private_dir(&folder.join("spool"))?;
                Ok(Self {
                    folder,
                    _lock: None,
                    _temporary: Some(temporary),
                })
            }
            other => other,
        }
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.folder.join("index.sqlite")
    }

    /// Opens the index; a damaged one is replaced by an empty one, because it can be read anew.
    pub(crate) fn index(&self) -> Result<Index> {
        let path = self.index_path();
        match Index::open(&path) {
            Err(coffer_database::Error::Unusable { .. }) => {
                tracing::warn!(path = %path.display(), "the index is unusable and is read anew");
                self.remove_index_files()?;
                Ok(Index::open(&path)?)
            }
            other => Ok(other?),
        }
    }

    /// Opens the index for a backup with these settings; one of another backup is replaced by an empty one.
    pub(crate) fn index_for(&self, format: &Format, store: &Store) -> Result<Index> {
        let mut index = self.index()?;
        let description = format!("{} {format}", store.prefix);
        if index
            .meta("format")?
            .is_some_and(|found| found != description)
        {
            self.delete_index(index)?;
            index = self.index()?;
        }
        crash::point(&self.folder, "before the index learns its format");
        index.set_meta("format", &description)?;
        Ok(index)
    }

    /// Deletes the index, whatever state it is in.
    pub(crate) fn forget_index(&self) -> Result<()> {
        self.remove_index_files()
    }

    /// Deletes the index, so that the next [`Cache::index`] starts with an empty one.
    fn delete_index(&self, index: Index) -> Result<()> {
        drop(index);
        self.remove_index_files()
    }

    fn remove_index_files(&self) -> Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            let path = self.folder.join(format!("index.sqlite{suffix}"));
            crash::point(&path, "before a file of the index is deleted");
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("delete", path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Pairs that a run before left in the spool, whole; anything else in there is removed, with its rows.
    pub(crate) fn spooled(&self, index: &Index) -> Result<Vec<SpooledVolume>> {
        let spool = self.spool();
        let volumes = index.volumes()?;
        let waiting = |kind| {
            volumes
                .iter()
                .filter(move |row| row.kind == kind && row.state == VolumeState::Spooled)
        };
        let is_whole = |name: &str, size| {
            fs::metadata(spool.join(name)).is_ok_and(|metadata| metadata.len() == size)
        };
        let mut pairs = Vec::new();
        let mut kept = Vec::new();
        for dindex in waiting(VolumeKind::Dindex) {
            let dblock = volumes.iter().find(|row| Some(row.id) == dindex.partner);
            match dblock {
                Some(dblock)
                    if is_whole(&dindex.name, dindex.size)
                        && (dblock.state == VolumeState::Confirmed
                            || is_whole(&dblock.name, dblock.size)) =>
                {
                    kept.extend([dindex.id, dblock.id]);
                    let (dblock, dindex) = (dblock.name.clone(), dindex.name.clone());
                    pairs.push(SpooledVolume { dblock, dindex });
                }
                _ => {}
            }
        }
        for lost in waiting(VolumeKind::Dblock).chain(waiting(VolumeKind::Dindex)) {
            if !kept.contains(&lost.id) {
                index.remove_volume(lost.id)?;
            }
        }
        let wanted = |name: &str| {
            pairs
                .iter()
                .any(|pair| pair.dblock == name || pair.dindex == name)
        };
        crash::point(&spool, "before the spool is cleaned");
        remove_files(&spool, |name| !wanted(name))?;
        crash::point(&spool, "the spool is clean");
        Ok(pairs)
    }
}

fn create_private_dir(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|source| Error::io("create", path, source))
}

fn remove_files(folder: &Path, condition: impl Fn(&str) -> bool) -> Result<()> {
    let failed = |source| Error::io("clean up", folder, source);
    for file in fs::read_dir(folder).map_err(failed)? {
        let file = file.map_err(failed)?;
        if condition(&file.file_name().to_string_lossy()) {
            fs::remove_file(file.path()).map_err(failed)?;
        }
    }
    Ok(())
}
