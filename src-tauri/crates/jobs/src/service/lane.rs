use coffer_ipc::job::JobDefinition;

use crate::destinations::local_folder;

/// What backups share, so that one at a time is as fast as several: backups that start by themselves queue for it. A disk
/// does not wait for the line, or a first upload of a week would keep it from its daily backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// The line to OneDrive.
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
