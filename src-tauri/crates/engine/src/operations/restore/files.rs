//! What a restore does to the disk: files under a temporary name until they are complete, verified and have their
//! metadata. All of it in open folders, see [`super::folders`].

mod groups;
mod named;
#[cfg(test)]
mod tests;
mod writing;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use coffer_volume::metadata::Metadata;
use coffer_volume::{Format, Hash};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::Result;
use crate::monitor::ProblemKind;
use crate::operations::restore::files::named::{MOST_GROUPS, Named, group_key};
#[cfg(unix)]
use crate::operations::restore::folder_unix::{count_names, id};
#[cfg(windows)]
use crate::operations::restore::folder_windows::{count_names, id};
use crate::operations::restore::folders::{
    FileId, Folder, Folders, Kind, LinkInTheWay, temporary_name,
};
use crate::operations::restore::holes;
#[cfg(unix)]
use crate::operations::restore::metadata_unix::{apply, apply_to_link};
#[cfg(windows)]
use crate::operations::restore::metadata_windows::{apply, apply_to_link};
use crate::operations::restore::nameless::NamelessFiles;
use crate::operations::restore::options::{Existing, Permissions, RestoreOptions};
use crate::operations::restore::parts::Parts;
use crate::operations::restore::target::Place;
use crate::operations::restore::wanted_file::Target;

/// Mode of files until they are complete: other users cannot read what will be private.
const PRIVATE: u32 = 0o600;
/// Mode of folders until they get theirs, when they do.
const PRIVATE_FOLDER: u32 = 0o700;
/// Mode that new files get, but for what the system takes away.
const NEW: u32 = 0o666;
const NEW_FOLDER: u32 = 0o777;

/// The rules of one restore for files and folders, shared by all that write.
pub(super) struct Files {
    format: Format,
    existing: Existing,
    permissions: Permissions,
    version_time: Timestamp,
    /// Part of the temporary names of this restore.
    token: String,
    folders: Folders,
    /// Mode that new files get here, once it is known.
    new_mode: OnceLock<u32>,
    probing: Mutex<()>,
    nameless: NamelessFiles,
    /// The first of the names of a file that were restored, by group and content.
    groups: Mutex<HashMap<(String, Vec<u8>), Named>>,
}

/// Where a file went.
pub(super) struct Placement {
    /// What of the metadata could not be set.
    pub(super) applied: io::Result<()>,
    /// The name that it has now.
    name: OsString,
    /// What it is; files with several names only.
    id: Option<FileId>,
    /// Whether another file of the backup has its name in other letters, which are the same here.
    pub(super) has_twin: bool,
}

impl Placement {
    /// Where it is now; `place` is where it should go.
    pub(super) fn path(&self, place: &Place) -> PathBuf {
        place.path().with_file_name(&self.name)
    }

    /// The name that it has because of its twin.
    pub(super) fn beside(&self) -> Option<String> {
        self.has_twin
            .then(|| self.name.to_string_lossy().into_owned())
    }
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

/// A name that a file may get.
struct Free {
    name: OsString,
    /// Whether it replaces what has the name.
    replaces: bool,
    has_twin: bool,
}

impl Files {
    pub(super) fn new(format: &Format, options: &RestoreOptions, version_time: Timestamp) -> Self {
        let token = format!("{:08x}", rand::random::<u32>());
        let folder_mode = match options.permissions {
            Permissions::Restore => PRIVATE_FOLDER,
            Permissions::Leave => NEW_FOLDER,
        };
        Self {
            format: format.clone(),
            existing: options.existing,
            permissions: options.permissions,
            version_time,
            folders: Folders::new(&token, folder_mode),
            token,
            new_mode: OnceLock::new(),
            probing: Mutex::default(),
            nameless: NamelessFiles::default(),
            groups: Mutex::default(),
        }
    }

    pub(super) fn block_size(&self) -> u64 {
        self.format.block_size()
    }

    /// Makes the folder that was chosen for the restore; returns whether it was not there.
    pub(super) fn create_base(&self, base: &Path) -> io::Result<bool> {
        self.folders.create_base(base)
    }

