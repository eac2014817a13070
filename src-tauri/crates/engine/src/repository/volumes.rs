//! Files at the destination.

use coffer_database::VolumeRow;
use coffer_volume::VolumeName;
use serde::Serialize;

/// A volume as the destination lists it.
#[derive(Debug, Clone)]
pub(crate) struct ListedVolume {
    pub(crate) name: VolumeName,
    pub(crate) size: u64,
}

/// A file at the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteVolume {
    /// Its name there.
    pub name: String,
    /// Bytes.
    #[serde(rename = "sizeBytes")]
    pub size: u64,
}

impl From<&ListedVolume> for RemoteVolume {
    fn from(volume: &ListedVolume) -> Self {
        Self {
            name: volume.name.to_string(),
            size: volume.size,
        }
    }
}

impl From<VolumeRow> for RemoteVolume {
    fn from(row: VolumeRow) -> Self {
        Self {
            name: row.name,
            size: row.size,
        }
    }
}
