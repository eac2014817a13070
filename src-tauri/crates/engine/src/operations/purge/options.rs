//! What is purged, and what became of it.

use jiff::Timestamp;
use serde::Serialize;

use crate::filter::Filters;
use crate::mode::Mode;
use crate::operations::compact::options::CompactOptions;
use crate::operations::compact::stats::CompactStats;
use crate::repository::versions::Version;
use crate::repository::volumes::RemoteVolume;

/// What is taken out.
#[derive(Debug)]
pub enum Purged {
    /// What these rules include. A folder's own path means its entry alone.
    Matching(Filters),
    /// Files of which content is missing at the destination. What only lost its metadata keeps its content and gets
    /// empty metadata.
    Broken,
}

/// What to take out of which versions.
pub struct PurgeOptions {
    /// See [`Purged`].
    pub purged: Purged,
    /// Numbers of the versions, 0 being the newest; none means all.
    pub versions: Vec<usize>,
    /// How the space is given back afterwards; `None` leaves it.
    pub compact: Option<CompactOptions>,
    /// What new volumes state as their time.
    pub now: Timestamp,
    /// See [`Mode`].
    pub mode: Mode,
}

/// A version that was rewritten, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PurgedVersion {
    /// What it was.
    pub version: Version,
    /// Its new time.
    pub new_time: Timestamp,
    /// How many entries were taken out.
    pub removed_files: u64,
    /// The first of them, as stored, by path.
    pub removed: Vec<String>,
    /// How many lost their metadata.
    pub without_metadata_files: u64,
    /// The first of them.
    pub without_metadata: Vec<String>,
}

/// What was purged, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgeStats {
    /// Versions that change.
    pub versions: Vec<PurgedVersion>,
    /// dlists that are deleted.
    pub deleted: Vec<RemoteVolume>,
    /// What became of the data that only the purged files needed.
    pub compacted: Option<CompactStats>,
}

impl PurgeStats {
    /// All files that went, those of the data among them.
    pub fn files(&self) -> impl Iterator<Item = &RemoteVolume> {
        let data = self.compacted.iter().flat_map(|stats| &stats.deleted);
        self.deleted.iter().chain(data)
    }
}
