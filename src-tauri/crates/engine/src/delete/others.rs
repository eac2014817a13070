//! Versions of other computers that back up other files into the same folder.

use std::collections::HashSet;

use coffer_database::Index;
use jiff::Timestamp;

use crate::error::Result;
use crate::monitor::{Problem, ProblemKind};
use crate::session::Session;
use crate::source_list::{SourceList, Tops};
use crate::store::{Cache, Listed, ListedVolume, Others};
use crate::versions::read_version;

/// Takes versions out of `times` that are the newest ones of some sources: a rule of this computer must not cost another
/// one, whose versions it counts with its own, the last that it has. Where others are known to work, theirs and its own do not
/// stand for each other, because they may have the same paths.
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
    let others = Others::noted(index)?;
    if times.is_empty() || others == Others::None {
        return Ok(());
    }
    let own: HashSet<i64> = match others {
        Others::Work => index.filesets()?.iter().map(|own| own.time).collect(),
        _ => HashSet::new(),
    };
    let is_own = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| own.contains(&time.as_second()))
    };
    let newest_first = listed.dlists.iter().rev();
    let (own, others): (Vec<_>, Vec<_>) = newest_first.partition(is_own);
    let mut spared = reader.newest_of_their_sources(&own, times)?;
    spared.extend(reader.newest_of_their_sources(&others, times)?);
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
    /// Of those of `dlists`, newest first, that are to go: the ones with sources that none has that stays.
    fn newest_of_their_sources(
        &self,
        dlists: &[&ListedVolume],
        times: &[Timestamp],
    ) -> Result<Vec<Timestamp>> {
        let goes = |dlist: &&ListedVolume| {
            let time = dlist.name.time();
            time.is_some_and(|time| times.contains(&time))
        };
        let (going, left): (Vec<&ListedVolume>, Vec<_>) =
            dlists.iter().partition(|dlist| goes(dlist));
        let mut covered = SourceList::default();
        for dlist in left {
            covered.extend(self.sources_of(dlist)?);
        }
        let mut newest = Vec::new();
        for dlist in going {
            let sources = self.sources_of(dlist)?;
            if covered.lacks_some_of(&sources) {
                covered.extend(sources);
                newest.extend(dlist.name.time());
            }
        }
        Ok(newest)
    }

    /// The topmost paths of a version. Its dlist is read once.
    fn sources_of(&self, dlist: &ListedVolume) -> Result<SourceList> {
        let key = key_of(dlist);
        if let Some(noted) = SourceList::noted(self.index, &key)? {
            return Ok(noted);
        }
        let mut tops = Tops::default();
        let read = read_version(self.session, dlist, &self.cache.spool(), |entry| {
            tops.add(entry);
            Ok(())
        });
        if let Err(error) = read {
            self.session.tell_unusable(dlist.name.as_str(), error)?;
            return Ok(SourceList::default());
        }
        let sources = tops.into_sources();
        sources.note(self.index, &key)?;
        Ok(sources)
    }
}
