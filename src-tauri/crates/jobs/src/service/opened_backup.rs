use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use coffer_database::Listing;
use coffer_ipc::job::DestinationSettings;
use secrecy::SecretString;

use super::ids::JobId;
use crate::target::Target;

/// A backup that somebody looks into.
pub(super) struct OpenedBackup {
    pub(super) target: Target,
    /// Its versions keep their numbers while it is open.
    pub(super) versions: coffer_engine::OpenedBackup,
    /// None when no job here knows the backup.
    pub(super) job_id: Option<JobId>,
    /// Where it is and what was typed to open it, when no job was named.
    pub(super) typed: Option<Typed>,
    /// Versions that were read, by number.
    pub(super) listings: Arc<tokio::sync::Mutex<HashMap<u32, Arc<Mutex<Listing>>>>>,
}

/// A passphrase that somebody typed, and the backup that it opened.
#[derive(Clone)]
pub(super) struct Typed {
    pub(super) destination: DestinationSettings,
    pub(super) prefix: String,
    pub(super) passphrase: SecretString,
}
