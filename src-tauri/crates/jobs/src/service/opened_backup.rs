use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use coffer_database::Listing;
use coffer_ipc::job::DestinationSettings;
use secrecy::SecretString;

use super::ids::JobId;
use crate::target::Target;

/// A backup that is being browsed.
pub(super) struct OpenedBackup {
    pub(super) target: Target,
    /// The versions, which keep their numbers while the backup is open.
    pub(super) versions: coffer_engine::OpenedBackup,
    /// `None` when the backup belongs to no job.
    pub(super) job_id: Option<JobId>,
    /// Where it is and the passphrase that opened it, when it was not opened by its job.
    pub(super) typed: Option<Access>,
    /// Listings that were read, by version number.
    pub(super) listings: Arc<tokio::sync::Mutex<HashMap<u32, Arc<Mutex<Listing>>>>>,
}

/// A passphrase that the user typed, and the backup that it opened.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) destination: DestinationSettings,
    pub(super) prefix: String,
    pub(super) passphrase: SecretString,
}
