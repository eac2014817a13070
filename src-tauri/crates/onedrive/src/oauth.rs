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
mod handoff;
mod loopback;
mod refusal;
mod sign_in;
mod token_endpoint;
mod tokens;

pub use auth_id::AuthId;
pub use credential::{Credential, Grant, Registration, TokenStore};
pub use device::{DeviceSignIn, PendingDevice};
pub use direct::{DirectSignIn, PendingDirect};
pub use handoff::Handoff;
pub use sign_in::{PendingSignIn, SignIn};
pub use tokens::Now;
pub(crate) use tokens::Tokens;

/// Message for the user why a request to `whom` got no answer; without its address, which may contain a secret.
pub(crate) fn why_unreachable(whom: &str, error: &reqwest::Error) -> String {
    if has_foreign_certificate(error) {
        format!(
            "the network answered with a certificate that does not belong to {whom}; does it require a sign-in?"
        )
    } else {
        format!("{whom} cannot be reached ({})", cause(error))
    }
}

/// Whether the certificate of the other side was rejected.
fn has_foreign_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An I/O error returns the error it wraps from `get_ref`, not from `source`.
    let wrapped = error.downcast_ref::<std::io::Error>();
    let wrapped = wrapped.and_then(|error| error.get_ref());
    wrapped.is_some_and(|inner| has_foreign_certificate(inner))
        || error.source().is_some_and(has_foreign_certificate)
}

/// The innermost reason of a failed request.
fn cause(error: &reqwest::Error) -> String {
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
