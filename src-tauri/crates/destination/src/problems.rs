//! Why a name or a sign-in cannot be used, as values; words for people are the callers' business.

/// What is wrong with a name or path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameProblem {
    /// It is empty.
    Empty,
    /// It is no plain name of a file.
    NotPlain,
    /// It stands for a folder itself: `.` or `..`.
    Dots,
    /// It has a character that the store does not allow.
    ForbiddenCharacter,
    /// It begins or ends with a character that the store does not allow there.
    BadEnds,
    /// The store reserves it.
    Reserved,
    /// It begins with `~`.
    LeadingTilde,
    /// It begins with `~$`.
    LeadingTildeDollar,
    /// It has too many characters.
    TooLong {
        /// How many it may have.
        longest: usize,
    },
    /// Its path has too many characters.
    PathTooLong {
        /// How many it has.
        characters: usize,
        /// How many it may have.
        longest: usize,
    },
    /// The store says that its path is too long.
    PathRefused,
}

/// Why a sign-in is no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInProblem {
    /// It expired after a long time without use.
    Unused,
    /// The password was changed, or the account was signed out everywhere.
    PasswordChanged,
    /// The password of the account expired.
    PasswordExpired,
    /// It was revoked or expired.
    Revoked,
    /// Someone else's sign-in came back from the browser.
    OtherSignIn,
    /// The consent for the app was removed.
    ConsentRemoved,
    /// The organization requires another factor.
    SecondFactor,
    /// The organization does not allow this sign-in from here.
    NotFromHere,
    /// The account is disabled.
    AccountDisabled,
    /// The account does not exist anymore.
    AccountGone,
    /// The account is locked after too many wrong passwords.
    AccountLocked,
    /// An administrator has to approve the app.
    ApprovalRequired,
    /// The service does not accept it anymore, for a reason that is not known.
    NotAccepted,
    /// The service wants claims that only the user can give.
    ClaimsRequired,
    /// The service refuses the access tokens that it gives.
    TokensRefused,
    /// The sign-in service does not know the credential anymore.
    UnknownCredential,
    /// The credential is not where it is kept.
    NotStored,
    /// The registration of the app does not fit.
    Registration(RegistrationProblem),
}

/// What is wrong with the registration of an app, or with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationProblem {
    /// The text cannot be a client ID.
    NotAClientId,
    /// The text cannot be a tenant.
    NotATenant,
    /// The service wants a secret.
    SecretRequired,
    /// The redirect address is not registered.
    RedirectNotRegistered,
    /// No app has this client ID, or there is no such tenant.
    UnknownApp,
    /// It is not registered as a public client.
    NotPublic,
    /// Client ID, tenant and permissions do not match.
    Mismatch,
}

/// Why a sign-in cannot be used for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInOutage {
    /// The sign-in service is over its quota.
    OverQuota,
    /// The sign-in service limits how often this credential is used, for about an hour.
    LimitedForAnHour,
    /// The sign-in service limits how often this credential is used.
    Limited,
    /// The credential cannot be read or stored.
    Store {
        /// What the store of credentials said.
        said: String,
    },
    /// The store of credentials panicked.
    StoreFailed,
}
