use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use coffer_database::{Index, KnownDlist, VolumeKind, VolumeState};
use coffer_volume::Format;

use crate::crash;
use crate::error::{Error, Result};
use crate::repository::listing::Listing;
use crate::repository::local_facts::{KeptFacts, LocalFacts};
use crate::repository::session::Session;
use crate::repository::store::{INDEX, SPOOL, Store};

/// A new index on its way: while it is written, and once it is whole.
const UNFINISHED: &str = "index-unfinished.sqlite";
const RENEWED: &str = "index-renewed.sqlite";

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
        let folder = store.cache().to_owned();
        let spool = folder.join(SPOOL);
        create_private_dir(&folder)?;
        create_private_dir(&spool)?;
        let path = folder.join("lock");
        let file = create_private_file(&path)?;
        match file.try_lock() {
            Ok(()) => {
                let cache = Self {
                    folder,
                    _lock: Some(Lock(file)),
                    _temporary: None,
                };
                cache.take_renewed()?;
                Ok(cache)
            }
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                destination: store.destination().label(),
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
                create_private_dir(&folder.join(SPOOL))?;
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
        self.folder.join(SPOOL)
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.folder.join(INDEX)
    }

    /// Opens the index; a damaged one is replaced by an empty one, because it can be rebuilt.
    pub(crate) fn index(&self) -> Result<Index> {
        let path = self.index_path();
        match Index::open(&path) {
            Err(error) if error.is_unusable() => {
                tracing::warn!(path = %path.display(), "the index is unusable and is rebuilt");
                self.remove_index_files()?;
                Ok(Index::open(&path)?)
            }
            other => Ok(other?),
        }
    }

    /// Opens the index for a backup with these settings; one of another backup is replaced by an empty one.
    pub(crate) fn index_for(&self, format: &Format, store: &Store) -> Result<Index> {
        let mut index = self.index()?;
        // Writers spell the names of hashes in more than one way.
        let (block_hash, file_hash) = (format.block_hash().name(), format.file_hash().name());
        let block_size = format.block_size();
        let description = format!(
            "{} blocks of {block_size} bytes, {block_hash}, {file_hash}",
            store.prefix()
        );
        if index
            .meta("format")?
            .is_some_and(|found| found != description)
        {
            self.delete_index(index)?;
            index = self.index()?;
        }
        crash::point(&self.folder, "before the index learns its format");
        index.set_meta("format", &description)?;
        let spelled = format!(
            "{block_size} {} {}",
            format.block_hash_name(),
            format.file_hash_name()
        );
        index.set_meta("settings", &spelled)?;
        Ok(index)
    }

    /// The settings of the backup as the index knows them, when its newest version is one that the index knows.
    pub(crate) fn known_format(&self, listed: &Listing) -> Result<Option<Format>> {
        let index = self.index()?;
        let Some(newest) = listed.dlists.last() else {
            return Ok(None);
        };
        let is_newest =
            |known: &KnownDlist| known.name == newest.name.as_str() && known.size == newest.size;
        if !index.known_dlists()?.iter().any(is_newest) {
            return Ok(None);
        }
        settings(&index)
    }

    /// The settings of the backup: as a volume states them, or as the index knows them when none of a few can be read.
    pub(crate) fn format(&self, session: &Session, listed: &Listing) -> Result<Option<Format>> {
        match listed.format(session, &self.spool()) {
            Err(error @ (Error::Volume { .. } | Error::VolumeNotRead { .. })) => {
                let index = self.index()?;
                let is_there = |known: &KnownDlist| {
                    let mut dlists = listed.dlists.iter();
                    dlists.any(|dlist| dlist.name.as_str() == known.name)
                };
                if !index.known_dlists()?.iter().any(is_there) {
                    return Err(error);
                }
                settings(&index)?.map_or(Err(error), |format| Ok(Some(format)))
            }
            other => other,
        }
    }

    /// Deletes the index, but for what can be read in it and nothing else knows.
    pub(crate) fn renew_index(&self, kept: KeptFacts) -> Result<()> {
        let index = Index::open(&self.index_path());
        let kept = index
            .ok()
            .and_then(|index| LocalFacts::of(&index, kept).ok());
        let Some(kept) = kept else {
            return self.remove_index_files();
        };
        // Whole before the old one goes: a run that is killed in between takes it from there.
        let path = self.folder.join(UNFINISHED);
        remove_index(&path)?;
        kept.put_into(&Index::open(&path)?)?;
        let renewed = self.folder.join(RENEWED);
        crash::point(&path, "the new index is written");
        fs::rename(&path, &renewed).map_err(|source| Error::io("rename", &path, source))?;
        self.take_renewed()
    }

    /// Puts the new index in the place of the old one, also after a run that was killed before it had done so.
    fn take_renewed(&self) -> Result<()> {
        let renewed = self.folder.join(RENEWED);
        if !renewed.exists() {
            return Ok(());
        }
        self.remove_index_files()?;
        crash::point(&renewed, "the old index is gone");
        let path = self.index_path();
        fs::rename(&renewed, &path).map_err(|source| Error::io("rename", &renewed, source))
    }

    /// Deletes the index, so that the next [`Cache::index`] starts with an empty one.
    fn delete_index(&self, index: Index) -> Result<()> {
        drop(index);
        self.remove_index_files()
    }

    fn remove_index_files(&self) -> Result<()> {
        remove_index(&self.index_path())
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
        let lost = waiting(VolumeKind::Dblock).chain(waiting(VolumeKind::Dindex));
        let lost = lost.map(|row| row.id).filter(|id| !kept.contains(id));
        index.remove_volumes(&lost.collect::<Vec<_>>())?;
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

/// Deletes an index and what its database has beside it.
fn remove_index(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
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

fn create_private_file(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    file.map_err(|source| Error::io("create", path, source))
}

/// The settings of the backup, as an index has them.
fn settings(index: &Index) -> Result<Option<Format>> {
    let settings = index.meta("settings")?.unwrap_or_default();
    let mut parts = settings.split(' ');
    let (size, block, file) = (parts.next(), parts.next(), parts.next());
    let size = size.and_then(|size| size.parse().ok());
    Ok(size
        .zip(block.zip(file))
        .and_then(|(size, (block, file))| Format::new(size, block, file).ok()))
}

/// Runs an operation, and once more when the index turns out to be damaged, or gone: it is rebuilt from the
/// destination.
pub(crate) fn with_sound_index<T>(
    store: &Store,
    mut operation: impl FnMut() -> Result<T>,
) -> Result<T> {
    match operation() {
        Err(Error::Database(error)) if error.is_unusable() => {
            tracing::warn!(%error, "the index is rebuilt");
            Cache::lock(store)?.renew_index(KeptFacts::All)?;
            operation()
        }
        other => other,
    }
}

/// Creates a folder that only its owner may look into, and makes sure that it is so if it was there.
fn create_private_dir(path: &Path) -> Result<()> {
    let failed = |source| Error::io("create", path, source);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed)?;
    #[cfg(unix)]
    make_private(path)?;
    Ok(())
}

/// What lies in the cache is believed, so no other user may write there. Windows profiles are private already.
#[cfg(unix)]
fn make_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let failed = |source| Error::io("look at", path, source);
    let stat = fs::metadata(path).map_err(failed)?;
    if stat.uid() != nix::unistd::geteuid().as_raw() {
        let path = path.to_owned();
        return Err(Error::ForeignFolder { path });
    }
    if stat.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
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
