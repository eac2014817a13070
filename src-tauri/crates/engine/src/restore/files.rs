//! What a restore does to the disk: files under a temporary name until they are complete, verified and have their
//! metadata.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use coffer_database::PlanEntry;
use coffer_volume::metadata::Metadata;
use coffer_volume::{Format, Hash};
use jiff::Timestamp;
use jiff::tz::TimeZone;

#[cfg(unix)]
use super::metadata_unix::{Subject, apply};
#[cfg(windows)]
use super::metadata_windows::{Subject, apply};
use super::target::Place;
#[cfg(target_os = "linux")]
use super::unnamed::{self, UnnamedFiles};
use super::{Existing, Permissions, RestoreOptions};
use crate::monitor::ProblemKind;

/// The rules of one restore for files and folders, shared by all that write.
pub(super) struct Files {
    format: Format,
    existing: Existing,
    permissions: Permissions,
    version_time: Timestamp,
    /// Part of the temporary names of this restore.
    token: String,
    /// Folders below the target that exist and are no links.
    checked: Mutex<HashSet<PathBuf>>,
    #[cfg(target_os = "linux")]
    unnamed: UnnamedFiles,
}

/// Files that one thread writes.
#[derive(Default)]
pub(super) struct Parts {
    /// Entries that have a temporary file.
    pub(super) partial: HashSet<i64>,
    /// The file that was written last, because the next block often goes there, too.
    open: Option<(i64, File)>,
}

