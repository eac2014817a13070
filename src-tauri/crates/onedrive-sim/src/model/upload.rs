//! Upload sessions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happens when the name of a new item is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Conflict {
    Fail,
    Replace,
    Rename,
}

impl Conflict {
    /// Reads a `conflictBehavior`; unknown words are an error of the request.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "fail" => Some(Self::Fail),
            "replace" => Some(Self::Replace),
            "rename" => Some(Self::Rename),
            _ => None,
        }
    }
}

/// A file on its way in by fragments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) drive: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) conflict: Conflict,
    /// Path and query of the address, exactly as it was given out.
    pub(crate) address: String,
    pub(crate) expires: Timestamp,
    /// Size of the whole file, once a fragment has named it.
    pub(crate) total: Option<u64>,
    /// Bytes stored; fragments arrive in order.
    pub(crate) received: u64,
    /// A fragment before the last was no multiple of 320 KiB, which shows only at the end.
    pub(crate) misaligned: bool,
    pub(crate) client_created: Option<Timestamp>,
    pub(crate) client_modified: Option<Timestamp>,
    /// A fault ended it early.
    pub(crate) expired: bool,
    /// The file is made by a separate request after the last fragment.
    pub(crate) defer_commit: bool,
}
