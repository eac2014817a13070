//! Putting files in place: under a temporary name until they are complete, verified and have their metadata.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use coffer_database::{PlanEntry, RestorePlan, Use, WantedBlock};
use coffer_volume::dlist::{EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::{Format, Hash};
use jiff::Timestamp;
use jiff::tz::TimeZone;

#[cfg(unix)]
use super::metadata_unix::{apply, create_link};
#[cfg(windows)]
use super::metadata_windows::{apply, create_link};
use super::plan::Planned;
use super::target::{Mapping, Place};
use super::{Existing, RestoreOptions, RestoreStats};
use crate::error::{Result, is_full};
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::store::{kind_number, stream_row};

/// The plan's number for a file whose content is right already.
const IN_PLACE: u8 = 3;

/// Entries that are looked at together at the end.
const PAGE: i64 = 1000;

/// Writes what arrives.
pub(super) struct Placer<'a> {
    session: &'a Session,
    plan: &'a RestorePlan,
    format: &'a Format,
    options: &'a RestoreOptions,
    version_time: Timestamp,
    /// Part of the temporary names of this restore.
    token: String,
    /// Entries that have a temporary file.
    partial: HashSet<i64>,
    /// The file that was written last, because the next block often goes there, too.
    open: Option<(i64, File)>,
    /// Folders below the target that exist and are no links.
    checked: HashSet<PathBuf>,
    stats: RestoreStats,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        session: &'a Session,
        plan: &'a RestorePlan,
        format: &'a Format,
        options: &'a RestoreOptions,
        version_time: Timestamp,
    ) -> Self {
        let token = format!("{:08x}", rand::random::<u32>());
        Self {
            session,
            plan,
            format,
            options,
            version_time,
            token,
            partial: HashSet::new(),
            open: None,
            checked: HashSet::new(),
            stats: RestoreStats::default(),
        }
    }

    pub(super) fn plan(&self) -> &'a RestorePlan {
        self.plan
    }

    pub(super) fn options(&self) -> &'a RestoreOptions {
        self.options
    }

    /// Adds an entry to the plan; `None` when it cannot be restored.
    pub(super) fn add(
        &mut self,
        entry: &FilelistEntry,
        mapping: &Mapping,
    ) -> Result<Option<Planned>> {
        let Some(place) = mapping.place(&entry.path) else {
            self.stats.selected_files += 1;
            self.fail(&entry.path, ProblemKind::HostilePath);
            return Ok(None);
        };
        // The folder that was chosen for the restore keeps its own times and rights.
        if place.rest.as_os_str().is_empty() && self.options.target.is_some() {
            return Ok(None);
        }
        self.stats.selected_files += 1;
        let (metadata, new_metadata) = match &entry.metadata {
            Some(stream) => {
                let (id, is_new) = self
                    .plan
                    .add_metadata(stream.hash.as_bytes(), stream.size)?;
                (Some(id), is_new.then_some(id))
            }
            None => (None, None),
        };
        let in_place = entry.kind == EntryKind::File && self.is_in_place(entry, &place);
        let kind = if in_place {
            IN_PLACE
        } else {
            kind_number(entry.kind)
        };
        let content = entry.content.as_ref().map(stream_row);
        let target = encode(&place);
        let id = self
            .plan
            .add_entry(kind, &entry.path, &target, content.as_ref(), metadata)?;
        Ok(Some(Planned {
            entry: id,
            with_content: !in_place,
            new_metadata,
        }))
    }

    /// Whether the file that is there has the right content, so that nothing needs to be fetched.
    fn is_in_place(&self, entry: &FilelistEntry, place: &Place) -> bool {
        let path = place.path();
        let Some(content) = &entry.content else {
            return false;
        };
        let candidate = fs::symlink_metadata(&path)
            .is_ok_and(|stat| stat.is_file() && stat.len() == content.size);
        candidate && self.hash_file(&path).is_ok_and(|hash| hash == content.hash)
    }

    fn hash_file(&self, path: &Path) -> io::Result<Hash> {
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

    /// Takes a block that arrived.
    pub(super) fn take(&mut self, block: &WantedBlock, data: &[u8]) -> Result<()> {
        let uses = self.plan.uses_of(block.id)?;
        for target in &uses {
            match *target {
                Use::Metadata { metadata, offset } => {
                    self.plan.put_metadata(metadata, offset, data)?;
                }
                Use::File { entry, offset } => {
                    if let Err(error) = self.write(entry, offset, data) {
                        if is_full(&error) {
                            return Err(crate::Error::io(
                                "write",
                                self.temporary_dir(entry),
                                error,
                            ));
                        }
                        self.fail_entry(entry, ProblemKind::Unwritable(error))?;
                    }
                    self.session.monitor().done(0, data.len() as u64, "");
                }
            }
        }
        for entry in self.plan.block_done(block.id, &uses)? {
            self.complete(&entry)?;
        }
        Ok(())
    }

    fn write(&mut self, entry: i64, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != entry) {
            let place = self.place_of(entry)?;
            let is_new = !self.partial.contains(&entry);
            self.prepare_folder(&place)?;
            let path = self.temporary(&place, entry);
            let file = OpenOptions::new()
                .write(true)
                .create_new(is_new)
                .open(path)?;
            self.partial.insert(entry);
            self.open = Some((entry, file));
        }
        let Some((_, file)) = &mut self.open else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(data)
    }

    fn place_of(&self, entry: i64) -> io::Result<Place> {
        let found = self.plan.entry(entry).map_err(io::Error::other)?;
        found
            .map(|entry| decode(&entry.target))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn temporary_dir(&self, entry: i64) -> PathBuf {
        self.place_of(entry)
            .map(|place| place.path())
            .unwrap_or_default()
    }

    fn temporary(&self, place: &Place, entry: i64) -> PathBuf {
        place
            .path()
            .with_file_name(format!(".coffer-{}-{entry}.part", self.token))
    }

    /// Creates the folders above a place, refusing to pass through a link below its base.
    fn prepare_folder(&mut self, place: &Place) -> io::Result<()> {
        let Some(parent) = place.rest.parent() else {
            return Ok(());
        };
        self.prepare_path(&place.base, parent)
    }

    fn prepare_path(&mut self, base: &Path, rest: &Path) -> io::Result<()> {
        let whole = base.join(rest);
        if self.checked.contains(&whole) {
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
        self.checked.insert(whole);
        Ok(())
    }

    /// An entry has all it needs.
    fn complete(&mut self, entry: &PlanEntry) -> Result<()> {
        // Links and folders come last, when nothing is written any more.
        if entry.kind != kind_number(EntryKind::File) && entry.kind != IN_PLACE {
            return Ok(());
        }
        let metadata = self.metadata_of(entry)?;
        let place = decode(&entry.target);
        let outcome = if entry.kind == IN_PLACE {
            Ok(place.path())
        } else {
            self.place_file(entry, &place, metadata.as_ref())
        };
        match outcome {
            Ok(path) => {
                if entry.kind == IN_PLACE {
                    self.apply(&entry.path, &path, metadata.as_ref());
                }
                let bytes = entry.content.as_ref().map_or(0, |(_, size)| *size);
                self.stats.restored_bytes += bytes;
                self.done(entry, if entry.kind == IN_PLACE { bytes } else { 0 })
            }
            Err(Failure::Mismatch) => self.fail_entry(entry.id, ProblemKind::ContentMismatch),
            Err(Failure::Io(error)) if is_full(&error) => {
                Err(crate::Error::io("write", place.path(), error))
            }
            Err(Failure::Io(error)) => self.fail_entry(entry.id, ProblemKind::Unwritable(error)),
        }
    }

    fn done(&mut self, entry: &PlanEntry, bytes: u64) -> Result<()> {
        self.stats.restored_files += 1;
        self.session.monitor().done(1, bytes, &entry.path);
        Ok(self.plan.mark_done(entry.id)?)
    }

    fn metadata_of(&self, entry: &PlanEntry) -> Result<Option<Metadata>> {
        let Some(id) = entry.metadata else {
            return Ok(None);
        };
        let bytes = self.plan.complete_metadata(id)?;
        Ok(bytes.and_then(|bytes| Metadata::decode(&bytes).ok()))
    }

    fn place_file(
        &mut self,
        entry: &PlanEntry,
        place: &Place,
        metadata: Option<&Metadata>,
    ) -> Result<PathBuf, Failure> {
        let temporary = self.temporary(place, entry.id);
        if !self.partial.contains(&entry.id) {
            // An empty file has no block that would have created it.
            self.prepare_folder(place)?;
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&temporary)?;
            self.partial.insert(entry.id);
        }
        if self
            .open
            .as_ref()
            .is_some_and(|(open, _)| *open == entry.id)
        {
            self.open = None;
        }
        self.verify(entry, &temporary)?;
        self.apply(&entry.path, &temporary, metadata);
        let path = self.free_name(&place.path())?;
        fs::rename(&temporary, &path)?;
        self.partial.remove(&entry.id);
        Ok(path)
    }

    /// Compares length and, where blocks alone do not prove it, the hash of the whole file.
    fn verify(&self, entry: &PlanEntry, path: &Path) -> Result<(), Failure> {
        let Some((hash, size)) = &entry.content else {
            return Ok(());
        };
        if fs::metadata(path)?.len() != *size {
            return Err(Failure::Mismatch);
        }
        let proven = !entry.listed && self.format.block_hash() == self.format.file_hash();
        if proven || self.hash_file(path)?.as_bytes() == hash {
            Ok(())
        } else {
            Err(Failure::Mismatch)
        }
    }

    /// The name itself, or one beside what is there already.
    fn free_name(&self, path: &Path) -> io::Result<PathBuf> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.to_owned()),
            Err(error) => return Err(error),
            Ok(stat) if stat.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) if self.options.existing == Existing::Overwrite => return Ok(path.to_owned()),
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

    fn apply(&mut self, stored: &str, path: &Path, metadata: Option<&Metadata>) {
        let Some(metadata) = metadata else { return };
        if let Err(error) = apply(path, metadata, self.options.permissions) {
            self.warn(stored, ProblemKind::MetadataNotRestored(error));
        }
    }

    /// After the last block: what is still open, then links, then folders.
    pub(super) fn finish(mut self) -> Result<RestoreStats> {
        self.open = None;
        for kind in [kind_number(EntryKind::File), IN_PLACE] {
            self.for_each_open(kind, |placer, entry| {
                if entry.missing > 0 && kind != IN_PLACE {
                    return placer.fail_entry(entry.id, ProblemKind::DataMissing);
                }
                if entry.metadata.is_some() && placer.metadata_of(entry)?.is_none() {
                    placer.warn_missing_metadata(entry);
                }
                placer.complete(entry)
            })?;
        }
        self.for_each_open(kind_number(EntryKind::Symlink), Self::place_link)?;
        // Before the folders, whose times this changes.
        self.remove_partial_files();
        self.place_folders()?;
        Ok(self.stats)
    }

    fn for_each_open(
        &mut self,
        kind: u8,
        mut visit: impl FnMut(&mut Self, &PlanEntry) -> Result<()>,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let entries = self.plan.open_entries(kind, after, PAGE)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.id;
            for entry in &entries {
                self.session.check_cancelled()?;
                visit(self, entry)?;
            }
        }
    }

    fn place_link(&mut self, entry: &PlanEntry) -> Result<()> {
        let Some(metadata) = self.metadata_of(entry)? else {
            return self.fail_entry(entry.id, ProblemKind::DataMissing);
        };
        let Some(target) = metadata.symlink_target.clone() else {
            return self.fail_entry(entry.id, ProblemKind::DataMissing);
        };
        let place = decode(&entry.target);
        let linked = self.prepare_folder(&place).and_then(|()| {
            let path = place.path();
            if fs::read_link(&path).is_ok_and(|there| there.as_os_str() == target.as_str()) {
                return Ok(path);
            }
            let path = self.free_name(&path)?;
            if fs::symlink_metadata(&path).is_ok() {
                fs::remove_file(&path)?;
            }
            create_link(&path, &metadata, &target)?;
            Ok(path)
        });
        match linked {
            Ok(path) => {
                self.apply(&entry.path, &path, Some(&metadata));
                self.done(entry, 0)
            }
            Err(error) => self.fail_entry(entry.id, ProblemKind::Unwritable(error)),
        }
    }

    /// Deepest first, because setting a folder's times must come after everything in it.
    fn place_folders(&mut self) -> Result<()> {
        let kind = kind_number(EntryKind::Folder);
        let mut offset = 0;
        loop {
            let entries = self.plan.entries_deepest_first(kind, offset, PAGE)?;
            if entries.is_empty() {
                return Ok(());
            }
            offset += entries.len() as i64;
            for entry in &entries {
                self.session.check_cancelled()?;
                let place = decode(&entry.target);
                match self.prepare_path(&place.base, &place.rest) {
                    Ok(()) => {
                        let metadata = self.metadata_of(entry)?;
                        if metadata.is_none() {
                            self.warn_missing_metadata(entry);
                        }
                        self.apply(&entry.path, &place.path(), metadata.as_ref());
                        self.stats.restored_files += 1;
                        self.session.monitor().done(1, 0, &entry.path);
                    }
                    // Marking it failed would shift the pages.
                    Err(error) => self.fail(&entry.path, problem_of(error)),
                }
            }
        }
    }

    /// Removes the files that did not become complete.
    pub(super) fn remove_partial_files(&mut self) {
        self.open = None;
        for entry in std::mem::take(&mut self.partial) {
            let Ok(Some(found)) = self.plan.entry(entry) else {
                continue;
            };
            let path = self.temporary(&decode(&found.target), entry);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "could not remove a partial file");
            }
        }
    }

    fn fail_entry(&mut self, entry: i64, kind: ProblemKind) -> Result<()> {
        self.plan.mark_failed(entry)?;
        if let Some(found) = self.plan.entry(entry)? {
            let kind = match kind {
                ProblemKind::Unwritable(error) => problem_of(error),
                other => other,
            };
            self.fail(&found.path, kind);
        }
        Ok(())
    }

    fn fail(&mut self, path: &str, kind: ProblemKind) {
        self.stats.failed_files += 1;
        self.session.monitor().done(1, 0, path);
        self.warn(path, kind);
    }

    fn warn_missing_metadata(&mut self, entry: &PlanEntry) {
        let missing = io::Error::new(io::ErrorKind::NotFound, "its metadata is missing");
        self.warn(&entry.path, ProblemKind::MetadataNotRestored(missing));
    }

    fn warn(&mut self, path: &str, kind: ProblemKind) {
        self.stats.warnings += 1;
        self.session.monitor().problem(Problem {
            subject: path.to_owned(),
            kind,
        });
    }
}

/// Why a file could not be put in place.
enum Failure {
    Mismatch,
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
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

fn problem_of(error: io::Error) -> ProblemKind {
    let is_link = error
        .get_ref()
        .is_some_and(|inner| inner.is::<LinkInTheWay>());
    if is_link {
        ProblemKind::LinkInTheWay
    } else {
        ProblemKind::Unwritable(error)
    }
}

/// A place as the plan keeps it: both parts with a NUL between, which neither can contain.
fn encode(place: &Place) -> Vec<u8> {
    let parts = [place.base.as_os_str(), place.rest.as_os_str()];
    parts.map(|part| part.as_encoded_bytes()).join(&0)
}

fn decode(target: &[u8]) -> Place {
    // Stored paths are Unicode, and so is a restore folder that was typed or picked; another one is kept as it can be.
    let text = String::from_utf8_lossy(target);
    let (base, rest) = text.split_once('\0').unwrap_or((&text, ""));
    Place {
        base: base.into(),
        rest: rest.into(),
    }
}
