//! Sign-ins, drives and folders.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::CommandError;

/// A stored sign-in. The AuthID itself stays in the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Names the keychain entry; no secret.
    pub id: String,
    /// What the person calls it, e.g. `alex@outlook.example`; empty when the service did not say.
    pub name: String,
    /// Name and kind of the account's own drive, e.g. `OneDrive (personal)`.
    pub drive: String,
    /// When it was added, RFC 3339.
    pub added: String,
    /// Made against the simulator; refused outside the demo.
    pub demo: bool,
}

/// A sign-in that waits for the person to finish in their browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PendingSignIn {
    /// For `cancel_sign_in` and the event that ends it.
    pub id: String,
    /// The page that was opened; shown to copy when no browser opened.
    pub url: String,
    /// Whether a browser could be started.
    pub browser_opened: bool,
    /// Seconds until the wait ends by itself.
    pub expires_in: u32,
}

/// How a pending sign-in ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SignInOutcome {
    /// The AuthID is in the keychain.
    Done {
        /// The account it belongs to.
        account: Account,
    },
    /// It ended without an AuthID.
    Failed {
        /// Why, and what to do.
        error: CommandError,
    },
}

/// A drive that can hold backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Drive {
    /// Value for `--drive-id`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// `personal`, `business` or `documentLibrary`.
    pub kind: String,
    /// Whose it is; empty when not known.
    pub owner: String,
    /// Whether it is the account's own drive, used when no drive id is given.
    pub is_default: bool,
    /// Free space, when the service says it.
    pub quota: Option<Quota>,
}

/// Space on a drive, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Whole size.
    pub total_bytes: u64,
    /// What can still be written.
    pub free_bytes: u64,
}

/// A folder on a drive, for the folder browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RemoteFolder {
    /// Its own name.
    pub name: String,
    /// Whole path from the drive's root, `/` between, no leading `/`.
    pub path: String,
}
