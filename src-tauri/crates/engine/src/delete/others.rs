//! Versions that do not say who made them, where other computers may back up other files into the same folder.

use coffer_database::Index;
use jiff::Timestamp;

use crate::error::Result;
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::source_list::{SourceList, Tops};
use crate::store::{Cache, Listed, ListedVolume, Makers, Origin, Others};
use crate::versions::read_version;

/// Takes versions out of `times` that are the newest ones of some sources: as long as nobody knows whether others work here, a
/// rule of this computer must not cost another one the last version that it has.
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
    if times.is_empty() || Others::noted(index)? != Others::Unknown {
        return Ok(());
    }
    let makers = Makers::noted(index)?;
    let in_question = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| times.contains(&time)) && makers.of(dlist) != Origin::Own
    };
    let stays = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| !times.contains(&time)) && makers.of(dlist) != Origin::Others
    };
    let newest_first = || listed.dlists.iter().rev();
    let going: Vec<_> = newest_first().filter(in_question).collect();
    let left: Vec<_> = newest_first().filter(stays).collect();
    let mut covered = SourceList::default();
    for dlist in left {
        covered.extend(reader.sources_of(dlist)?.unwrap_or_default());
    }
    let mut spared = Vec::new();
    for dlist in going {
        let sources = reader.sources_of(dlist)?;
        // Of one that cannot be read nobody knows what it is worth.
        let is_covered = sources
            .as_ref()
            .is_some_and(|sources| !covered.lacks_some_of(sources));
        if !is_covered {
            covered.extend(sources.unwrap_or_default());
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
    format!("content of {}", dlist.name.as_str())
}

struct Reader<'a> {
    session: &'a Session,
    cache: &'a Cache,
    index: &'a Index,
}

impl Reader<'_> {
    /// The topmost paths of a version, `None` of one that cannot be read, which is told. Its dlist is read once.
    fn sources_of(&self, dlist: &ListedVolume) -> Result<Option<SourceList>> {
        let key = key_of(dlist);
        if let Some(noted) = SourceList::noted(self.index, &key)? {
            return Ok(Some(noted));
        }
        let mut tops = Tops::default();
        let read = read_version(self.session, dlist, &self.cache.spool(), |entry| {
            tops.add(entry);
            Ok(())
        });
        if let Err(error) = read {
            self.session.tell_unusable(dlist.name.as_str(), error)?;
            return Ok(None);
        }
        let sources = tops.into_sources();
        sources.note(self.index, &key)?;
        Ok(Some(sources))
    }
}
