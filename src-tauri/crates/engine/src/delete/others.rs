//! Versions of other computers that back up other files into the same folder.

use coffer_database::Index;
use jiff::Timestamp;

use crate::error::Result;
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::source_list::SourceList;
use crate::store::{Cache, Listed, ListedVolume, Others};
use crate::versions::read_version;

/// Takes versions out of `times` that are the newest ones of some sources: a rule of this computer must not cost another
/// one, whose versions it counts with its own, the last that it has.
pub(super) fn spare(
    session: &Session,
    cache: &Cache,
    index: &Index,
    listed: &Listed,
    times: &mut Vec<Timestamp>,
) -> Result<()> {
    let reader = Reader {
        session,
        cache,
        index,
    };
    if times.is_empty() || Others::noted(index)? == Others::None {
        return Ok(());
    }
    let goes = |dlist: &&ListedVolume| dlist.name.time().is_some_and(|time| times.contains(&time));
    let (going, left): (Vec<_>, Vec<_>) = listed.dlists.iter().rev().partition(goes);
    let mut covered = SourceList::default();
    for dlist in left {
        covered.extend(reader.sources_of(dlist)?);
    }
    let mut spared = Vec::new();
    for dlist in going {
        let sources = reader.sources_of(dlist)?;
        if covered.lacks_some_of(&sources) {
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

/// Notes the sources of a version that was made now, so that its dlist need not be read for them.
pub(crate) fn note_sources(
    index: &Index,
    dlist: &ListedVolume,
    sources: &SourceList,
) -> Result<()> {
    sources.note(index, &key_of(dlist))
}

/// Under which the index has the sources of a version.
fn key_of(dlist: &ListedVolume) -> String {
    format!("sources of {}", dlist.name.as_str())
}

struct Reader<'a> {
    session: &'a Session,
    cache: &'a Cache,
    index: &'a Index,
}

impl Reader<'_> {
    /// The topmost paths of a version. Its dlist is read once.
    fn sources_of(&self, dlist: &ListedVolume) -> Result<SourceList> {
        let key = key_of(dlist);
        if let Some(noted) = SourceList::noted(self.index, &key)? {
            return Ok(noted);
        }
        let mut tops = SourceList::default();
        let read = read_version(self.session, dlist, &self.cache.spool(), |entry| {
            tops.add(entry.path);
            Ok(())
        });
        match read {
            Ok(()) => tops.note(self.index, &key)?,
            Err(error) => {
                self.session.tell_unusable(dlist.name.as_str(), error)?;
                return Ok(SourceList::default());
            }
        }
        Ok(tops)
    }
}
