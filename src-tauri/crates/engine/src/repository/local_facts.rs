//! What only the index knows and the destination does not hold: it outlives an index that is rebuilt.

use std::collections::{HashMap, HashSet};

use coffer_database::{Index, KnownDlist};

use crate::error::{Error, Result};

/// Settings that hold what runs before found out.
pub(crate) const RETENTION: &str = "retention";
/// Up to which time, in seconds since 1970, deletions were refused.
pub(crate) const RETENTION_REFUSED: &str = "retention refused";
/// How many versions of others were reported.
pub(crate) const LEFT_TO_OTHERS: &str = "left to others";
pub(crate) const SOURCES: &str = "sources";
pub(crate) const SOURCES_LEFT: &str = "sources left";
pub(super) const OWN_VERSIONS: &str = "own versions";
pub(super) const ADOPTED_VERSIONS: &str = "versions taken over";
pub(super) const OTHERS_VERSIONS: &str = "versions of others";
const OTHERS: &str = "others work here";
/// Names of data volumes that a verification found damaged, one per line.
const DAMAGED_VOLUMES: &str = "damaged volumes";

/// Whether other computers make versions in the same folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// As far as this index saw.
    None,
    /// The versions were there before this index.
    Unknown,
    Work,
}

impl Others {
    pub(crate) fn noted(index: &Index) -> Result<Self> {
        Ok(match index.meta(OTHERS)?.as_deref() {
            Some("yes") => Self::Work,
            Some("unknown") => Self::Unknown,
            _ => Self::None,
        })
    }

    pub(crate) fn note(self, index: &Index) -> Result<()> {
        let noted = match self {
            Self::None => "no",
            Self::Unknown => "unknown",
            Self::Work => "yes",
        };
        Ok(index.set_meta(OTHERS, noted)?)
    }
}

/// Data volumes that were found damaged. An index volume still says what they once held, so only they themselves say what
/// is left.
pub(super) fn damaged_volumes(index: &Index) -> Result<HashSet<String>> {
    let noted = index.meta(DAMAGED_VOLUMES)?.unwrap_or_default();
    Ok(noted.lines().map(str::to_owned).collect())
}

pub(crate) fn add_damaged_volumes(index: &Index, names: Vec<String>) -> Result<()> {
    let mut all = damaged_volumes(index)?;
    all.extend(names);
    note_damaged_volumes(index, &all)
}

/// Those that this computer deleted are no longer of interest.
pub(super) fn forget_damaged_volumes(index: &Index, deleted: &HashSet<&str>) -> Result<()> {
    let mut all = damaged_volumes(index)?;
    let before = all.len();
    all.retain(|name| !deleted.contains(name.as_str()));
    if all.len() < before {
        note_damaged_volumes(index, &all)?;
    }
    Ok(())
}

fn note_damaged_volumes(index: &Index, names: &HashSet<String>) -> Result<()> {
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    Ok(index.set_meta(DAMAGED_VOLUMES, &names.join("\n"))?)
}

/// Which facts a new index takes over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptFacts {
    All,
    /// Those about volumes: the backup starts over, maybe beside what is left of the old one.
    OfVolumes,
}

pub(super) struct LocalFacts {
    dlists: Vec<KnownDlist>,
    mounts: HashMap<String, i64>,
    settings: Vec<(&'static str, String)>,
}

impl LocalFacts {
    pub(super) fn of(index: &Index, kept: KeptFacts) -> Result<Self> {
        if kept == KeptFacts::OfVolumes {
            let damaged = index.meta(DAMAGED_VOLUMES)?;
            return Ok(Self {
                dlists: Vec::new(),
                mounts: HashMap::new(),
                settings: damaged
                    .map(|names| (DAMAGED_VOLUMES, names))
                    .into_iter()
                    .collect(),
            });
        }
        let mut settings = Vec::new();
        for key in [
            RETENTION,
            RETENTION_REFUSED,
            SOURCES,
            SOURCES_LEFT,
            OTHERS,
            OWN_VERSIONS,
            OTHERS_VERSIONS,
            ADOPTED_VERSIONS,
            LEFT_TO_OTHERS,
            DAMAGED_VOLUMES,
        ] {
            settings.extend(index.meta(key)?.map(|value| (key, value)));
        }
        Ok(Self {
            dlists: index.known_dlists()?,
            mounts: index.mounts()?,
            settings,
        })
    }

    pub(super) fn put_into(&self, index: &Index) -> Result<()> {
        index.transaction(|index| {
            for dlist in &self.dlists {
                index.know_dlist(&dlist.name, dlist.size)?;
                if dlist.is_gone {
                    index.note_gone(&dlist.name)?;
                }
            }
            for (key, value) in &self.settings {
                index.set_meta(key, value)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(index.set_mounts(&self.mounts)?)
    }
}
