//! Which versions this computer made, and which others did. Those of others are left to their own rules.

use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

use coffer_database::Index;
use coffer_volume::Maker;
use coffer_volume::dlist::DlistReader;
use jiff::Timestamp;

use super::kept::{OTHERS_VERSIONS, OWN_VERSIONS};
use super::{ListedVolume, Store};
use crate::error::Result;

/// Whose a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This computer made it.
    Own,
    /// Another one did, or this one before it was set up anew.
    Others,
    /// Another program made it, or nobody looked.
    Unknown,
}

/// Versions by their time, in seconds since 1970.
pub(crate) struct Makers<'i> {
    index: &'i Index,
    own: HashSet<i64>,
    others: HashSet<i64>,
}

impl<'i> Makers<'i> {
    pub(crate) fn noted(index: &'i Index) -> Result<Self> {
        let others = index.meta(OTHERS_VERSIONS)?;
        Ok(Self {
            index,
            own: match index.meta(OWN_VERSIONS)? {
                Some(noted) => times_in(&noted),
                // An index that an earlier Coffer made.
                None if index.meta(super::SOURCES)?.is_some() => {
                    index.filesets()?.iter().map(|known| known.time).collect()
                }
                None => HashSet::new(),
            },
            others: others.map_or_else(HashSet::new, |noted| times_in(&noted)),
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
        } else if self.others.contains(&time) {
            Origin::Others
        } else {
            Origin::Unknown
        }
    }

    pub(crate) fn add_own(&mut self, times: impl IntoIterator<Item = Timestamp>) -> Result<()> {
        for time in times.into_iter().map(Timestamp::as_second) {
            self.others.remove(&time);
            self.own.insert(time);
        }
        self.note()
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
                self.add_own([time])?;
            } else {
                self.add_others(time)?;
            }
        }
        Ok(self.of(dlist))
    }

    /// A version that was written anew is whose it was.
    pub(crate) fn pass_on(&mut self, from: Timestamp, to: Timestamp) -> Result<()> {
        match self.origin(from) {
            Origin::Own => self.add_own([to]),
            Origin::Others => self.add_others(to),
            Origin::Unknown => Ok(()),
        }
    }

    fn note(&self) -> Result<()> {
        self.index.set_meta(OWN_VERSIONS, &text_of(&self.own))?;
        Ok(self
            .index
            .set_meta(OTHERS_VERSIONS, &text_of(&self.others))?)
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

/// The mark of an installation: what the system calls the computer, and where it has the cache of this backup. It stays
/// when the cache is lost. `None` where the system has no such word.
pub(super) fn maker(machine: Option<&str>, cache: &Path) -> Option<Maker> {
    static SYSTEM: LazyLock<Option<String>> = LazyLock::new(|| machine_uid::get().ok());
    let machine = machine.or(SYSTEM.as_deref())?.trim();
    if machine.is_empty() || machine == "uninitialized" {
        return None;
    }
    let cache = std::path::absolute(cache).ok()?;
    let mut secret = format!("Coffer versions\0{machine}\0").into_bytes();
    secret.extend_from_slice(cache.as_os_str().as_encoded_bytes());
    Some(Maker::of(&secret))
}
