//! What can be chosen when a simulator is started.

use std::path::PathBuf;

/// How the simulator is set up; [`Options::default`] suits most tests.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where accounts, tokens and files are kept; without it a temporary folder that ends with the simulator.
    pub data: Option<PathBuf>,
    /// Port of the API origin (sign-in, AuthID service, Graph, admin); 0 chooses a free one.
    pub api_port: u16,
    /// Port of the origin that takes uploads; 0 chooses a free one.
    pub up_port: u16,
    /// Port of the origin that serves downloads; 0 chooses a free one.
    pub dl_port: u16,
    /// Makes ids and tokens the same in every start with the same seed.
    pub seed: Option<u64>,
    /// Bearer of the admin API; random when absent.
    pub admin_token: Option<String>,
    /// Which of Duplicati's two AuthID servers is imitated.
    pub authid_dialect: AuthIdDialect,
    /// Refreshes of one AuthID the service allows within an hour; 0 is without limit.
    pub authid_hourly_limit: u32,
    /// What an upload address does with an `Authorization` header.
    pub upload_auth: UploadAuth,
    /// Account that signs in and agrees without a page being shown.
    pub auto_consent: Option<String>,
    /// Addresses put in answers instead of the own ones, for a TLS front.
    pub public_base: Option<Origins>,
    /// Redirect URIs accepted besides loopback ones and the AuthID service's own.
    pub redirect_uris: Vec<String>,
    /// Seconds between two questions about a device code; 5 when not given.
    pub device_interval: Option<u64>,
    /// Puts an empty page with a `nextLink` between any two pages of a listing.
    pub empty_pages: bool,
}

impl Options {
    /// Keeps everything under `data`, so that the next start with the same folder continues.
    pub fn in_folder(data: impl Into<PathBuf>) -> Self {
        Self {
            data: Some(data.into()),
            ..Self::default()
        }
    }
}

/// The base addresses of the three origins, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Sign-in, AuthID service, Graph and admin.
    pub api: String,
    /// Upload sessions.
    pub up: String,
    /// Downloads.
    pub dl: String,
}

/// Which AuthID server is imitated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthIdDialect {
    /// The hosted one on App Engine: JSON errors, `v2_authid` in uncached answers.
    #[default]
    Gae,
    /// The self-hosted .NET one: plain-text errors, JSONP.
    Dotnet,
}

/// What an upload or download address does with an `Authorization` header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UploadAuth {
    /// Answers 401, as parts of the real service do.
    #[default]
    Strict,
    /// Ignores it, as older clients need.
    Lenient,
}
