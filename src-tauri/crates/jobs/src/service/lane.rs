use coffer_ipc::job::JobDefinition;

use crate::destinations::local_folder;

/// A resource that backups share, so that one at a time is as fast as several: scheduled backups queue for it. Disks
/// and the network have separate lanes; otherwise a first upload of a week would delay the daily backup to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// The internet connection.
    Network,
    /// Disks of this computer.
    Disk,
}

impl Lane {
    pub(super) fn of(definition: &JobDefinition) -> Self {
        match local_folder(&definition.destination) {
            None => Self::Network,
            Some(_) => Self::Disk,
        }
    }
}
