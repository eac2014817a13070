use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What went wrong, for a person: what happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CommandError {
    /// What the UI may react to; everything it only shows is in the two texts.
    pub code: ErrorCode,
    /// What happened, naming the thing it happened to.
    pub message: String,
    /// The next step.
    pub hint: String,
    /// Seconds until a service wants to be asked again, when it named a time: another try before is of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub retry_after: Option<u32>,
}

/// Kinds of failure the UI or a script treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// Some field of the request cannot be used; nothing was changed.
    InvalidInput,
    /// The sign-in is missing, revoked or expired: offer "Sign in again".
    SignInRequired,
    /// The passphrase does not open the backup, or is not there: ask for it.
    WrongPassphrase,
    /// The folder holds a backup with other settings, or of somebody else.
    DestinationMismatch,
    /// The backup that was at the destination is gone: offer to begin a new one there.
    DestinationGone,
    /// The keychain is missing or locked.
    Keychain,
    /// The destination could not be reached; trying again later may help.
    Offline,
    /// The service asks for a rest; it goes on by itself after that.
    Throttled,
    /// The disk that holds the backup is not connected.
    DiskAway,
    /// The destination or this computer's disk is full.
    Full,
    /// Another operation holds this job or destination.
    Busy,
    /// The user stopped it.
    Cancelled,
    /// The thing asked for does not exist (any more).
    NotFound,
    /// A newer version saved what is here: Coffer has to be updated.
    Outdated,
    /// Everything else, also what another version has a code for.
    #[serde(other)]
    Failed,
}
