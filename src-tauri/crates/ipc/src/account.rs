//! Sign-ins, drives and folders.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::CommandError;

/// A stored sign-in. The AuthID itself stays in the keychain. A field that is new has a `serde` default.
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
    /// Id of the account's own drive, by which it is known again; empty for sign-ins of early versions.
    #[serde(default)]
    pub drive_id: String,
    /// How it was signed in.
    #[serde(default)]
    pub way: SignInWay,
    /// Why it cannot be used until the person signs in again.
    #[serde(default)]
    pub problem: Option<CommandError>,
    /// When it ends for good whether it is used or not, RFC 3339; none for one that renews itself.
    #[serde(default)]
    pub expires: Option<String>,
}

/// Ways to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum SignInWay {
    /// An AuthID of Duplicati's service, or of one's own.
    #[default]
    Service,
    /// At Microsoft itself, in the browser of this computer.
    Browser,
    /// At Microsoft itself, with a code typed in any browser.
    Code,
}

/// A sign-in to be started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SignInRequest {
    /// How.
    pub way: SignInWay,
    /// The account that signs in again; another one is refused.
    pub again: Option<String>,
}

/// Who signs in, for all new sign-ins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInSettings {
    /// Refresh address of an AuthID service of one's own; empty for Duplicati's.
    pub oauth_url: String,
    /// Client id of an app registered at Microsoft, for signing in there without a service between; empty for the one
    /// this program was built with, if any.
    pub client_id: String,
    /// `common`, `consumers`, `organizations`, or a tenant's id or domain; empty for `common`.
    pub tenant: String,
    /// Whether drives of others and shared libraries are asked for, too.
    pub all_files: bool,
}

/// A sign-in that waits for the person to finish in their browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PendingSignIn {
    /// For `cancel_sign_in` and the event that ends it.
    pub id: String,
    /// The page that was opened; shown to copy when no browser opened.
    pub url: String,
    /// What has to be typed there, when it asks for a code.
    pub user_code: Option<String>,
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
