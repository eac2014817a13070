use coffer_ipc::{CommandError, ErrorCode};

/// An error from its three parts.
pub fn error(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> CommandError {
    CommandError {
        code,
        message: message.into(),
        hint: hint.into(),
        retry_after: None,
    }
}

/// A field of a request that cannot be used.
pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> CommandError {
    error(ErrorCode::InvalidInput, message, hint)
}
