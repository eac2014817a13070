//! Which versions this computer made, and which others did. Those of others are left to their own rules.

use std::collections::HashSet;

use coffer_database::Index;
use coffer_volume::dlist::DlistReader;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::repository::local_facts::{ADOPTED_VERSIONS, OTHERS_VERSIONS, OWN_VERSIONS, SOURCES};
use crate::repository::store::Store;
use crate::repository::volumes::ListedVolume;

/// Whose a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This computer made it.
    Own,
    /// Another one did, or this one before it was set up again.
    Others,
    /// So it was, and a person said that it counts as this computer's.
    Adopted,
    /// Another program made it, or it was not looked at.
    Unknown,
}

/// Versions by their time, in seconds since 1970.
pub(crate) struct Makers<'i> {
    index: &'i Index,
    own: HashSet<i64>,
    others: HashSet<i64>,
    adopted: HashSet<i64>,
}

impl<'i> Makers<'i> {
    pub(crate) fn noted(index: &'i Index) -> Result<Self> {
        let times = |key| {
            let noted = index.meta(key)?;
            Ok::<_, Error>(noted.map_or_else(HashSet::new, |noted| times_in(&noted)))
        };
        Ok(Self {
            index,
            others: times(OTHERS_VERSIONS)?,
            adopted: times(ADOPTED_VERSIONS)?,
            own: match index.meta(OWN_VERSIONS)? {
                Some(noted) => times_in(&noted),
                // An index that an earlier Coffer made.
                None if index.meta(SOURCES)?.is_some() => {
                    index.filesets()?.iter().map(|known| known.time).collect()
                }
                None => HashSet::new(),
            },
        })
    }

    pub(crate) fn of(&self, dlist: &ListedVolume) -> Origin {
        dlist
            .name
            .time()
            .map_or(Origin::Unknown, |time| self.origin(time))
    }

    pub(crate) fn origin(&self, time: Timestamp) -> Origin {
        let time = time.as_second();
        if self.own.contains(&time) {
            Origin::Own
        } else if self.adopted.contains(&time) {
            Origin::Adopted
        } else if self.others.contains(&time) {
            Origin::Others
        } else {
            Origin::Unknown
        }
    }

    /// The newest version that this computer made, whether or not it is there.
    pub(crate) fn newest_own(&self) -> Option<i64> {
        self.own.iter().max().copied()
    }

    pub(crate) fn add_own(&mut self, time: Timestamp) -> Result<()> {
        self.own.insert(time.as_second());
        self.note()
    }

    /// Takes over those that are not this computer's. Says whether there were any.
    pub(crate) fn adopt(&mut self, times: impl IntoIterator<Item = Timestamp>) -> Result<bool> {
        let before = self.adopted.len();
        let times = times.into_iter().map(Timestamp::as_second);
        let foreign: Vec<_> = times.filter(|time| !self.own.contains(time)).collect();
        self.adopted.extend(foreign);
        self.note()?;
        Ok(self.adopted.len() > before)
    }

    pub(crate) fn add_others(&mut self, time: Timestamp) -> Result<()> {
        self.others.insert(time.as_second());
        self.note()
    }

    /// Takes over whose version it is, as its dlist says.
    pub(crate) fn learn(
        &mut self,
        store: &Store,
        dlist: &ListedVolume,
        reader: &DlistReader,
    ) -> Result<Origin> {
        let known = self.of(dlist);
        if let (Origin::Unknown, Some(time), Some(maker)) =
            (known, dlist.name.time(), reader.maker())
        {
            // Where this computer has no mark, every mark is another's.
            if store.maker() == Some(maker) {
                self.add_own(time)?;
            } else {
                self.add_others(time)?;
            }
        }
        Ok(self.of(dlist))
    }

    /// A rewritten version is whose it was.
    pub(crate) fn pass_on(&mut self, from: Timestamp, to: Timestamp) -> Result<()> {
        match self.origin(from) {
            Origin::Own => self.add_own(to),
            Origin::Others => self.add_others(to),
            Origin::Adopted => self.adopt([to]).map(drop),
            Origin::Unknown => Ok(()),
        }
    }

    fn note(&self) -> Result<()> {
        for (key, times) in [
            (OWN_VERSIONS, &self.own),
            (OTHERS_VERSIONS, &self.others),
            (ADOPTED_VERSIONS, &self.adopted),
        ] {
            self.index.set_meta(key, &text_of(times))?;
        }
        Ok(())
    }
}

fn times_in(noted: &str) -> HashSet<i64> {
    let times = noted.split(' ');
    times.filter_map(|time| time.parse().ok()).collect()
}

fn text_of(times: &HashSet<i64>) -> String {
    let times: Vec<_> = times.iter().map(i64::to_string).collect();
    times.join(" ")
}
