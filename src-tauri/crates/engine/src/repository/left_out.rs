//! What the newest version lacks because its run had other sources.

use crate::error::Result;
use crate::repository::contents::Contents;
use crate::repository::dlist::read_version;
use crate::repository::listing::Listing;
use crate::repository::makers::{Makers, Origin};
use crate::repository::open::Repository;
use crate::repository::rows::entry_row;
use crate::repository::source_list::SourceList;
use crate::repository::volumes::ListedVolume;

/// Versions that are read to find out what they are of, which this computer knows unless its index was lost.
const MOST_READ: usize = 50;

/// Adds to the version that the next run compares with what it lacks of `sources`, as the newest own version has it that has
/// them: only there is to be seen what of these was backed up and is away now.
pub(super) fn add_left_out(
    repository: Repository<'_>,
    listed: &Listing,
    sources: &SourceList,
) -> Result<()> {
    let index = repository.index;
    let Some(base) = index.filesets()?.last().copied() else {
        return Ok(());
    };
    let is_base = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| time.as_second() == base.time)
    };
    let contents = match listed.dlists.iter().find(is_base) {
        Some(dlist) => Contents::noted(index, dlist)?,
        None => None,
    };
    // An earlier Coffer did not note them, and compared with the newest version alone.
    let Some(Contents { all: mut there, .. }) = contents else {
        return Ok(());
    };
    // An index that remembers nothing does not know which are its own, either.
    let remembers = SourceList::of_run_before(index)?.is_some();
    let mut reads = 0;
    for dlist in listed.dlists.iter().rev() {
        if !there.lacks_some_of(sources) {
            break;
        }
        let may_be_own = match Makers::noted(index)?.of(dlist) {
            Origin::Own => true,
            Origin::Unknown => !remembers,
            Origin::Others | Origin::Adopted => false,
        };
        if !may_be_own || is_base(&dlist) {
            continue;
        }
        reads += usize::from(Contents::noted(index, dlist)?.is_none());
        if reads > MOST_READ {
            break;
        }
        let Some(Contents { all, .. }) = Contents::of(repository, dlist)? else {
            continue;
        };
        if Makers::noted(index)?.of(dlist) != Origin::Own {
            continue;
        }
        if all.has_more_of(sources, &there)
            && !add_from(repository, dlist, base.id, |path| {
                sources.has(path) && !there.has(path)
            })?
        {
            continue;
        }
        there.extend(all);
    }
    Ok(())
}

/// Adds what a version has of the paths that are wanted to the one in the index. False when it cannot be read, which is reported.
fn add_from(
    repository: Repository<'_>,
    dlist: &ListedVolume,
    base: i64,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<bool> {
    let Repository {
        session,
        index,
        spool,
        ..
    } = repository;
    // Whether all that it needs is there is unknown yet.
    index.set_may_be_damaged(true)?;
    let read = index.transaction(|index| {
        read_version(session, dlist, spool, |entry| {
            if !is_wanted(&entry.path) {
                return Ok(());
            }
            let row = entry_row(entry);
            Ok(row.map_or(Ok(()), |row| index.insert_entry(base, &row))?)
        })
    });
    match read {
        Ok(()) => Ok(true),
        Err(error) => {
            session.report_unusable(dlist.name.as_str(), error)?;
            Ok(false)
        }
    }
}
