use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// An error message for the user: what happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CommandError {
    /// The kind of error, if the UI behaves differently because of it; everything else is in the two texts.
    pub code: ErrorCode,
    /// What happened, naming the file, folder or account that it happened to.
    pub message: String,
    /// The next step.
    pub hint: String,
    /// Seconds until the service accepts requests again, if it named a time; earlier retries are useless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub retry_after: Option<u32>,
}

/// Kinds of failure that the UI or a script treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// Some field of the request cannot be used; nothing was changed.
    InvalidInput,
    /// The sign-in is missing, revoked or expired: offer "Sign in again".
    SignInRequired,
    /// The passphrase does not open the backup, or is missing: ask for it.
    WrongPassphrase,
    /// The folder holds a backup with other settings, or of someone else.
    DestinationMismatch,
    /// The backup that was at the destination is gone: offer to start a new one there.
    DestinationGone,
    /// The keychain is missing or locked.
    Keychain,
    /// The destination could not be reached; trying again later may help.
    Offline,
    /// The service limits requests; the run resumes automatically later.
    Throttled,
    /// The disk that holds the backup is not connected.
    DiskAway,
    /// The destination or this computer's disk is full.
    Full,
    /// Another operation holds this job or destination.
    Busy,
    /// The user stopped it.
    Cancelled,
    /// What was requested does not exist (any more).
    NotFound,
    /// A newer version wrote the stored data: Coffer has to be updated.
    Outdated,
    /// Everything else, including codes of other versions.
    #[serde(other)]
    Failed,
}
