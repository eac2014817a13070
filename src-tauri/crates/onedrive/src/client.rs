//! Graph: one account, its drives, and a folder of one as a destination.

mod account;
mod answer;
mod destination;
mod download;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod gate;
mod graph;
mod limit;
mod place;
mod upload;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(feature = "fuzzing")]
pub use fuzzing::graph_answer;

pub use account::{Drive, OneDrive};
pub use destination::{Deletion, OneDriveDestination, TransferOptions};
pub use limit::Bandwidth;

use crate::error::{Error, Result};

/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Without a byte of an answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Connections are not kept longer than this; half-dead ones would be used again.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// A client for Graph and the AuthID service. Redirects are left to the caller, who knows which may get what.
pub(crate) fn http_client() -> Result<reqwest::Client> {
    build(reqwest::Client::builder())
}

/// A client for upload and download addresses. HTTP/1.1, because uploads have been seen to stall over HTTP/2.
pub(crate) fn content_client() -> Result<reqwest::Client> {
    build(reqwest::Client::builder().http1_only())
}

/// A panic elsewhere does not make the value useless.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder
        .user_agent(concat!("NONISV|Coffer|Coffer/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(IDLE_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .referer(false)
        .build()
        .map_err(|error| Error::Setup {
            why: error.to_string(),
        })
}
