//! Entries of the plan to files in place: which blocks go where, and what became of each entry.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use coffer_database::{PlanEntry, RestorePlan, Use, WantedBlock};
use coffer_volume::Format;
use coffer_volume::dlist::{EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::stream::Parts as StreamParts;

use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::operations::restore::files::{Files, Placement, problem_of};
use crate::operations::restore::options::RestoreOptions;
use crate::operations::restore::parts::Parts;
use crate::operations::restore::result::RestoreStats;
use crate::operations::restore::target::{Mapping, Place};
use crate::operations::restore::wanted_file::{Flags, Target};
use crate::operations::restore::writers::{Outcome, Task, Writers, complete};
use crate::reasons::MetadataFailure;
use crate::repository::rows::{kind_number, stream_row};
use crate::repository::session::Session;

/// The plan's number for a file whose content is right already.
const IN_PLACE: u8 = 3;

/// Entries that are looked at together at the end.
const PAGE: i64 = 1000;

/// What of an entry has to be fetched.
pub(super) struct PlannedEntry {
    pub(super) entry: i64,
    /// False when the content is there already.
    pub(super) with_content: bool,
    /// Metadata that no entry before has asked for.
    pub(super) new_metadata: Option<i64>,
}

/// Hands what arrives to those who write it, and keeps the plan.
pub(super) struct Placer<'a> {
    session: &'a Session,
    plan: &'a RestorePlan,
    options: &'a RestoreOptions,
    mapping: Mapping,
    /// Whether the folder that was chosen for the restore was made for it.
    has_new_top: bool,
    format: Format,
    files: Arc<Files>,
    /// What few entries are; the others are nothing special.
    flags: HashMap<i64, Flags>,
    /// While the plan is made: the first entry of each path, large and small letters taken as the same.
    paths: HashMap<u64, i64>,
    letters: foldhash::fast::RandomState,
    /// Until the last block.
    writers: Option<Writers>,
    /// Files that are not complete, after the last block.
    parts: Parts,
    /// The entry that had the last block, because the next one often belongs to it, too.
    target: Option<Arc<Target>>,
    /// A file of one block that waits for its metadata, which most often comes next.
    held: Option<(Arc<Target>, Arc<Vec<u8>>)>,
    stats: RestoreStats,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        session: &'a Session,
        plan: &'a RestorePlan,
        options: &'a RestoreOptions,
        (mapping, has_new_top): (Mapping, bool),
        format: &Format,
        files: Files,
    ) -> Self {
        let files = Arc::new(files);
        let writers = Writers::start(&files, session.monitor());
        Self {
            session,
            plan,
            options,
            mapping,
            has_new_top,
            format: format.clone(),
            files,
            flags: HashMap::new(),
            paths: HashMap::new(),
            letters: foldhash::fast::RandomState::default(),
            writers: Some(writers),
            parts: Parts::default(),
            target: None,
            held: None,
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
    pub(super) fn add(&mut self, entry: &FilelistEntry) -> Result<Option<PlannedEntry>> {
        let mut place = self.mapping.place(&entry.path).map_err(ProblemKind::from);
        if let Ok(found) = &place
            && found.rest.as_os_str().is_empty()
        {
            if entry.kind != EntryKind::Folder {
                place = Err(ProblemKind::HostilePath);
            } else if self.options.target.is_some() && !self.has_new_top {
                // A folder that the person had before keeps its own times and rights.
                return Ok(None);
            }
        }
        let place = match place {
            Ok(place) => place,
            Err(kind) => {
                self.stats.selected_files += u64::from(entry.kind == EntryKind::File);
                self.fail(&entry.path, kind);
                return Ok(None);
            }
        };
        self.stats.selected_files += u64::from(entry.kind == EntryKind::File);
        let (metadata, new_metadata) = match &entry.metadata {
            Some(stream) => {
                let (id, is_new) = self.plan.add_metadata(stream.hash.as_bytes(), stream.size);
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
        let id = self
            .plan
            .add_entry(kind, &entry.path, content.as_ref(), metadata)?;
        self.note_flags(id, entry);
        Ok(Some(PlannedEntry {
            entry: id,
            with_content: !in_place,
            new_metadata,
        }))
    }

    /// Whether the file that is there has the right content, so that nothing needs to be fetched.
    fn is_in_place(&self, entry: &FilelistEntry, place: &Place) -> bool {
        entry.content.as_ref().is_some_and(|content| {
            self.files
                .is_there(place, &content.hash, content.size)
                .unwrap_or(false)
        })
    }

    fn note_flags(&mut self, id: i64, entry: &FilelistEntry) {
        if has_other_hash(entry, &self.format) {
            self.flags.entry(id).or_default().has_other_hash = true;
        }
        if entry.kind == EntryKind::Folder {
            return;
        }
        let mut hasher = self.letters.build_hasher();
        for letter in entry.path.chars().flat_map(char::to_lowercase) {
            hasher.write_u32(letter.into());
        }
        let first = *self.paths.entry(hasher.finish()).or_insert(id);
        if first != id {
            for twin in [first, id] {
                self.flags.entry(twin).or_default().may_have_twin = true;
            }
        }
    }

    /// The plan is complete.
    pub(super) fn end_of_plan(&mut self) {
        self.paths = HashMap::new();
    }

    /// Takes a block that arrived.
    pub(super) fn take(&mut self, block: &WantedBlock, data: Vec<u8>) -> Result<()> {
        let data = Arc::new(data);
        for target in &block.uses {
            match *target {
                Use::Metadata { metadata, offset } => {
                    self.session.monitor().done(0, data.len() as u64, "");
                    for entry in self.plan.metadata_arrived(metadata, offset, &data)? {
                        self.complete(entry)?;
                    }
                }
                Use::File { entry, offset } if self.plan.is_open(entry) => {
                    self.release();
                    let target = self.target_of(entry)?;
                    if target.is_of_one_block(&data) {
                        self.held = Some((target, Arc::clone(&data)));
                    } else {
                        self.send(Task::Write {
                            target,
                            offset,
                            data: Arc::clone(&data),
                        });
                    }
                    if self.plan.content_arrived(entry) {
                        self.complete(entry)?;
                    }
                }
                Use::File { .. } => {}
            }
        }
        self.note_outcomes()
    }

    /// Writes the file that is held, which has to wait for its metadata.
    fn release(&mut self) {
        if let Some((target, data)) = self.held.take() {
            self.send(Task::Write {
                target,
                offset: 0,
                data,
            });
        }
    }

    fn target_of(&mut self, entry: i64) -> Result<Arc<Target>> {
        match &self.target {
            Some(target) if target.entry.id == entry => Ok(Arc::clone(target)),
            _ => {
                let found = self.plan.entry(entry)?;
                let target = Arc::new(self.target(found.ok_or(Error::Cancelled)?));
                self.target = Some(Arc::clone(&target));
                Ok(target)
            }
        }
    }

    /// Only what has a place is in the plan; should one have none after all, it goes where nothing is.
    fn target(&self, entry: PlanEntry) -> Target {
        let place = self.mapping.place(&entry.path).unwrap_or_default();
        let flags = self.flags.get(&entry.id).copied().unwrap_or_default();
        Target {
            entry,
            place,
            flags,
        }
    }

    fn send(&self, task: Task) {
        if let Some(writers) = &self.writers {
            writers.send(task);
        }
    }

    /// Keeps what became of the files that were written meanwhile.
    fn note_outcomes(&mut self) -> Result<()> {
        let outcomes: Vec<_> = self.writers.iter().flat_map(Writers::outcomes).collect();
        outcomes
            .into_iter()
            .try_for_each(|outcome| self.note(outcome))
    }

    fn note(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Placement(target, placed) => {
                let path = placed.path(&target.place);
                self.note_placed(&target.entry.path, placed);
                self.done(&target, path, 0);
                Ok(())
            }
            Outcome::Failed(target, kind) => {
                self.fail_entry(&target.entry, kind);
                Ok(())
            }
            Outcome::Full(path, error) => Err(Error::io("write", path, error)),
        }
    }

    /// Waits for all that was handed to the writers.
    fn finish_writing(&mut self) -> Result<()> {
        self.release();
        let Some(writers) = self.writers.take() else {
            return Ok(());
        };
        let (parts, outcomes) = writers.finish();
        self.parts = parts;
        outcomes
            .into_iter()
            .try_for_each(|outcome| self.note(outcome))
    }

    /// An entry has all it needs.
    fn complete(&mut self, entry: i64) -> Result<()> {
        let target = self.target_of(entry)?;
        let entry = &target.entry;
        if entry.kind == IN_PLACE {
            let metadata = self.metadata_of(entry)?;
            let applied = self.files.apply_in_place(&target, metadata.as_ref());
            self.note_applied(&entry.path, applied);
            let bytes = entry.content.as_ref().map_or(0, |(_, size)| *size);
            self.done(&target, target.place.path(), bytes);
            return Ok(());
        }
        if entry.kind != kind_number(EntryKind::File) {
            // Links and folders come last, when nothing is written any more.
            return match entry.metadata {
                Some(metadata) => Ok(self.plan.keep_metadata(metadata)?),
                None => Ok(()),
            };
        }
        let metadata = self.metadata_of(entry)?;
        if self.writers.is_none() {
            let outcome = complete(&self.files, &mut self.parts, target, metadata.as_ref());
            return self.note(outcome);
        }
        match self.held.take_if(|(held, _)| held.entry.id == entry.id) {
            Some((target, data)) => self.send(Task::Whole {
                target,
                data,
                metadata,
            }),
            None => self.send(Task::Complete { target, metadata }),
        }
        Ok(())
    }

    /// Counts a file or link that is right now, where it is, and `bytes` that were not reported before.
    fn done(&mut self, target: &Target, path: PathBuf, bytes: u64) {
        let Target { entry, place, .. } = target;
        if entry.kind == kind_number(EntryKind::Symlink) {
            self.stats.note_other(path.parent());
        } else {
            let is_beside = path.file_name() != place.rest.file_name();
            self.stats.note_file(path, is_beside);
        }
        self.stats.restored_bytes += entry.content.as_ref().map_or(0, |(_, size)| *size);
        self.session.monitor().done(1, bytes, &entry.path);
        self.plan.mark_done(entry.id);
    }

    fn stored_metadata(&self, entry: &PlanEntry) -> Result<Option<Vec<u8>>> {
        match entry.metadata {
            Some(id) => Ok(self.plan.complete_metadata(id)?),
            None => Ok(None),
        }
    }

    /// Metadata that is there; what cannot be read is reported.
    fn metadata_of(&mut self, entry: &PlanEntry) -> Result<Option<Metadata>> {
        let Some(bytes) = self.stored_metadata(entry)? else {
            return Ok(None);
        };
        match Metadata::decode(&bytes) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) => {
                let why = MetadataFailure::Undecodable(error);
                self.warn(&entry.path, ProblemKind::MetadataNotRestored(why));
                Ok(None)
            }
        }
    }

    fn note_placed(&mut self, stored: &str, placed: Placement) {
        if let Some(name) = placed.beside() {
            self.warn(stored, ProblemKind::SameNameHere(name));
        }
        self.note_applied(stored, placed.applied);
    }

    fn note_applied(&mut self, stored: &str, applied: io::Result<()>) {
        if let Err(error) = applied {
            let why = MetadataFailure::System(error);
            self.warn(stored, ProblemKind::MetadataNotRestored(why));
        }
    }

    /// After the last block: what is still open, then links, then folders.
    pub(super) fn finish(mut self) -> Result<RestoreStats> {
        if let Err(error) = self.finish_writing() {
            self.remove_partial_files();
            return Err(error);
        }
        for kind in [kind_number(EntryKind::File), IN_PLACE] {
            self.for_each_open(kind, |placer, entry| {
                if entry.missing > 0 && kind != IN_PLACE {
                    placer.fail_entry(&entry, ProblemKind::DataMissing);
                    return Ok(());
                }
                if entry.metadata.is_some() && placer.stored_metadata(&entry)?.is_none() {
                    placer.warn_missing_metadata(&entry);
                }
                placer.complete(entry.id)
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
        mut visit: impl FnMut(&mut Self, PlanEntry) -> Result<()>,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let entries = self.plan.entries(kind, after, PAGE)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.id;
            for entry in entries {
                self.session.check_cancelled()?;
                if self.plan.is_open(entry.id) {
                    visit(self, entry)?;
                }
            }
        }
    }

    fn place_link(&mut self, entry: PlanEntry) -> Result<()> {
        let bytes = self.stored_metadata(&entry)?;
        let metadata = bytes.and_then(|bytes| Metadata::decode(&bytes).ok());
        let Some((metadata, to)) = metadata.and_then(|mut metadata| {
            let to = metadata.symlink_target.take()?;
            Some((metadata, to))
        }) else {
            self.fail_entry(&entry, ProblemKind::DataMissing);
            return Ok(());
        };
        let target = self.target(entry);
        match self.files.place_link(&target, &metadata, &to) {
            Ok(placed) => {
                let path = placed.path(&target.place);
                self.note_placed(&target.entry.path, placed);
                self.done(&target, path, 0);
            }
            Err(error) => self.fail_entry(&target.entry, ProblemKind::Unwritable(error)),
        }
        Ok(())
    }

    /// Deepest first, because setting a folder's times must come after everything in it.
    fn place_folders(&mut self) -> Result<()> {
        let kind = kind_number(EntryKind::Folder);
        let mut offset = 0;
        loop {
            let entries = self.plan.entries_deepest_first(kind, offset, PAGE)?;
            if entries.is_empty() {
                self.files.finish_folders();
                return Ok(());
            }
            offset += entries.len() as i64;
            for entry in entries {
                self.session.check_cancelled()?;
                let Target { entry, place, .. } = self.target(entry);
                match self.files.prepare(&place) {
                    Ok(folder) => {
                        if self.stored_metadata(&entry)?.is_none() {
                            self.warn_missing_metadata(&entry);
                        }
                        let metadata = self.metadata_of(&entry)?;
                        let applied =
                            self.files
                                .apply_to_folder(&place, &folder, metadata.as_ref());
                        self.note_applied(&entry.path, applied);
                        self.stats.note_other(Some(&place.path()));
                        self.session.monitor().done(1, 0, &entry.path);
                    }
                    Err(error) => self.fail(&entry.path, problem_of(error)),
                }
            }
        }
    }

    /// Removes the files that did not become complete.
    pub(super) fn remove_partial_files(&mut self) {
        if let Some(writers) = self.writers.take() {
            self.parts = writers.finish().0;
        }
        self.parts.close();
        for (entry, _) in std::mem::take(&mut self.parts.partial) {
            if let Ok(Some(found)) = self.plan.entry(entry) {
                let target = self.target(found);
                self.files.remove_temporary(&target.place, entry);
            }
        }
    }

    fn fail_entry(&mut self, entry: &PlanEntry, kind: ProblemKind) {
        self.plan.mark_failed(entry.id);
        let kind = match kind {
            ProblemKind::Unwritable(error) => problem_of(error),
            other => other,
        };
        self.fail(&entry.path, kind);
    }

    fn fail(&mut self, path: &str, kind: ProblemKind) {
        self.stats.note_failed(path);
        self.session.monitor().done(1, 0, path);
        self.warn(path, kind);
    }

    fn warn_missing_metadata(&mut self, entry: &PlanEntry) {
        let why = MetadataFailure::Missing;
        self.warn(&entry.path, ProblemKind::MetadataNotRestored(why));
    }

    fn warn(&mut self, path: &str, kind: ProblemKind) {
        self.stats.warnings += 1;
        self.session.monitor().problem(Problem {
            subject: path.to_owned(),
            kind,
        });
    }
}

/// Whether the only block of a file is another than its hash says, where both have the same kind of hash.
fn has_other_hash(entry: &FilelistEntry, format: &Format) -> bool {
    let Some(content) = &entry.content else {
        return false;
    };
    match &content.parts {
        StreamParts::Block(block) => *block != content.hash,
        StreamParts::Empty => format.file_hash().digest(&[]) != content.hash,
        StreamParts::Blocklists(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use coffer_volume::stream::StreamRef;

    use super::*;

    #[test]
    fn a_block_whose_hash_is_not_that_of_the_file_proves_nothing() {
        let format = Format::default();
        let [a, b] = [b"a", b"b"].map(|data| format.file_hash().digest(data));
        let with = |hash, parts| FilelistEntry {
            kind: EntryKind::File,
            path: "/f".to_owned(),
            content: Some(StreamRef {
                hash,
                size: 1,
                parts,
            }),
            time: None,
            metadata: None,
        };

        assert!(!has_other_hash(&with(a, StreamParts::Block(a)), &format));
        assert!(has_other_hash(&with(a, StreamParts::Block(b)), &format));
        assert!(has_other_hash(&with(a, StreamParts::Empty), &format));
        let empty = format.file_hash().digest(b"");
        assert!(!has_other_hash(&with(empty, StreamParts::Empty), &format));
    }
}
