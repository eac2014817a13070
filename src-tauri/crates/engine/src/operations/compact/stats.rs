/// What compacting did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompactStats {
    /// Bytes of blocks that some version needs.
    pub used_bytes: u64,
    /// Bytes of all others.
    pub unused_bytes: u64,
    /// Volumes that were read, or would be.
    pub downloaded: Vec<RemoteVolume>,
    /// Bytes of blocks that were rewritten, or would be.
    pub moved_bytes: u64,
    /// New volumes. A plan does not know them.
    pub uploaded: Vec<RemoteVolume>,
    /// Volumes that were deleted, or would be.
    pub deleted: Vec<RemoteVolume>,
    /// Unneeded volumes that a later run deletes.
    pub retired: Vec<RemoteVolume>,
}

use serde::Serialize;

use crate::repository::volumes::RemoteVolume;
