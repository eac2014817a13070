//! Tokens, AuthIDs and sign-ins under way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The grant behind an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) killed: bool,
}

/// The grant behind a refresh token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) account: String,
    pub(crate) client: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) revoked: Option<Revoked>,
}

/// Why a refresh token no longer works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Revoked {
    ByUser,
    PasswordChanged,
}

/// A request to the authorize address, while the pages are shown and until its code is redeemed.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) csrf: String,
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) response_mode: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) started: Timestamp,
}

/// The PKCE half of an authorize request.
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub(crate) value: String,
    pub(crate) sha256: bool,
}

/// An authorization code; it is kept after use to distinguish "used twice" from "never issued".
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) flow: Flow,
    pub(crate) account: String,
    pub(crate) expires: Timestamp,
    pub(crate) used: bool,
}

/// A device sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) user_code: String,
    pub(crate) client: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) answer: DeviceAnswer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceAnswer {
    Pending,
    Accepted(String),
    Declined,
}

/// What the AuthID server stores for a v1 AuthID, by its key id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuthId {
    pub(crate) password: String,
    pub(crate) service: String,
    pub(crate) refresh: String,
}

/// A fetch token: the app's side of an AuthID sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    pub(crate) expires: Timestamp,
    pub(crate) authid: Option<String>,
    pub(crate) fetched: bool,
}

/// The AuthID server's side of a sign-in at Microsoft.
#[derive(Debug, Clone)]
pub(crate) struct AuthIdLogin {
    pub(crate) service: String,
    pub(crate) fetch: Option<String>,
    pub(crate) version: u8,
    pub(crate) expires: Timestamp,
}

/// An access token the AuthID server hands out again, and its calls within the hour.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthIdCache {
    pub(crate) token: Option<(String, Timestamp)>,
    pub(crate) calls: Vec<Timestamp>,
}
