//! What compacting is to do, decided once.

use std::collections::HashSet;

use coffer_database::VolumeUsage;

use crate::error::Result;
use crate::operations::compact::options::CompactOptions;
use crate::operations::compact::stats::CompactStats;
use crate::repository::needs::Needs;
use crate::repository::volumes::RemoteVolume;

/// What to do, decided once.
pub(super) struct Plan {
    /// Volumes that are to go: all without anything needed, and those rewritten.
    pub(super) to_delete: Vec<VolumeUsage>,
    /// Of these the ones that hold something needed, those with the most waste first.
    pub(super) rewritten: Vec<VolumeUsage>,
    /// What of them is rewritten.
    moved_bytes: u64,
    /// Volumes that hold something needed.
    pub(super) needed: Vec<i64>,
    used_bytes: u64,
    unused_bytes: u64,
}

impl Plan {
    pub(super) fn ids_to_delete(&self) -> HashSet<i64> {
        self.to_delete.iter().map(|volume| volume.id).collect()
    }

    pub(super) fn new(needs: &Needs<'_>, options: &CompactOptions) -> Result<Self> {
        let volumes = needs.usage().volumes()?;
        let used_bytes = volumes.iter().map(|volume| volume.used_bytes).sum();
        let unused_bytes: u64 = volumes.iter().map(|volume| volume.unused_bytes).sum();
        let (mut to_delete, mut partly): (Vec<_>, Vec<_>) = volumes
            .into_iter()
            .partition(|volume| volume.used_bytes == 0);
        let needed = partly.iter().map(|volume| volume.id).collect();
        partly.retain(|volume| options.is_wasted(volume) || options.is_small(volume.size));
        if !options.is_worth_it(&partly, used_bytes + unused_bytes) {
            partly.clear();
        }
        partly.sort_by_key(|volume| std::cmp::Reverse(volume.unused_bytes));
        to_delete.extend(partly.iter().cloned());
        let ids: Vec<_> = to_delete.iter().map(|volume| volume.id).collect();
        needs.usage().set_to_delete(&ids)?;
        Ok(Self {
            moved_bytes: needs.usage().bytes_to_move()?,
            to_delete,
            rewritten: partly,
            needed,
            used_bytes,
            unused_bytes,
        })
    }

    pub(super) fn stats(&self) -> CompactStats {
        CompactStats {
            used_bytes: self.used_bytes,
            unused_bytes: self.unused_bytes,
            downloaded: self
                .rewritten
                .iter()
                .map(|volume| RemoteVolume {
                    name: volume.name.clone(),
                    size: volume.size,
                })
                .collect(),
            moved_bytes: self.moved_bytes,
            ..CompactStats::default()
        }
    }
}
