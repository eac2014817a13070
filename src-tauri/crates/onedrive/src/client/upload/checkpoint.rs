use serde::{Deserialize, Serialize};

/// The stored state of a session, to continue it later.
#[derive(Clone, Serialize, Deserialize)]
pub(in super::super) struct Checkpoint {
    pub(super) url: String,
    pub(super) size: u64,
    pub(super) hash: String,
}
