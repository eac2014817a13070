//! Versions that may be those of other computers, which back up other files into the same folder: those that do not say who
//! made them, and those that were taken over.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::repository::contents::Contents;
use crate::repository::listing::Listing;
use crate::repository::local_facts::Others;
use crate::repository::makers::{Makers, Origin};
use crate::repository::open::Repository;
use crate::repository::source_list::SourceList;
use crate::repository::volumes::ListedVolume;

/// Takes versions out of `times` that are the newest ones of some sources: a rule of this computer must not cost another one
/// the last version that it has, nor this one what is on a disk that is away since the version was taken over.
pub(super) fn spare(
    repository: Repository<'_>,
    listed: &Listing,
    times: &mut Vec<Timestamp>,
) -> Result<()> {
    let Repository { session, index, .. } = repository;
    let makers = Makers::noted(index)?;
    let nobody_knows = Others::noted(index)? == Others::Unknown;
    let in_question = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        let may_be_others = match makers.of(dlist) {
            Origin::Adopted => true,
            Origin::Unknown => nobody_knows,
            Origin::Own | Origin::Others => false,
        };
        may_be_others && time.is_some_and(|time| times.contains(&time))
    };
    let stays = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| !times.contains(&time)) && makers.of(dlist) != Origin::Others
    };
    let newest_first = || listed.dlists.iter().rev();
    let going: Vec<_> = newest_first().filter(in_question).collect();
    if going.is_empty() {
        return Ok(());
    }
    let left: Vec<_> = newest_first().filter(stays).collect();
    let spared = uncovered(repository, left, going)?;
    if spared.is_empty() {
        return Ok(());
    }
    times.retain(|time| !spared.contains(time));
    session.monitor().problem(Problem {
        subject: session.label(),
        kind: ProblemKind::OthersKept {
            versions: spared.len() as u64,
        },
    });
    Ok(())
}

/// Times of those of `going`, newest first, that are the newest of some sources, `left` being what stays in any case.
fn uncovered(
    repository: Repository<'_>,
    left: Vec<&ListedVolume>,
    going: Vec<&ListedVolume>,
) -> Result<Vec<Timestamp>> {
    let sources_of = |dlist: &ListedVolume| {
        let contents = Contents::of(repository, dlist)?;
        Ok::<_, Error>(contents.map(|contents| contents.full))
    };
    let mut covered = SourceList::default();
    for dlist in left {
        covered.extend(sources_of(dlist)?.unwrap_or_default());
    }
    let mut spared = Vec::new();
    for dlist in going {
        let sources = sources_of(dlist)?;
        // What one that cannot be read is worth is unknown.
        let is_covered = sources
            .as_ref()
            .is_some_and(|sources| !covered.lacks_some_of(sources));
        if !is_covered {
            covered.extend(sources.unwrap_or_default());
            spared.extend(dlist.name.time());
        }
    }
    Ok(spared)
}
