/// Result of this crate outside the destination.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a URL, a sign-in or an account could not be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL has no AuthID, and no option gave one.
    #[error("An AuthID is needed; get one from {link}")]
    MissingAuthId {
        /// Page that gives one.
        link: String,
    },
    /// The text is no AuthID.
    #[error("This is not an AuthID: {why}")]
    InvalidAuthId {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another scheme than `onedrivev2`.
    #[error("{scheme} is not a OneDrive address")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
    },
    /// A site or group that the address does not name.
    #[error("The address needs {needed}")]
    MissingPlace {
        /// What would name it.
        needed: &'static str,
    },
    /// A folder that OneDrive cannot have.
    #[error("{folder} cannot be a folder on OneDrive: {why}")]
    InvalidFolder {
        /// The folder.
        folder: String,
        /// What is wrong with it.
        why: String,
    },
    /// An address that would send secrets without encryption.
    #[error("{url} is not encrypted; only addresses of this computer may be used without https")]
    InsecureEndpoint {
        /// The address.
        url: String,
    },
    /// The person did not finish in the browser in time.
    #[error("The sign-in was not finished in time")]
    SignInExpired,
    /// The AuthID service answered something else than an AuthID.
    #[error("The sign-in service answered: {why}")]
    SignInRefused {
        /// Its words.
        why: String,
    },
    /// The person said no in the browser.
    #[error("The sign-in was cancelled in the browser")]
    SignInDeclined,
    /// Client id, tenant or registration do not fit; only who set them can repair it.
    #[error("Microsoft does not accept the app's registration: {why}")]
    Registration {
        /// What is wrong, in words.
        why: String,
    },
    /// No port of this computer could be listened on for the browser's answer.
    #[error("No port of this computer can be used: {why}")]
    Loopback {
        /// What the system says.
        why: String,
    },
    /// The account or its files could not be reached.
    #[error(transparent)]
    Destination(#[from] coffer_destination::Error),
    /// The HTTP client could not be set up.
    #[error("The network cannot be used: {why}")]
    Setup {
        /// Why.
        why: String,
    },
    /// The caller's token was triggered.
    #[error("Cancelled")]
    Cancelled,
}
