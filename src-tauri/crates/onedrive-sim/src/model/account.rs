//! The people who can sign in.

use serde::{Deserialize, Serialize};

use super::drive::{ALEX_DRIVE, ROBIN_DRIVE};

/// Tenant of every personal Microsoft account.
const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Tenant of Robin's organization.
const WORK_TENANT: &str = "5b2f8f36-6d2c-4c55-9a0e-1f6d4b1c7a10";

/// One account of the sign-in page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Short name used by the admin API and in the ids of the page's buttons.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) note: String,
    pub(crate) personal: bool,
    pub(crate) oid: String,
    pub(crate) tid: String,
    /// The default drive; an account without a license has none.
    pub(crate) drive: Option<String>,
    /// The organization's policy refuses every sign-in.
    pub(crate) blocked: bool,
    pub(crate) disabled: bool,
    pub(crate) require_mfa: bool,
    /// Whether a refresh answers with a new refresh token.
    pub(crate) rotate: bool,
}

impl Account {
    fn new(id: &str, name: &str, email: &str, note: &str, oid: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            email: email.to_owned(),
            note: note.to_owned(),
            personal: false,
            oid: oid.to_owned(),
            tid: WORK_TENANT.to_owned(),
            drive: None,
            blocked: false,
            disabled: false,
            require_mfa: false,
            rotate: true,
        }
    }
}

/// The four accounts every simulator starts with.
pub(crate) fn seeds() -> Vec<Account> {
    let alex = Account {
        personal: true,
        tid: PERSONAL_TENANT.to_owned(),
        drive: Some(ALEX_DRIVE.to_owned()),
        ..Account::new(
            "alex",
            "Alex Moreau",
            "alex@outlook.example",
            "Personal account, 5 GB",
            "00000000-0000-0000-8f2c-6d1e4b7a9053",
        )
    };
    let robin = Account {
        drive: Some(ROBIN_DRIVE.to_owned()),
        ..Account::new(
            "robin",
            "Robin Sato",
            "robin@contoso.example",
            "Work account, 1 TB",
            "3c1f0a52-77d1-4b1e-8a57-0d9e6c2b4f31",
        )
    };
    let no_license = Account::new(
        "nolicense",
        "No license",
        "nolicense@contoso.example",
        "Work account without OneDrive",
        "3c1f0a52-77d1-4b1e-8a57-0d9e6c2b4f32",
    );
    let blocked = Account {
        blocked: true,
        ..Account::new(
            "blocked",
            "Blocked by policy",
            "blocked@contoso.example",
            "Work account, sign-in refused by the organization",
            "3c1f0a52-77d1-4b1e-8a57-0d9e6c2b4f33",
        )
    };
    vec![alex, robin, no_license, blocked]
}