    /// Whether the file that is there has this content.
    pub(super) fn is_there(&self, place: &Place, hash: &Hash, size: u64) -> io::Result<bool> {
        let (parent, name) = parts_of(place)?;
        let folder = self.folders.existing(&place.base, parent)?;
        let has_size = |stat: super::folders::Stat| stat.kind == Kind::File && stat.len == size;
        if !folder.stat(name)?.is_some_and(has_size) {
            return Ok(false);
        }
        let mut file = folder.open_file(name)?;
        Ok(self.hash_file(&mut file)? == *hash)
    }

    fn hash_file(&self, file: &mut File) -> io::Result<Hash> {
        let mut hasher = self.format.file_hash().hasher();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    /// Writes a file of which all is here, and gives it its metadata and its name.
    pub(super) fn put(
        &self,
        parts: &mut Parts,
        target: &Target,
        data: &[u8],
        metadata: Option<&Metadata>,
    ) -> Result<Placement, Failure> {
        if !self.is_proven(target) {
            let hash = self.format.file_hash().digest(data);
            let content = target.entry.content.as_ref();
            if content.is_some_and(|(own, _)| hash.as_bytes() != own) {
                return Err(Failure::Mismatch);
            }
        }
        self.in_group(parts, target, metadata, |parts| {
            if let Some(placed) = self.put_nameless(parts, target, data, metadata)? {
                return Ok(placed);
            }
            self.write(parts, target, 0, data)?;
            set_len(self.part(parts, target)?, data.len() as u64)?;
            self.finish_part(parts, target, metadata)
        })
    }

    /// Puts a file in place that has no name before it is complete: one change of the folder instead of two, and nothing
    /// that lies about when the restore is killed. `None` where there are no such files.
    fn put_nameless(
        &self,
        parts: &mut Parts,
        target: &Target,
        data: &[u8],
        metadata: Option<&Metadata>,
    ) -> Result<Option<Placement>, Failure> {
        let (parent, name) = parts_of(&target.place)?;
        let folder = self.folders.prepared(&target.place.base, parent)?;
        let Some(file) = self.nameless.create_in(&folder)? else {
            return Ok(None);
        };
        if holes::write(&file, 0, data)? {
            set_len(&file, data.len() as u64)?;
        }
        let mut placed = self.finish_file(&folder, &file, name, metadata)?;
        if self.nameless.give_name(&folder, &file, name)? {
            return Ok(Some(placed));
        }
        // Something is there already.
        let temporary = temporary_name(&self.token, target.entry.id);
        if !self.nameless.give_name(&folder, &file, &temporary)? {
            return Ok(None);
        }
        parts.partial.insert(target.entry.id, id(&file)?);
        self.rename(parts, &folder, target, &mut placed)?;
        Ok(Some(placed))
    }

    /// Verifies a file of which all blocks are written, and gives it its metadata and its name.
    pub(super) fn complete(
        &self,
        parts: &mut Parts,
        target: &Target,
        metadata: Option<&Metadata>,
    ) -> Result<Placement, Failure> {
        // An empty file has no block that would have created it.
        let file = self.part(parts, target)?;
        self.verify(target, file)?;
        self.in_group(parts, target, metadata, |parts| {
            self.finish_part(parts, target, metadata)
        })
    }

    fn finish_part(
        &self,
        parts: &mut Parts,
        target: &Target,
        metadata: Option<&Metadata>,
    ) -> Result<Placement, Failure> {
        let (parent, name) = parts_of(&target.place)?;
        let folder = self.folders.prepared(&target.place.base, parent)?;
        let file = self.part(parts, target)?;
        let mut placed = self.finish_file(&folder, file, name, metadata)?;
        parts.close_one(target.entry.id);
        self.rename(parts, &folder, target, &mut placed)?;
        Ok(placed)
    }

    /// Gives a file that is complete its metadata.
    fn finish_file(
        &self,
        folder: &Folder,
        file: &File,
        name: &OsStr,
        metadata: Option<&Metadata>,
    ) -> io::Result<Placement> {
        let new_mode = self.new_mode(folder);
        let has_group = metadata.is_some_and(|metadata| metadata.hardlink.is_some());
        Ok(Placement {
            applied: apply(file, metadata, self.permissions, Some(new_mode)),
            name: name.to_owned(),
            id: if has_group { Some(id(file)?) } else { None },
            has_twin: false,
        })
    }

    /// Gives a temporary file its name.
    fn rename(
        &self,
        parts: &mut Parts,
        folder: &Folder,
        target: &Target,
        placed: &mut Placement,
    ) -> io::Result<()> {
        let temporary = temporary_name(&self.token, target.entry.id);
        self.give_name(folder, &temporary, target, placed)?;
        parts.partial.remove(&target.entry.id);
        Ok(())
    }

    /// Gives what has a temporary name its own, or one beside what is there.
    fn give_name(
        &self,
        folder: &Folder,
        temporary: &OsStr,
        target: &Target,
        placed: &mut Placement,
    ) -> io::Result<()> {
        loop {
            let free = self.free_name(folder, &placed.name, target.flags.may_have_twin)?;
            if free.replaces {
                folder.rename(temporary, &free.name)?;
            } else if !folder.rename_to_free(temporary, &free.name)? {
                // Something got the name meanwhile.
                continue;
            }
            placed.name = free.name;
            placed.has_twin = free.has_twin;
            return Ok(());
        }
    }

    /// Gives a file that was right before its metadata.
    pub(super) fn apply_in_place(
        &self,
        target: &Target,
        metadata: Option<&Metadata>,
    ) -> io::Result<()> {
        let Some(metadata) = metadata else {
            return Ok(());
        };
        let (parent, name) = parts_of(&target.place)?;
        let folder = self.folders.existing(&target.place.base, parent)?;
        let mut file = folder.open_for_metadata(name)?;
        // Somebody may have put another file there since, and one with several names may be anybody's.
        if let Some((hash, size)) = &target.entry.content
            && (file.metadata()?.len() != *size
                || count_names(&file)? > 1
                    && self.hash_file(&mut file)?.as_bytes() != hash.as_slice())
        {
            return Err(io::Error::other("it changed meanwhile"));
        }
        let applied = apply(&file, Some(metadata), self.permissions, None);
        if let Some(key) = group_key(&target.entry, Some(metadata)) {
            let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            if groups.len() < MOST_GROUPS {
                let place = target.place.clone();
                let id = id(&file)?;
                groups.entry(key).or_insert(Named { place, id });
            }
        }
        applied
    }

    /// Makes a folder, if need be.
    pub(super) fn prepare(&self, place: &Place) -> io::Result<Arc<Folder>> {
        self.folders.prepared(&place.base, &place.rest)
    }

    /// Gives a folder its metadata.
    pub(super) fn apply_to_folder(
        &self,
        place: &Place,
        folder: &Folder,
        metadata: Option<&Metadata>,
    ) -> io::Result<()> {
        let is_new = self.folders.take_created(&place.base, &place.rest);
        let is_private = is_new && self.permissions == Permissions::Restore;
        let new_mode = is_private.then(|| folder_mode(self.new_mode(folder)));
        apply(folder.file(), metadata, self.permissions, new_mode)
    }

    /// Gives the folders that are in no version, but were needed, the mode of new ones.
    pub(super) fn finish_folders(&self) {
        if self.permissions == Permissions::Leave {
            return;
        }
        for place in self.folders.take_all_created() {
            if let Ok(folder) = self.folders.existing(&place.base, &place.rest) {
                let new_mode = Some(folder_mode(self.new_mode(&folder)));
                let set = apply(folder.file(), None, Permissions::Leave, new_mode);
                if let Err(error) = set {
                    let path = place.path();
                    tracing::warn!(path = %path.display(), %error, "could not set a folder's mode");
                }
            }
        }
    }

    /// Makes a link, or finds it there.
    pub(super) fn place_link(
        &self,
        target: &Target,
        metadata: &Metadata,
        to: &str,
    ) -> io::Result<Placement> {
        let (parent, name) = parts_of(&target.place)?;
        let folder = self.folders.prepared(&target.place.base, parent)?;
        let mut placed = Placement {
            applied: Ok(()),
            name: name.to_owned(),
            id: None,
            has_twin: false,
        };
        let is_there = folder.read_link(name).is_ok_and(|there| there == to);
        if !is_there {
            let temporary = temporary_name(&self.token, target.entry.id);
            folder.create_link(&temporary, metadata, to)?;
            if let Err(error) = self.give_name(&folder, &temporary, target, &mut placed) {
                let _ = folder.remove_file(&temporary);
                return Err(error);
            }
        }
        placed.applied = apply_to_link(&folder, &placed.name, metadata, self.permissions);
        Ok(placed)
    }

    /// Whether blocks that are right prove that the file is.
    fn is_proven(&self, target: &Target) -> bool {
        !target.entry.listed
            && !target.flags.has_other_hash
            && self.format.block_hash() == self.format.file_hash()
    }

    /// Compares length and, where blocks alone do not prove it, the hash of the whole file.
    fn verify(&self, target: &Target, file: &mut File) -> Result<(), Failure> {
        let Some((hash, size)) = &target.entry.content else {
            return Ok(());
        };
        set_len(file, *size)?;
        if file.metadata()?.len() != *size {
            return Err(Failure::Mismatch);
        }
        if self.is_proven(target) {
            return Ok(());
        }
        file.rewind()?;
        if self.hash_file(file)?.as_bytes() == hash {
            Ok(())
        } else {
            Err(Failure::Mismatch)
        }
    }

    /// Mode that new files get here: that of an empty one, as no program can ask for it without changing it.
    fn new_mode(&self, folder: &Folder) -> u32 {
        if let Some(mode) = self.new_mode.get() {
            return *mode;
        }
        let _alone = self.probing.lock().unwrap_or_else(PoisonError::into_inner);
        let name = temporary_name(&self.token, 0);
        let Ok(file) = folder.create_file(&name, NEW) else {
            return self.new_mode.get().copied().unwrap_or(PRIVATE);
        };
        let mode = mode_of(&file);
        let _ = folder.remove_file(&name);
        mode.map_or(PRIVATE, |mode| *self.new_mode.get_or_init(|| mode))
    }

    /// The name itself, or one beside what is there already.
    fn free_name(&self, folder: &Folder, name: &OsStr, may_have_twin: bool) -> io::Result<Free> {
        let Some(stat) = folder.stat(name)? else {
            return Ok(Free {
                name: name.to_owned(),
                replaces: false,
                has_twin: false,
            });
        };
        if stat.kind == Kind::Folder {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Where large and small letters are the same, the other file is found by this name, but does not have it.
        let has_twin = may_have_twin
            && !folder
                .names()?
                .iter()
                .any(|other| other.as_os_str() == name);
        if self.existing == Existing::Overwrite && !has_twin {
            return Ok(Free {
                name: name.to_owned(),
                replaces: true,
                has_twin: false,
            });
        }
        let date = self.version_time.to_zoned(TimeZone::system()).date();
        let path = Path::new(name);
        let stem = path.file_stem().unwrap_or_default();
        let named = |suffix: &str| {
            let mut name = OsString::from(stem);
            name.push(format!(".{date}{suffix}"));
            if let Some(extension) = path.extension() {
                name.push(".");
                name.push(extension);
            }
            name
        };
        let numbered = (0..10_000).map(|number| named(&format!(" ({number})")));
        for name in std::iter::once(named("")).chain(numbered) {
            if folder.stat(&name)?.is_none() {
                return Ok(Free {
                    name,
                    replaces: false,
                    has_twin,
                });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// The folder and the name of a file. Only folders can be at the base itself.
fn parts_of(place: &Place) -> io::Result<(&Path, &OsStr)> {
    let parts = place.rest.parent().zip(place.rest.file_name());
    parts.ok_or_else(|| io::ErrorKind::IsADirectory.into())
}

/// Makes a file longer that ends with a hole.
fn set_len(file: &File, len: u64) -> io::Result<()> {
    if file.metadata()?.len() < len {
        file.set_len(len)?;
    }
    Ok(())
}

/// Who may read a file may list a folder.
fn folder_mode(file_mode: u32) -> u32 {
    file_mode | (file_mode & 0o444) >> 2
}

#[cfg(unix)]
fn mode_of(file: &File) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;

    Ok(file.metadata()?.permissions().mode() & 0o777)
}

#[cfg(windows)]
fn mode_of(_file: &File) -> io::Result<u32> {
    Ok(NEW)
}

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
