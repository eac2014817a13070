//! Credentials and the access tokens they are exchanged for.
//!
//! Three ways lead to a credential: [`sign_in`] (Duplicati's AuthID service), [`direct`] (Microsoft itself, through the
//! browser and a port of this computer) and [`device`] (Microsoft itself, with a short code typed on another computer).
//! [`tokens`] exchanges it, one request at a time.

mod auth_id;
mod auth_id_service;
mod body;
mod credential;
mod device;
mod direct;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod loopback;
mod refusal;
mod sign_in;
mod token_endpoint;
mod tokens;

pub use auth_id::AuthId;
pub use credential::{Credential, Grant, Registration, TokenStore};
pub use device::{DeviceSignIn, PendingDevice};
pub use direct::{DirectSignIn, PendingDirect};
pub use sign_in::{PendingSignIn, SignIn};
pub use tokens::Now;
pub(crate) use tokens::Tokens;

/// The innermost reason of a failed request, without its address.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    if std::ptr::addr_eq(source, error) {
        "no answer".to_owned()
    } else {
        source.to_string()
    }
}
