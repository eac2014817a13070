//! OneDrive: a destination over Microsoft Graph, and signing in to it.
//!
//! * [`OneDriveUrl`] reads `onedrivev2://…` as Duplicati does, quirks included.
//! * [`AuthId`] and [`SignIn`] get a credential from Duplicati's AuthID service through the system browser;
//!   access tokens come from its `/refresh` and stay in memory.
//! * [`DirectSignIn`] and [`DeviceSignIn`] get one from Microsoft itself, for an app that is registered there; the
//!   refresh token stays in the caller's [`TokenStore`].
//! * [`OneDrive`] is an account: its drives and folders. [`OneDrive::destination`] is a folder of it as a
//!   [`Destination`](coffer_destination::Destination).
//!
//! Three origins are kept apart: Graph gets the bearer token; upload and download addresses carry their own credentials
//! and get none; the AuthID service gets the AuthID in a header. All requests of an account pass one gate, which obeys
//! the limits of the service across restarts and in all processes that share a folder ([`OneDrive::with_pacing`]), and
//! learns how much it sustains. Redirects are never followed blindly.
//!
//! An answer is trusted if the service itself sent it, judging by its JSON or by headers that only such services send.
//! Answers of a proxy, a firewall or a hotel's portal count as transient, and end neither a run nor a sign-in.
//! `tests/suite/answers` lists every answer that was reported, and how it is handled.
//!
//! The protocol, and the reasons for it, are [below](#onedrive-and-its-sign-in-on-the-wire).
//!
#![doc = include_str!("../docs/protocol.md")]

mod client;
mod endpoints;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod names;
mod oauth;
mod quickxor;
mod url;

pub use client::{
    Allowance, Bandwidth, Deletion, Drive, OneDrive, OneDriveDestination, TransferOptions,
};
pub use endpoints::{DEFAULT_OAUTH_URL, Endpoints};
pub use error::{AuthIdProblem, Error, FolderProblem, Result, SignInRefusal};
pub use names::check_folder;
pub use oauth::{
    AuthId, Credential, DeviceSignIn, DirectSignIn, Grant, Handoff, Now, PendingDevice,
    PendingDirect, PendingSignIn, Registration, SignIn, TokenStore,
};
pub use quickxor::QuickXor;
pub use url::{OneDriveUrl, Place, SiteAddress};

/// Makes the process use `ring` for TLS. Must run before the first [`OneDrive`] or [`SignIn`]; a second call does
/// nothing.
pub fn install_tls_provider() {
    // An error only says that one is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
