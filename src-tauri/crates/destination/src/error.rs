use std::time::Duration;

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
    /// The destination's folder was there and is not, or another one is in its place: its disk was unplugged or unmounted.
    #[error("The folder {folder} no longer exists: its disk was disconnected or unmounted")]
    FolderLost {
        /// The folder.
        folder: String,
    },
    /// The name or path can never work there.
    #[error("{name} cannot be used as a name: {why}")]
    InvalidName {
        /// The name or path.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The service asked us to slow down; `retry_after` is its own wish when it stated one.
    #[error("The destination is limiting requests")]
    Throttled {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Somebody else holds this one file at the moment; others can be used.
    #[error("{name} is locked at the destination")]
    Locked {
        /// The file.
        name: String,
    },
    /// The sign-in was revoked or expired for good; only the user can repair it.
    #[error("The sign-in is no longer valid: {why}")]
    SignInRequired {
        /// What the service said.
        why: String,
        /// What helps, as a sentence for people.
        next: &'static str,
    },
    /// The service that hands out access is itself limited for a long while.
    #[error("The sign-in service cannot be used now: {why}")]
    SignInUnavailable {
        /// What it said.
        why: String,
        /// How long it must not be asked, when that is known.
        retry_after: Option<Duration>,
    },
    /// No space is left.
    #[error("The destination is full")]
    Full,
    /// The store answered and will not do it: missing rights, a file in a folder's place, an unknown drive.
    #[error("Could not {operation} {name}: {why}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// With which file, folder or drive.
        name: String,
        /// Why not, in the store's words where they are any good.
        why: String,
    },
    /// The bytes at the destination, or those that came from it, are not what they should be.
    #[error("{name} was corrupted in transit: {why}")]
    Corrupted {
        /// The file.
        name: String,
        /// What differs.
        why: String,
    },
    /// The destination cannot be reached, or failed in a way that may pass.
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
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The caller's token was triggered.
    #[error("Cancelled")]
    Cancelled,
}

impl Error {
    /// A lost sign-in that signing in again mends.
    pub fn sign_in_required(why: impl Into<String>) -> Self {
        Self::SignInRequired {
            why: why.into(),
            next: "Sign in again.",
        }
    }

    /// How long from now nothing is to come, when the service named a time: a run that ends with this error goes on
    /// then, not before.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::SignInUnavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// Whether the same call may succeed if repeated later without anyone acting.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Locked { .. }
            | Self::Unavailable { .. }
            | Self::Corrupted { .. } => true,
            // The later ones come from shares whose server or network is away for a moment.
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

    /// Tells a full disk from other input/output errors.
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
