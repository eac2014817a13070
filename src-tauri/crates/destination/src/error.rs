use std::time::Duration;

use crate::problems::{NameProblem, SignInOutage, SignInProblem};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a destination call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing with this name is stored. Never returned by `list`.
    #[error("{name} is not in the destination")]
    NotFound {
        /// The file.
        name: String,
    },
    /// Something has this name already. Only `put_new` returns it.
    #[error("{name} already exists")]
    AlreadyExists {
        /// The file.
        name: String,
    },
    /// The destination's folder does not exist; `create_folder` makes it.
    #[error("The folder {folder} does not exist")]
    FolderMissing {
        /// The folder.
        folder: String,
    },
    /// The destination's folder is gone or was replaced by another: its disk was disconnected or unmounted.
    #[error("The folder {folder} no longer exists: its disk was disconnected or unmounted")]
    FolderLost {
        /// The folder.
        folder: String,
    },
    /// The name or path can never work there.
    #[error("{name} cannot be used as a name: {why:?}")]
    InvalidName {
        /// The name or path.
        name: String,
        /// What is wrong with it.
        why: NameProblem,
    },
    /// The service asked us to slow down, for `retry_after` if it named a time.
    #[error("The destination is limiting requests")]
    Throttled {
        /// How long no requests should be sent.
        retry_after: Option<Duration>,
    },
    /// Another client is using this one file; others are available.
    #[error("{name} is locked at the destination")]
    Locked {
        /// The file.
        name: String,
    },
    /// The sign-in was revoked or expired for good; only the user can repair it.
    #[error("The sign-in is no longer valid: {why:?} {code:?}")]
    SignInRequired {
        /// What is wrong with it.
        why: SignInProblem,
        /// The number that the service gives to this reason.
        code: Option<u64>,
    },
    /// The sign-in service itself is unavailable or limited for a long time.
    #[error("The sign-in service cannot be used now: {why:?}")]
    SignInUnavailable {
        /// Why.
        why: SignInOutage,
        /// How long it must not be asked, when that is known.
        retry_after: Option<Duration>,
    },
    /// No space is left.
    #[error("The destination is full")]
    Full,
    /// The store refused: missing permissions, a file in place of a folder, an unknown drive.
    #[error("Could not {operation} {name}: {why}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// With which file, folder or drive.
        name: String,
        /// Why, in the store's words where they are useful.
        why: String,
    },
    /// The bytes at the destination, or those received from it, are corrupted.
    #[error("{name} was corrupted in transit: {why}")]
    Corrupted {
        /// The file.
        name: String,
        /// What differs.
        why: String,
    },
    /// The destination cannot be reached, or failed transiently.
    #[error("The destination does not answer: {why}")]
    Unavailable {
        /// What happened.
        why: String,
    },
    /// A file of this computer, or of a folder destination, could not be read or written.
    #[error("Could not {operation} {name}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        name: String,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// The caller's token was triggered.
    #[error("Cancelled")]
    Cancelled,
}

impl Error {
    /// How long to wait, if the service named a time: a run that ends with this error is resumed after that, not
    /// earlier.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::SignInUnavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// Whether the same call may succeed later without any action.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Locked { .. }
            | Self::Unavailable { .. }
            | Self::Corrupted { .. } => true,
            // The later ones come from shares whose server or network is briefly unavailable.
            Self::Io { source, .. } => matches!(
                source.kind(),
                std::io::ErrorKind::Interrupted
                    | std::io::ErrorKind::TimedOut
                    | std::io::ErrorKind::WouldBlock
                    | std::io::ErrorKind::ResourceBusy
                    | std::io::ErrorKind::StaleNetworkFileHandle
                    | std::io::ErrorKind::NotConnected
                    | std::io::ErrorKind::HostUnreachable
                    | std::io::ErrorKind::NetworkUnreachable
                    | std::io::ErrorKind::NetworkDown
                    | std::io::ErrorKind::ConnectionAborted
                    | std::io::ErrorKind::ConnectionReset
            ),
            _ => false,
        }
    }

    /// Distinguishes a full disk from other I/O errors.
    pub(crate) fn io(operation: &'static str, name: &str, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io {
                operation,
                name: name.to_owned(),
                source,
            },
        }
    }
}
