//! From a dlist to a plan: which entries, where to, and which blocks they need.

use std::collections::HashSet;

use coffer_database::{Index, RestorePlan, Use};
use coffer_volume::dlist::{DlistReader, EntryKind, FilelistEntry};
use coffer_volume::stream::{Parts, StreamRef, block_len, split_blocklist};
use coffer_volume::{Format, Hash};

use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::operations::restore::options::RestoreOptions;
use crate::operations::restore::place::{Placer, PlannedEntry};
use crate::operations::restore::target::{
    Mapping, folder_len, folders_around, is_of_other_system, shorten_common,
};
use crate::repository::blocklists::{list_len, note_missing_lists};
use crate::repository::dlist::read_entries;
use crate::repository::session::Session;
use crate::repository::volumes::ListedVolume;
use crate::variables::expand_path;

/// What a first pass over the dlist learns.
pub(super) struct Survey {
    pub(super) mapping: Mapping,
    /// Blocklists that the index lacks, with their length in bytes.
    pub(super) missing_lists: Vec<(Hash, u64)>,
}

/// Finds the common folder of what is selected, and the blocklists that have to be fetched first.
///
/// # Errors
/// [`Error::NothingMatches`], and [`Error::OtherSystem`] when all that is selected would go where this system has nothing.
pub(super) fn survey(
    session: &Session,
    reader: &mut DlistReader,
    dlist: &ListedVolume,
    options: &RestoreOptions,
    index: &Index,
) -> Result<Survey> {
    let format = reader.format().clone();
    let (mut common, mut roots) = (None, HashSet::new());
    let (mut selected, mut of_other_system) = (0_u64, 0_u64);
    let goes_back = options.target.is_none();
    let mut missing = options.selection.missing();
    let mut missing_lists = Vec::new();
    read_entries(reader, dlist, |entry| {
        session.check_cancelled()?;
        let is_folder = entry.kind == EntryKind::Folder;
        if goes_back
            && is_folder
            && !folders_around(&entry.path).any(|folder| roots.contains(folder))
        {
            roots.insert(entry.path.clone());
        }
        if !options.selection.contains(&entry.path) {
            return Ok(());
        }
        missing.see(&entry.path);
        selected += 1;
        of_other_system += u64::from(goes_back && is_of_other_system(&entry.path));
        let folder = options.selection.parent_of(&entry.path);
        shorten_common(&mut common, folder.unwrap_or(own_folder(&entry)));
        for stream in entry.content.iter().chain(&entry.metadata) {
            note_missing_lists(stream, &format, index, &mut missing_lists)?;
        }
        Ok(())
    })?;
    if selected == 0 {
        return Err(Error::NothingMatches);
    }
    for asked in missing.left() {
        session.monitor().problem(Problem {
            subject: asked.to_owned(),
            kind: ProblemKind::NotInVersion,
        });
    }
    if of_other_system == selected {
        return Err(Error::OtherSystem {
            is_windows: !cfg!(windows),
        });
    }
    let mapping = mapping(options, common, roots)?;
    Ok(Survey {
        mapping,
        missing_lists,
    })
}

fn mapping(
    options: &RestoreOptions,
    common: Option<String>,
    roots: HashSet<String>,
) -> Result<Mapping> {
    let Some(folder) = &options.target else {
        return Ok(Mapping::Original { roots });
    };
    let folder = std::path::absolute(expand_path(folder))
        .map_err(|source| Error::io("find", folder, source))?;
    Ok(Mapping::Into {
        folder,
        common: common.unwrap_or_default(),
    })
}

/// The folder that an entry is, or is in.
fn own_folder(entry: &FilelistEntry) -> &str {
    match entry.kind {
        EntryKind::Folder => &entry.path,
        EntryKind::File | EntryKind::Symlink => &entry.path[..folder_len(&entry.path)],
    }
}

/// Fills the placer's plan with what is selected.
pub(super) fn build(
    session: &Session,
    reader: &mut DlistReader,
    dlist: &ListedVolume,
    index: &Index,
    placer: &mut Placer<'_>,
) -> Result<()> {
    let format = reader.format().clone();
    let plan = placer.plan();
    plan.transaction(|plan| {
        read_entries(reader, dlist, |entry| {
            session.check_cancelled()?;
            if !placer.options().selection.contains(&entry.path) {
                return Ok(());
            }
            let Some(id) = placer.add(&entry)? else {
                return Ok(());
            };
            add_blocks(plan, index, &format, id, &entry)
        })
    })?;
    placer.end_of_plan();
    Ok(())
}

fn add_blocks(
    plan: &RestorePlan,
    index: &Index,
    format: &Format,
    planned: PlannedEntry,
    entry: &FilelistEntry,
) -> Result<()> {
    if let Some((metadata, stream)) = planned.new_metadata.zip(entry.metadata.as_ref()) {
        add_stream(plan, index, format, stream, |offset| Use::Metadata {
            metadata,
            offset,
        })?;
    }
    if let Some(stream) = entry.content.as_ref().filter(|_| planned.with_content) {
        let entry = planned.entry;
        add_stream(plan, index, format, stream, |offset| Use::File {
            entry,
            offset,
        })?;
    }
    Ok(())
}

fn add_stream(
    plan: &RestorePlan,
    index: &Index,
    format: &Format,
    stream: &StreamRef,
    place: impl Fn(u64) -> Use,
) -> Result<()> {
    match &stream.parts {
        Parts::Empty => Ok(()),
        Parts::Block(block) => Ok(plan.add_use(block.as_bytes(), stream.size, place(0))?),
        Parts::Blocklists(lists) => {
            for (position, list) in lists.iter().enumerate() {
                let first = position as u64 * format.hashes_per_blocklist();
                let hashes = index
                    .blocklist(list.as_bytes())?
                    .and_then(|data| split_blocklist(&data, format).ok())
                    .filter(|hashes| {
                        let len = hashes.len() as u64 * format.block_hash().output_len() as u64;
                        len == list_len(position, stream.size, format)
                    });
                let Some(hashes) = hashes else {
                    // This list is missing: a block that no volume has stands for it, and is missing at the end.
                    plan.add_use(
                        list.as_bytes(),
                        u64::MAX >> 1,
                        place(first * format.block_size()),
                    )?;
                    continue;
                };
                for (number, hash) in (first..).zip(hashes) {
                    let size = block_len(number, stream.size, format);
                    plan.add_use(hash.as_bytes(), size, place(number * format.block_size()))?;
                }
            }
            Ok(())
        }
    }
}
