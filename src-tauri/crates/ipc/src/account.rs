//! Sign-ins, drives and folders.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::CommandError;

/// A stored sign-in. The AuthID itself stays in the keychain. New fields need a `serde` default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Name of the keychain entry; not a secret.
    pub id: String,
    /// Name of the account, e.g. `alex@outlook.example`; empty when the service did not report it.
    pub name: String,
    /// Name and kind of the account's own drive, e.g. `OneDrive (personal)`.
    pub drive: String,
    /// When it was added, RFC 3339.
    pub added: String,
    /// Whether it was created with the simulator; refused outside the demo.
    pub demo: bool,
    /// Id of the account's own drive, by which the account is recognized; empty for sign-ins of early versions.
    #[serde(default)]
    pub drive_id: String,
    /// How the user signed in.
    #[serde(default)]
    pub way: SignInWay,
    /// Why it cannot be used until the user signs in again.
    #[serde(default)]
    pub problem: Option<CommandError>,
    /// When it expires even if it is used, RFC 3339; `None` for one that can be renewed.
    #[serde(default)]
    pub expires: Option<String>,
}

/// Ways to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum SignInWay {
    /// With an AuthID of Duplicati's service or a self-hosted one.
    #[default]
    Service,
    /// Directly at Microsoft, in the browser of this computer.
    Browser,
    /// Directly at Microsoft, with a code typed in any browser.
    Code,
}

/// A request to start a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SignInRequest {
    /// The way to sign in.
    pub way: SignInWay,
    /// The account that signs in again; another one is refused.
    pub again: Option<String>,
}

/// Which service or registered app is used for all new sign-ins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInSettings {
    /// Refresh address of a self-hosted AuthID service; empty for Duplicati's.
    pub oauth_url: String,
    /// Client id of an app registered at Microsoft, for signing in there directly; empty for the one this program was
    /// built with, if any.
    pub client_id: String,
    /// `common`, `consumers`, `organizations`, or a tenant's id or domain; empty for `common`.
    pub tenant: String,
    /// Whether access to drives of others and shared libraries is requested, too.
    pub all_files: bool,
}

/// A sign-in that waits for the user to finish in the browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PendingSignIn {
    /// For `cancel_sign_in` and the event that ends it.
    pub id: String,
    /// The page that was opened; shown to copy when no browser opened.
    pub url: String,
    /// The code to type there, if the page requires one.
    pub user_code: Option<String>,
    /// Whether a browser could be started.
    pub browser_opened: bool,
    /// Seconds until the sign-in expires.
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
        /// What failed, and what to do.
        error: CommandError,
    },
}

/// A drive that can hold backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Drive {
    /// Value for `--drive-id`.
    pub id: String,
    /// Name to display.
    pub name: String,
    /// `personal`, `business` or `documentLibrary`.
    pub kind: String,
    /// Name of the owner; empty when unknown.
    pub owner: String,
    /// Whether it is the account's own drive, used when no drive id is given.
    pub is_default: bool,
    /// Space on the drive, if the service reports it.
    pub quota: Option<Quota>,
}

/// Space on a drive, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Total size.
    pub total_bytes: u64,
    /// Free space.
    pub free_bytes: u64,
}

/// A folder on a drive, for the folder browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RemoteFolder {
    /// Last part of the path.
    pub name: String,
    /// Path from the drive's root, separated by `/`, without a leading `/`.
    pub path: String,
}
