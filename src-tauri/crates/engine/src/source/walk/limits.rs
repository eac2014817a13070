//! What but the filters keeps an entry out.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use coffer_volume::dlist::EntryKind;

use super::super::entry::SourceEntry;
use super::super::identity::Folders;
use super::super::rules::{ExclusionMarks, HardlinkPolicy, Reason, SourceOptions, SymlinkPolicy};
use super::super::{attributes, exclusion_mark, hardlink_id};

pub(super) struct Limits<'a> {
    options: &'a SourceOptions,
    own_folders: Folders,
    /// Files with several names that were met.
    hardlinks: HashSet<(u64, u64)>,
}

impl<'a> Limits<'a> {
    pub(super) fn new(options: &'a SourceOptions) -> Self {
        Self {
            options,
            own_folders: Folders::new(&options.excluded_folders),
            hardlinks: HashSet::new(),
        }
    }

    /// Why an entry is kept out, looked for in Duplicati's order. `around` are the folders that are open, without links on
    /// the way.
    pub(super) fn reason<'p>(
        &mut self,
        found: &mut SourceEntry,
        around: impl Iterator<Item = &'p PathBuf>,
    ) -> Option<Reason> {
        let options = self.options;
        if found.kind == EntryKind::Folder && self.own_folders.contains(&found.path, &found.stat) {
            return Some(Reason::OwnFolder);
        }
        if options.hardlinks != HardlinkPolicy::All
            && found.kind == EntryKind::File
            && let Some(id) = hardlink_id(&found.path, &found.stat)
            && (options.hardlinks == HardlinkPolicy::None || !self.hardlinks.insert(id))
        {
            return Some(Reason::HardlinkPolicy);
        }
        if found.kind == EntryKind::Folder || found.links_to_folder {
            let marker = options
                .ignore_names
                .iter()
                .find(|name| found.path.join(name).is_file());
            if let Some(marker) = marker {
                return Some(Reason::Marker(marker.clone()));
            }
        }
        if options.exclusion_marks == ExclusionMarks::Obey
            && found.kind != EntryKind::Symlink
            && let Some(mark) = exclusion_mark(found)
        {
            return Some(Reason::Mark(mark));
        }
        let unwanted = options.excluded_attributes.0;
        if unwanted != 0 && attributes(found).0 & unwanted != 0 {
            return Some(Reason::Attributes);
        }
        if found.kind == EntryKind::Symlink && options.symlinks == SymlinkPolicy::Ignore {
            return Some(Reason::SymlinkPolicy);
        }
        if found.kind == EntryKind::Folder && found.links_to_folder && is_loop(&found.path, around)
        {
            return Some(Reason::LinkLoop);
        }
        let too_large = |limit| found.kind == EntryKind::File && found.stat.len() > limit;
        options
            .max_file_size
            .is_some_and(too_large)
            .then_some(Reason::TooLarge)
    }
}

/// Whether a link that is followed leads to one of these folders, or to one around it.
fn is_loop<'p>(link: &Path, mut around: impl Iterator<Item = &'p PathBuf>) -> bool {
    fs::canonicalize(link).is_ok_and(|target| around.any(|real| real.starts_with(&target)))
}
