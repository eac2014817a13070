//! Which versions this computer made. Those of others are left to their own rules.

use std::collections::HashSet;

use coffer_database::Index;
use jiff::Timestamp;

use super::kept::OWN_VERSIONS;
use crate::error::Result;

/// Times of versions, in seconds since 1970.
pub(crate) struct OwnVersions(HashSet<i64>);

impl OwnVersions {
    pub(crate) fn of(index: &Index) -> Result<Self> {
        Ok(Self(match index.meta(OWN_VERSIONS)? {
            Some(noted) => noted
                .split(' ')
                .filter_map(|time| time.parse().ok())
                .collect(),
            // An index that an earlier Coffer made.
            None if index.meta(super::SOURCES)?.is_some() => {
                index.filesets()?.iter().map(|known| known.time).collect()
            }
            None => HashSet::new(),
        }))
    }

    pub(crate) fn has(&self, time: Timestamp) -> bool {
        self.0.contains(&time.as_second())
    }

    pub(crate) fn add(mut self, index: &Index, time: Timestamp) -> Result<()> {
        if !self.0.insert(time.as_second()) {
            return Ok(());
        }
        let noted: Vec<_> = self.0.iter().map(i64::to_string).collect();
        Ok(index.set_meta(OWN_VERSIONS, &noted.join(" "))?)
    }
}
