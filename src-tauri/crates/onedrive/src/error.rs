use coffer_destination::{
    Error as DestinationError, NameProblem, RegistrationProblem, SignInProblem,
};

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
    #[error("This is not an AuthID: {why:?}")]
    InvalidAuthId {
        /// Why it is not one.
        why: AuthIdProblem,
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
    #[error("{folder} cannot be a folder on OneDrive: {why:?}")]
    InvalidFolder {
        /// The folder.
        folder: String,
        /// Why OneDrive does not allow it.
        why: FolderProblem,
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
    /// The sign-in service did not give a credential.
    #[error("The sign-in was refused: {why:?}")]
    SignInRefused {
        /// Why not.
        why: SignInRefusal,
    },
    /// The user declined in the browser.
    #[error("The sign-in was canceled in the browser")]
    SignInDeclined,
    /// Client ID, tenant or registration do not match; only a change of these settings helps.
    #[error("Microsoft does not accept the app's registration: {why:?} {code:?}")]
    Registration {
        /// What is wrong.
        why: RegistrationProblem,
        /// Microsoft's number of the reason.
        code: Option<u64>,
    },
    /// No port could be opened for the browser's redirect.
    #[error("No port on this computer can be used: {said}")]
    Loopback {
        /// The system's message.
        said: String,
    },
    /// The account or its files could not be reached.
    #[error(transparent)]
    Destination(#[from] coffer_destination::Error),
    /// The HTTP client could not be set up.
    #[error("The network cannot be used: {said}")]
    Setup {
        /// The message of the library or system that failed.
        said: String,
    },
    /// The caller's token was triggered.
    #[error("Cancelled")]
    Cancelled,
}

/// Why a text is not an AuthID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthIdProblem {
    /// It is empty.
    Empty,
    /// It is longer than any AuthID.
    TooLong,
    /// It has no colon.
    NoColon,
    /// Nothing precedes its colon.
    NothingBeforeColon,
    /// Nothing follows its colon.
    NothingAfterColon,
    /// It has line breaks or control characters.
    ControlCharacters,
}

/// Why OneDrive does not allow a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderProblem {
    /// Its path is too long for files in it.
    TooLong {
        /// Characters that it may have.
        longest: usize,
    },
    /// One of its parts cannot be a name.
    Part {
        /// The part.
        part: String,
        /// What is wrong with it.
        why: NameProblem,
    },
}

impl FolderProblem {
    /// The same, for a call of the destination about this path.
    pub(crate) fn into_destination(self, path: &str) -> DestinationError {
        let (name, why) = match self {
            Self::TooLong { longest } => (path.to_owned(), NameProblem::TooLong { longest }),
            Self::Part { part, why } => (part, why),
        };
        DestinationError::InvalidName { name, why }
    }
}

/// Why a sign-in service gave no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInRefusal {
    /// The account or its organization does not allow it.
    Account {
        /// Why not.
        problem: SignInProblem,
        /// Microsoft's number of the reason.
        code: Option<u64>,
    },
    /// The permission to use files was not granted.
    FilesNotGranted,
    /// The permission to stay signed in was not granted.
    StayingNotGranted,
    /// The service is in trouble.
    ForNow {
        /// What happened, as [`DestinationError::Unavailable`] says it.
        why: String,
    },
    /// The AuthID service answered with an error instead of an AuthID.
    Service {
        /// Its message.
        said: String,
    },
}
