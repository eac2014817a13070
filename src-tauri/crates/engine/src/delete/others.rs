//! Versions of other computers that back up other files into the same folder.

use coffer_database::Index;
use jiff::Timestamp;

use crate::error::Result;
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::source::is_inside;
use crate::store::{Cache, Listed, ListedVolume, OTHERS};
use crate::versions::read_version;

/// In no path.
const SEPARATOR: char = '\0';
/// Nobody backs up more; a list that was made to do harm may.
const MOST_SOURCES: usize = 1000;

/// Takes versions out of `times` that are the newest ones of some sources: a rule of this computer must not cost another
/// one, whose versions it counts with its own, the last that it has.
pub(super) fn spare(
    session: &Session,
    cache: &Cache,
    index: &Index,
    listed: &Listed,
    times: &mut Vec<Timestamp>,
) -> Result<()> {
    if times.is_empty() || index.meta(OTHERS)?.is_none() {
        return Ok(());
    }
    let goes = |dlist: &&ListedVolume| dlist.name.time().is_some_and(|time| times.contains(&time));
    let (going, left): (Vec<_>, Vec<_>) = listed.dlists.iter().rev().partition(goes);
    let mut covered = Vec::new();
    for dlist in left {
        covered.extend(sources_of(session, cache, index, dlist)?);
    }
    let mut spared = Vec::new();
    for dlist in going {
        let sources = sources_of(session, cache, index, dlist)?;
        let is_covered = |source: &String| covered.iter().any(|other| is_inside(source, other));
        if !sources.iter().all(is_covered) {
            covered.extend(sources);
            spared.extend(dlist.name.time());
        }
    }
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

/// The topmost paths of a version. Its dlist is read once.
fn sources_of(
    session: &Session,
    cache: &Cache,
    index: &Index,
    dlist: &ListedVolume,
) -> Result<Vec<String>> {
    let key = format!("sources of {}", dlist.name.as_str());
    if let Some(noted) = index.meta(&key)? {
        return Ok(noted.split(SEPARATOR).map(str::to_owned).collect());
    }
    let mut tops: Vec<String> = Vec::new();
    let read = read_version(session, dlist, &cache.spool(), |entry| {
        if tops.len() < MOST_SOURCES && !tops.iter().any(|top| is_inside(&entry.path, top)) {
            tops.retain(|top| !is_inside(top, &entry.path));
            tops.push(entry.path);
        }
        Ok(())
    });
    if let Err(error) = read {
        session.tell_unusable(dlist.name.as_str(), error)?;
        return Ok(Vec::new());
    }
    index.set_meta(&key, &tops.join(&SEPARATOR.to_string()))?;
    Ok(tops)
}
