use coffer_destination::{CheckpointStore, TransferMonitor, UploadFile};
use tokio_util::sync::CancellationToken;

use super::super::destination::OneDriveDestination;
use super::conflict::Conflict;
use super::progress::UploadProgress;

/// The state of one upload.
pub(super) struct Upload<'a> {
    pub(super) destination: &'a OneDriveDestination,
    pub(super) name: &'a str,
    pub(super) file: &'a UploadFile,
    pub(super) conflict: Conflict,
    pub(super) hash: String,
    pub(super) checkpoints: &'a dyn CheckpointStore,
    pub(super) monitor: &'a dyn TransferMonitor,
    pub(super) progress: UploadProgress<'a>,
    pub(super) cancel: &'a CancellationToken,
}