/// Why a file could not be put in place.
pub(super) enum Failure {
    Mismatch,
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Files {
    pub(super) fn new(format: &Format, options: &RestoreOptions, version_time: Timestamp) -> Self {
        Self {
            format: format.clone(),
            existing: options.existing,
            permissions: options.permissions,
            version_time,
            token: format!("{:08x}", rand::random::<u32>()),
            checked: Mutex::default(),
            #[cfg(target_os = "linux")]
            unnamed: UnnamedFiles::default(),
        }
    }

    pub(super) fn block_size(&self) -> u64 {
        self.format.block_size()
    }

    pub(super) fn hash_file(&self, path: &Path) -> io::Result<Hash> {
        let mut file = File::open(path)?;
        let mut hasher = self.format.file_hash().hasher();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    /// Writes a block of a file.
    pub(super) fn write(
        &self,
        parts: &mut Parts,
        entry: i64,
        place: &Place,
        offset: u64,
        data: &[u8],
    ) -> io::Result<()> {
        if parts.open.as_ref().is_none_or(|(open, _)| *open != entry) {
            let is_new = !parts.partial.contains(&entry);
            self.prepare_folder(place)?;
            let file = OpenOptions::new()
                .write(true)
                .create_new(is_new)
                .open(self.temporary(place, entry))?;
            parts.partial.insert(entry);
            parts.open = Some((entry, file));
        }
        let Some((_, file)) = &mut parts.open else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(data)
    }

    /// Writes a file of which all is here, and gives it its metadata and its name. Returns what of the metadata could not
    /// be set.
    pub(super) fn put(
        &self,
        parts: &mut Parts,
        entry: &PlanEntry,
        place: &Place,
        data: &[u8],
        metadata: Option<&Metadata>,
    ) -> Result<io::Result<()>, Failure> {
        if !self.is_proven(entry) {
            let hash = self.format.file_hash().digest(data);
            if entry
                .content
                .as_ref()
                .is_some_and(|(own, _)| hash.as_bytes() != own)
            {
                return Err(Failure::Mismatch);
            }
        }
        self.prepare_folder(place)?;
        #[cfg(target_os = "linux")]
        if let Some(mut file) = self.unnamed.create_beside(&place.path())? {
            file.write_all(data)?;
            let applied = self.apply(Subject::Open(&file), metadata);
            if unnamed::name(&file, &place.path())? {
                return Ok(applied);
            }
            // Something is there already.
            let temporary = self.temporary(place, entry.id);
            if unnamed::name(&file, &temporary)? {
                parts.partial.insert(entry.id);
                self.rename(parts, entry, place, &temporary)?;
                return Ok(applied);
            }
        }
        self.write(parts, entry.id, place, 0, data)?;
        self.complete(parts, entry, place, metadata)
    }

    /// Verifies a file of which all blocks are written, and gives it its metadata and its name. Returns what of the
    /// metadata could not be set.
    pub(super) fn complete(
        &self,
        parts: &mut Parts,
        entry: &PlanEntry,
        place: &Place,
        metadata: Option<&Metadata>,
    ) -> Result<io::Result<()>, Failure> {
        let temporary = self.temporary(place, entry.id);
        if !parts.partial.contains(&entry.id) {
            // An empty file has no block that would have created it.
            self.prepare_folder(place)?;
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&temporary)?;
            parts.partial.insert(entry.id);
        }
        if parts
            .open
            .as_ref()
            .is_some_and(|(open, _)| *open == entry.id)
        {
            parts.open = None;
        }
        self.verify(entry, &temporary)?;
        let applied = self.apply(Subject::Path(&temporary), metadata);
        self.rename(parts, entry, place, &temporary)?;
        Ok(applied)
    }

    fn rename(
        &self,
        parts: &mut Parts,
        entry: &PlanEntry,
        place: &Place,
        temporary: &Path,
    ) -> io::Result<()> {
        let path = self.free_name(&place.path())?;
        fs::rename(temporary, path)?;
        parts.partial.remove(&entry.id);
        Ok(())
    }

    pub(super) fn apply(
        &self,
        subject: Subject<'_>,
        metadata: Option<&Metadata>,
    ) -> io::Result<()> {
        metadata.map_or(Ok(()), |metadata| {
            apply(subject, metadata, self.permissions)
        })
    }

    /// Whether blocks that are right prove that the file is.
    fn is_proven(&self, entry: &PlanEntry) -> bool {
        !entry.listed && self.format.block_hash() == self.format.file_hash()
    }

    /// Compares length and, where blocks alone do not prove it, the hash of the whole file.
    fn verify(&self, entry: &PlanEntry, path: &Path) -> Result<(), Failure> {
        let Some((hash, size)) = &entry.content else {
            return Ok(());
        };
        if fs::metadata(path)?.len() != *size {
            return Err(Failure::Mismatch);
        }
        if self.is_proven(entry) || self.hash_file(path)?.as_bytes() == hash {
            Ok(())
        } else {
            Err(Failure::Mismatch)
        }
    }

    fn temporary(&self, place: &Place, entry: i64) -> PathBuf {
        place
            .path()
            .with_file_name(format!(".coffer-{}-{entry}.part", self.token))
    }

    /// Removes a file that did not become complete.
    pub(super) fn remove_temporary(&self, place: &Place, entry: i64) {
        let path = self.temporary(place, entry);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "could not remove a partial file");
        }
    }

    /// Creates the folders above a place, refusing to pass through a link below its base.
    pub(super) fn prepare_folder(&self, place: &Place) -> io::Result<()> {
        let Some(parent) = place.rest.parent() else {
            return Ok(());
        };
        self.prepare_path(&place.base, parent)
    }

    pub(super) fn prepare_path(&self, base: &Path, rest: &Path) -> io::Result<()> {
        let whole = base.join(rest);
        // Held until the folder is there: another thread would otherwise create the same one.
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.contains(&whole) {
            return Ok(());
        }
        fs::create_dir_all(base)?;
        let mut path = base.to_owned();
        for part in rest.components() {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(stat) if stat.is_dir() => {}
                Ok(stat) if stat.is_symlink() => {
                    return Err(io::Error::other(LinkInTheWay(path)));
                }
                Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
                Err(error) => return Err(error),
            }
        }
        checked.insert(whole);
        Ok(())
    }

    /// The name itself, or one beside what is there already.
    pub(super) fn free_name(&self, path: &Path) -> io::Result<PathBuf> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.to_owned()),
            Err(error) => return Err(error),
            Ok(stat) if stat.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) if self.existing == Existing::Overwrite => return Ok(path.to_owned()),
            Ok(_) => {}
        }
        let date = self.version_time.to_zoned(TimeZone::system()).date();
        let stem = path.file_stem().unwrap_or_default();
        let named = |suffix: &str| {
            let mut name = OsString::from(stem);
            name.push(format!(".{date}{suffix}"));
            if let Some(extension) = path.extension() {
                name.push(".");
                name.push(extension);
            }
            path.with_file_name(name)
        };
        let numbered = (0..10_000).map(|number| named(&format!(" ({number})")));
        std::iter::once(named(""))
            .chain(numbered)
            .find(|candidate| fs::symlink_metadata(candidate).is_err())
            .ok_or_else(|| io::ErrorKind::AlreadyExists.into())
    }
}

impl Parts {
    /// Closes the file that was written last.
    pub(super) fn close(&mut self) {
        self.open = None;
    }
}

/// A link stands where a folder should be.
#[derive(Debug)]
struct LinkInTheWay(PathBuf);

impl std::fmt::Display for LinkInTheWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is a link", self.0.display())
    }
}

impl std::error::Error for LinkInTheWay {}

pub(super) fn problem_of(error: io::Error) -> ProblemKind {
    let is_link = error
        .get_ref()
        .is_some_and(|inner| inner.is::<LinkInTheWay>());
    if is_link {
        ProblemKind::LinkInTheWay
    } else {
        ProblemKind::Unwritable(error)
    }
}
