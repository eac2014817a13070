//! Entries of the plan to files in place: which blocks go where, and what became of each entry.

use std::fs;
use std::io;
use std::sync::Arc;

use coffer_database::{PlanEntry, RestorePlan, Use, WantedBlock};
use coffer_volume::Format;
use coffer_volume::dlist::{EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use jiff::Timestamp;

use super::files::{Files, Parts, problem_of};
#[cfg(unix)]
use super::metadata_unix::create_link;
#[cfg(windows)]
use super::metadata_windows::create_link;
use super::plan::Planned;
use super::target::{Mapping, Place};
use super::writers::{Outcome, Task, Writers, WrittenFile};
use super::{RestoreOptions, RestoreStats};
use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::store::{kind_number, stream_row};

/// The plan's number for a file whose content is right already.
const IN_PLACE: u8 = 3;

/// Entries that are looked at together at the end.
const PAGE: i64 = 1000;

/// Hands what arrives to those who write it, and keeps the plan.
pub(super) struct Placer<'a> {
    session: &'a Session,
    plan: &'a RestorePlan,
    options: &'a RestoreOptions,
    files: Arc<Files>,
    /// Until the last block.
    writers: Option<Writers>,
    /// Files that are not complete, after the last block.
    parts: Parts,
    /// Where the entry goes that had the last block, because the next one often belongs to it, too.
    place: Option<(i64, Arc<Place>)>,
    stats: RestoreStats,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        session: &'a Session,
        plan: &'a RestorePlan,
        format: &Format,
        options: &'a RestoreOptions,
        version_time: Timestamp,
    ) -> Self {
        let files = Arc::new(Files::new(format, options, version_time));
        let writers = Writers::start(&files, format, session.monitor());
        Self {
            session,
            plan,
            options,
            files,
            writers: Some(writers),
            parts: Parts::default(),
            place: None,
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
        candidate
            && self
                .files
                .hash_file(&path)
                .is_ok_and(|hash| hash == content.hash)
    }

    /// Takes a block that arrived.
    pub(super) fn take(&mut self, block: &WantedBlock, data: Vec<u8>) -> Result<()> {
        let uses = self.plan.uses_of(block.id)?;
        let data = Arc::new(data);
        for target in &uses {
            match *target {
                Use::Metadata { metadata, offset } => {
                    self.plan.put_metadata(metadata, offset, &data)?;
                    self.session.monitor().done(0, data.len() as u64, "");
                }
                Use::File { entry, offset } => {
                    let task = Task::Write {
                        entry,
                        place: self.place_of(entry)?,
                        offset,
                        data: Arc::clone(&data),
                    };
                    self.send(task);
                }
            }
        }
        for entry in self.plan.block_done(&uses)? {
            self.complete(entry)?;
        }
        self.note_outcomes()
    }

    fn place_of(&mut self, entry: i64) -> Result<Arc<Place>> {
        if let Some((_, place)) = self.place.as_ref().filter(|(known, _)| *known == entry) {
            return Ok(Arc::clone(place));
        }
        let place = Arc::new(decode(&self.plan.target_of(entry)?));
        self.place = Some((entry, Arc::clone(&place)));
        Ok(place)
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
            Outcome::Placed(entry, applied) => {
                self.note_applied(&entry.path, applied);
                self.done(&entry, 0)
            }
            Outcome::Failed(entry, kind) => self.fail_entry(entry, kind),
            Outcome::Full(path, error) => Err(Error::io("write", path, error)),
        }
    }

    /// Waits for all that was handed to the writers.
    fn finish_writing(&mut self) -> Result<()> {
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
    fn complete(&mut self, entry: PlanEntry) -> Result<()> {
        // Links and folders come last, when nothing is written any more.
        if entry.kind == IN_PLACE {
            let metadata = self.metadata_of(&entry)?;
            self.apply(&entry.path, &decode(&entry.target), metadata.as_ref());
            let bytes = entry.content.as_ref().map_or(0, |(_, size)| *size);
            return self.done(&entry, bytes);
        }
        if entry.kind != kind_number(EntryKind::File) {
            return Ok(());
        }
        let file = WrittenFile {
            metadata: self.metadata_of(&entry)?,
            place: decode(&entry.target),
            entry,
        };
        if self.writers.is_some() {
            self.send(Task::Complete(Box::new(file)));
            return Ok(());
        }
        let outcome = file.complete(&self.files, &mut self.parts);
        self.note(outcome)
    }

    /// Counts an entry that is right now, and `bytes` that were not told before.
    fn done(&mut self, entry: &PlanEntry, bytes: u64) -> Result<()> {
        self.stats.restored_files += 1;
        self.stats.restored_bytes += entry.content.as_ref().map_or(0, |(_, size)| *size);
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

    fn apply(&mut self, stored: &str, place: &Place, metadata: Option<&Metadata>) {
        let applied = self.files.apply(&place.path(), metadata);
        self.note_applied(stored, applied);
    }

    fn note_applied(&mut self, stored: &str, applied: io::Result<()>) {
        if let Err(error) = applied {
            self.warn(stored, ProblemKind::MetadataNotRestored(error));
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
                    return placer.fail_entry(entry.id, ProblemKind::DataMissing);
                }
                if entry.metadata.is_some() && placer.metadata_of(&entry)?.is_none() {
                    placer.warn_missing_metadata(&entry);
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
        mut visit: impl FnMut(&mut Self, PlanEntry) -> Result<()>,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let entries = self.plan.open_entries(kind, after, PAGE)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.id;
            for entry in entries {
                self.session.check_cancelled()?;
                visit(self, entry)?;
            }
        }
    }

    fn place_link(&mut self, entry: PlanEntry) -> Result<()> {
        let Some(metadata) = self.metadata_of(&entry)? else {
            return self.fail_entry(entry.id, ProblemKind::DataMissing);
        };
        let Some(target) = metadata.symlink_target.clone() else {
            return self.fail_entry(entry.id, ProblemKind::DataMissing);
        };
        let place = decode(&entry.target);
        let linked = self.files.prepare_folder(&place).and_then(|()| {
            let path = place.path();
            if fs::read_link(&path).is_ok_and(|there| there.as_os_str() == target.as_str()) {
                return Ok(path);
            }
            let path = self.files.free_name(&path)?;
            if fs::symlink_metadata(&path).is_ok() {
                fs::remove_file(&path)?;
            }
            create_link(&path, &metadata, &target)?;
            Ok(path)
        });
        match linked {
            Ok(path) => {
                let applied = self.files.apply(&path, Some(&metadata));
                self.note_applied(&entry.path, applied);
                self.done(&entry, 0)
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
                match self.files.prepare_path(&place.base, &place.rest) {
                    Ok(()) => {
                        let metadata = self.metadata_of(entry)?;
                        if metadata.is_none() {
                            self.warn_missing_metadata(entry);
                        }
                        self.apply(&entry.path, &place, metadata.as_ref());
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
        if let Some(writers) = self.writers.take() {
            self.parts = writers.finish().0;
        }
        self.parts.close();
        for entry in std::mem::take(&mut self.parts.partial) {
            if let Ok(target) = self.plan.target_of(entry) {
                self.files.remove_temporary(&decode(&target), entry);
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
