//! What a backup that ended with an error waits for.

use coffer_ipc::job::WaitingFor;
use coffer_ipc::{CommandError, ErrorCode};

/// Whether an error will recur until the user acts.
pub(super) fn needs_attention(error: &CommandError) -> bool {
    matches!(
        cause(error.code),
        WaitingFor::SignIn | WaitingFor::Passphrase
    )
}

/// What a backup that ended with this error waits for.
pub(super) fn cause(code: ErrorCode) -> WaitingFor {
    match code {
        ErrorCode::SignInRequired => WaitingFor::SignIn,
        ErrorCode::WrongPassphrase => WaitingFor::Passphrase,
        ErrorCode::Keychain => WaitingFor::Keychain,
        ErrorCode::DiskAway => WaitingFor::Disk,
        ErrorCode::Offline => WaitingFor::Network,
        ErrorCode::Throttled => WaitingFor::Service,
        ErrorCode::Full => WaitingFor::Quota,
        ErrorCode::Busy => WaitingFor::Turn,
        _ => WaitingFor::Nothing,
    }
}

/// Whether a backup that ended with this error is retried automatically.
pub(super) fn waits(error: &CommandError) -> bool {
    matches!(
        cause(error.code),
        WaitingFor::Keychain
            | WaitingFor::Disk
            | WaitingFor::Network
            | WaitingFor::Service
            | WaitingFor::Turn
    )
}
