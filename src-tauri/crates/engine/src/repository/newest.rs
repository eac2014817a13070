//! The version in the index that the next backup compares with: the newest one of this computer.

use std::path::Path;

use coffer_database::Index;
use coffer_volume::dlist::Completeness;
use coffer_volume::{Hash, VolumeName};

use crate::error::{Error, Result};
use crate::repository::contents::Contents;
use crate::repository::digest::digest;
use crate::repository::dlist::{open_dlist, read_entries};
use crate::repository::left_out::add_left_out;
use crate::repository::listing::Listing;
use crate::repository::makers::{Makers, Origin};
use crate::repository::open::Repository;
use crate::repository::rows::entry_row;
use crate::repository::source_list::{SourceList, Tops};
use crate::repository::volumes::ListedVolume;

/// Versions that do not say who made them, of which one may have the sources.
const MOST_TRIED: usize = 10;

/// Sees to it that the newest version in the index is one that `sources` can be compared with.
///
/// That is the newest one that this computer made, whatever others have added since: only there is to be seen what of these
/// sources was backed up and is away now. Where the index does not have it, its dlist is read. Where the index knows of none,
/// it is the newest one that says that this computer made it, or names no computer and has some of the sources; what others say
/// of a file of this name is not believed. One that cannot be read is reported and passed over. When there is none, the index has
/// no version afterwards.
///
/// # Errors
/// Those of the destination.
pub(crate) fn load_newest_version(
    repository: Repository<'_>,
    listed: &Listing,
    sources: &SourceList,
) -> Result<()> {
    let Repository { index, .. } = repository;
    take_up_staged(repository, listed)?;
    let times: Vec<i64> = listed
        .times()
        .into_iter()
        .map(|time| time.as_second())
        .collect();
    let loaded = index.filesets()?;
    if let Some(newest) = loaded.last() {
        look_at_newer(repository, listed, newest.time)?;
    }
    let makers = Makers::noted(index)?;
    let is_own = |dlist: &&ListedVolume| makers.of(dlist) == Origin::Own;
    let (own, mut others): (Vec<_>, Vec<_>) = listed.dlists.iter().rev().partition(is_own);
    others.retain(|dlist| makers.of(dlist) == Origin::Unknown);
    let newest = loaded.last().map(|fileset| fileset.time);
    let newest_own = own.first().and_then(|dlist| dlist.name.time());
    if newest.is_some_and(|newest| times.contains(&newest))
        && newest_own.is_none_or(|own| newest == Some(own.as_second()))
        && (SourceList::of_run_before(index)?.is_some() || sources.has_some_in(index)?)
    {
        let gone = loaded.iter().map(|fileset| fileset.time);
        let gone: Vec<_> = gone.filter(|time| !times.contains(time)).collect();
        index.forget_versions(&gone)?;
        return add_left_out(repository, listed, sources);
    }
    // Whether all that it needs is there is unknown yet.
    index.set_may_be_damaged(true)?;
    // One that is gone may be there under a name that another computer gave it.
    let is_newer = |dlist: &&ListedVolume| dlist.name.time() > newest_own;
    let renamed: Vec<_> = match makers.newest_own() {
        Some(newest) if !times.contains(&newest) => {
            others.iter().copied().filter(is_newer).collect()
        }
        _ => Vec::new(),
    };
    for dlist in renamed.into_iter().chain(own) {
        if load(repository, dlist)? == Some(Origin::Own) {
            return add_left_out(repository, listed, sources);
        }
    }
    if load_by_sources(repository, others, sources)? == Some(Origin::Own) {
        return add_left_out(repository, listed, sources);
    }
    Ok(())
}

/// Loads the newest of these that is own after all, or that names no computer and has some of the sources, and returns which of
/// the two it is. When there is none, the index has no version afterwards.
fn load_by_sources(
    repository: Repository<'_>,
    dlists: Vec<&ListedVolume>,
    sources: &SourceList,
) -> Result<Option<Origin>> {
    let index = repository.index;
    let mut tried = 0;
    for dlist in dlists {
        match load(repository, dlist)? {
            Some(Origin::Own) => return Ok(Some(Origin::Own)),
            Some(Origin::Unknown) if sources.is_empty() || sources.has_some_in(index)? => {
                return Ok(Some(Origin::Unknown));
            }
            Some(Origin::Unknown) | None => tried += 1,
            Some(Origin::Others | Origin::Adopted) => {}
        }
        if tried == MOST_TRIED {
            break;
        }
    }
    index.clear_filesets()?;
    Ok(None)
}

