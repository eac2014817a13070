use coffer_destination::{CheckpointStore, TransferMonitor, UploadFile};
use tokio_util::sync::CancellationToken;

use super::super::destination::OneDriveDestination;
use super::conflict::Conflict;
use super::reached::Reached;

/// One upload with all that its steps need.
pub(super) struct Upload<'a> {
    pub(super) destination: &'a OneDriveDestination,
    pub(super) name: &'a str,
    pub(super) file: &'a UploadFile,
    pub(super) conflict: Conflict,
    pub(super) hash: String,
    pub(super) checkpoints: &'a dyn CheckpointStore,
    pub(super) monitor: &'a dyn TransferMonitor,
    pub(super) reached: Reached<'a>,
    pub(super) cancel: &'a CancellationToken,
}
