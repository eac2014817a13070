//! The newest version in the index: what the next backup compares with.

use std::path::Path;

use coffer_database::Index;
use coffer_volume::dlist::Completeness;

use super::Listed;
use super::listing::ListedVolume;
use super::rows::entry_row;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::versions::{open_dlist, read_entries};

/// Makes the index's newest version that of the destination, by reading its dlist when it is another. A dlist that cannot
/// be read is told, and the one before it taken.
///
/// # Errors
/// Those of the destination.
pub(crate) fn load_newest_version(
    session: &Session,
    index: &Index,
    listed: &Listed,
    spool: &Path,
) -> Result<()> {
    let times: Vec<i64> = listed
        .times()
        .into_iter()
        .map(|time| time.as_second())
        .collect();
    let loaded = index.filesets()?;
    if loaded.last().map(|fileset| fileset.time) == times.last().copied() {
        let gone = loaded.iter().map(|fileset| fileset.time);
        let gone: Vec<_> = gone.filter(|time| !times.contains(time)).collect();
        return Ok(index.forget_versions(&gone)?);
    }
    // Nobody knows yet whether all that it needs is there.
    index.set_may_be_damaged(true)?;
    if overlay(session, index, listed, spool)? {
        return Ok(());
    }
    index.clear_filesets()?;
    for dlist in listed.dlists.iter().rev() {
        let loaded = session
            .fetch(dlist.name.as_str(), spool)
            .and_then(|path| load(session, index, dlist, &path));
        let Err(error) = loaded else {
            return Ok(());
        };
        // The one before serves as well, it only makes more look changed.
        session.tell_unusable(dlist.name.as_str(), error)?;
    }
    Ok(())
}

/// Adds versions that others made after those that are loaded. False when that is not how things stand, or one of them
/// cannot be read.
fn overlay(session: &Session, index: &Index, listed: &Listed, spool: &Path) -> Result<bool> {
    let loaded = index.filesets()?;
    let Some(last) = loaded.last().map(|fileset| fileset.time) else {
        return Ok(false);
    };
    let time_of = |dlist: &ListedVolume| dlist.name.time().map_or(0, |time| time.as_second());
    if listed.dlists.iter().all(|dlist| time_of(dlist) != last) {
        return Ok(false);
    }
    for dlist in listed.dlists.iter().filter(|dlist| time_of(dlist) > last) {
        let added = session.fetch(dlist.name.as_str(), spool).and_then(|path| {
            let mut reader = open_dlist(session, dlist, &path)?;
            let completeness = reader
                .completeness()
                .map_err(|source| Error::volume(dlist.name.as_str(), source))?;
            index.begin_overlay()?;
            index.transaction(|index| {
                read_entries(&mut reader, dlist, |entry| {
                    session.check_cancelled()?;
                    match entry_row(entry) {
                        Some(row) => Ok(index.overlay(&row)?),
                        None => Ok(()),
                    }
                })
            })?;
            let time = time_of(dlist);
            index.end_overlay(time)?;
            Ok(index.set_completeness(time, completeness == Completeness::Full)?)
        });
        match added {
            Ok(()) => {}
            Err(error @ (Error::Database(_) | Error::Cancelled)) => return Err(error),
            // It is told when all is read anew.
            Err(_) => return Ok(false),
        }
    }
    let times: Vec<i64> = listed.dlists.iter().map(time_of).collect();
    let gone = loaded.iter().map(|fileset| fileset.time);
    let gone: Vec<_> = gone.filter(|time| !times.contains(time)).collect();
    index.forget_versions(&gone)?;
    Ok(true)
}

fn load(session: &Session, index: &Index, newest: &ListedVolume, path: &Path) -> Result<()> {
    let mut reader = open_dlist(session, newest, path)?;
    let completeness = reader
        .completeness()
        .map_err(|source| Error::volume(newest.name.as_str(), source))?;
    index.transaction(|index| {
        let time = newest.name.time().map_or(0, |time| time.as_second());
        index.set_completeness(time, completeness == Completeness::Full)?;
        let fileset = index.add_fileset(time)?;
        read_entries(&mut reader, newest, |entry| {
            session.check_cancelled()?;
            if let Some(row) = entry_row(entry) {
                index.insert_entry(fileset, &row)?;
            }
            Ok(())
        })
    })
}
