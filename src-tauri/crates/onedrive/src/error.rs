/// Result of this crate outside the destination.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a URL, a sign-in or an account could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL has no AuthID, and no option gave one.
    #[error("An AuthID is needed; get one from {link}")]
    MissingAuthId {
        /// Page that issues one.
        link: String,
    },
    /// The text is not an AuthID.
    #[error("This is not an AuthID: {why}")]
    InvalidAuthId {
        /// Why it is not one.
        why: &'static str,
    },
    /// A scheme that is not supported.
    #[error("{scheme} is not a OneDrive address")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
    },
    /// The address lacks the site or group.
    #[error("The address needs {needed}")]
    MissingPlace {
        /// The missing options.
        needed: &'static str,
    },
    /// A folder name that OneDrive does not allow.
    #[error("{folder} cannot be a folder on OneDrive: {why}")]
    InvalidFolder {
        /// The folder.
        folder: String,
        /// Why OneDrive does not allow it.
        why: String,
    },
    /// An address that would send secrets unencrypted.
    #[error("{url} is not encrypted; only addresses of this computer may be used without https")]
    InsecureEndpoint {
        /// The address.
        url: String,
    },
    /// The user did not finish in the browser in time.
    #[error("The sign-in was not completed in time")]
    SignInExpired,
    /// The AuthID service answered with an error instead of an AuthID.
    #[error("The sign-in service answered: {why}")]
    SignInRefused {
        /// Its message.
        why: String,
    },
    /// The user declined in the browser.
    #[error("The sign-in was canceled in the browser")]
    SignInDeclined,
    /// Client ID, tenant or registration do not match; only a change of these settings helps.
    #[error("Microsoft does not accept the app's registration: {why}")]
    Registration {
        /// What is wrong, for people.
        why: String,
    },
    /// No port could be opened for the browser's redirect.
    #[error("No port on this computer can be used: {why}")]
    Loopback {
        /// The system's message.
        why: String,
    },
    /// The account or its files could not be reached.
    #[error(transparent)]
    Destination(#[from] coffer_destination::Error),
    /// The HTTP client could not be set up.
    #[error("The network cannot be used: {why}")]
    Setup {
        /// The message of the library or system that failed.
        why: String,
    },
    /// The caller's token was triggered.
    #[error("Cancelled")]
    Cancelled,
}