/// Finds out whose versions are newer than the one in the index. A purge that was cut off leaves one of this computer's that
/// the index does not know; where the sources still have what was purged, the next version is to have it again.
fn look_at_newer(repository: Repository<'_>, listed: &Listing, loaded: i64) -> Result<()> {
    let is_newer = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| time.as_second() > loaded)
    };
    let newer = listed.dlists.iter().rev().take_while(is_newer);
    for dlist in newer.take(MOST_TRIED) {
        if Makers::noted(repository.index)?.of(dlist) == Origin::Unknown {
            // Looked into once: what it is of is noted.
            Contents::of(repository, dlist)?;
        }
    }
    Ok(())
}

/// The version that is staged in the index, as it will be at the destination.
pub(crate) struct StagedAs<'n> {
    dlist: &'n str,
    /// Of the dlist's file.
    hash: String,
}

impl<'n> StagedAs<'n> {
    pub(crate) fn new(dlist: &'n VolumeName, hash: &Hash) -> Self {
        let (dlist, hash) = (dlist.as_str(), hash.to_base64());
        Self { dlist, hash }
    }

    /// Before it goes up: a run that is killed then left a version of its own.
    pub(crate) fn note(&self, index: &Index) -> Result<()> {
        let Self { dlist, hash } = self;
        Ok(index.note_staged_as(&format!("{dlist} {hash}"))?)
    }
}

/// When a run was killed after its version arrived, it is the newest one in the index from now on.
fn take_up_staged(repository: Repository<'_>, listed: &Listing) -> Result<()> {
    let Repository {
        session,
        index,
        format,
        spool,
    } = repository;
    let Some(noted) = index.staged_as()? else {
        return Ok(());
    };
    let noted = noted.split_once(' ').unwrap_or_default();
    let arrived = listed
        .dlists
        .iter()
        .find(|dlist| dlist.name.as_str() == noted.0);
    let Some((dlist, time)) = arrived.and_then(|dlist| Some((dlist, dlist.name.time()?))) else {
        return Ok(());
    };
    let fetched = session.fetch(dlist.name.as_str(), spool);
    match fetched.and_then(|path| digest(&path, format)) {
        // Another computer may have the name.
        Ok(found) if found.hash.to_base64() == noted.1 => {
            index.set_may_be_damaged(true)?;
            Makers::noted(index)?.add_own(time)?;
            index.commit_staged(time.as_second())?;
            Ok(index.set_completeness(time.as_second(), true)?)
        }
        Ok(_) => Ok(()),
        Err(error) => session.report_unusable(dlist.name.as_str(), error),
    }
}

/// Makes it the only version in the index, unless it is another computer's. `None` when it cannot be read, which is reported.
fn load(repository: Repository<'_>, dlist: &ListedVolume) -> Result<Option<Origin>> {
    let Repository {
        session,
        index,
        spool,
        ..
    } = repository;
    index.clear_filesets()?;
    let loaded = session
        .fetch(dlist.name.as_str(), spool)
        .and_then(|path| insert(repository, dlist, &path));
    match loaded {
        Ok(origin) => Ok(Some(origin)),
        // The one before serves as well, it only makes more look changed.
        Err(error) => session
            .report_unusable(dlist.name.as_str(), error)
            .map(|()| None),
    }
}

fn insert(repository: Repository<'_>, dlist: &ListedVolume, path: &Path) -> Result<Origin> {
    let Repository { session, index, .. } = repository;
    let mut reader = open_dlist(session, dlist, path)?;
    let origin = Makers::noted(index)?.learn(session.store(), dlist, &reader)?;
    if origin == Origin::Others {
        return Ok(origin);
    }
    let completeness = reader
        .completeness()
        .map_err(|source| Error::volume(dlist.name.as_str(), source))?;
    let mut tops = Tops::default();
    index.transaction(|index| {
        let time = dlist.name.time().map_or(0, |time| time.as_second());
        index.set_completeness(time, completeness == Completeness::Full)?;
        let fileset = index.add_fileset(time)?;
        read_entries(&mut reader, dlist, |entry| {
            session.check_cancelled()?;
            tops.add(&entry);
            if let Some(row) = entry_row(entry) {
                index.insert_entry(fileset, &row)?;
            }
            Ok(())
        })
    })?;
    Contents::from(tops).note(index, dlist)?;
    Ok(origin)
}
