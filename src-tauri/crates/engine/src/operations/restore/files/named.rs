//! The names of one file, which come back as names of one file.

use coffer_database::PlanEntry;
use coffer_volume::metadata::Metadata;

/// Files with several names of which one is remembered, about 150 bytes each. The names of others become files of their
/// own.
pub(super) const MOST_GROUPS: usize = 1_000_000;

/// A file that a restore has put in place, or found there.
pub(super) struct Named {
    pub(super) place: Place,
    pub(super) id: FileId,
}

/// What the names of one file have in common.
pub(super) fn group_key(
    entry: &PlanEntry,
    metadata: Option<&Metadata>,
) -> Option<(String, Vec<u8>)> {
    let group = metadata?.hardlink.clone()?;
    let (hash, _) = entry.content.as_ref()?;
    Some((group, hash.clone()))
}

use crate::operations::restore::folders::FileId;
use crate::operations::restore::target::Place;
