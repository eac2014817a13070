//! Graph: one account, its drives, and a folder of one as a destination.

mod account;
mod answer;
mod destination;
mod download;
mod drive;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod gate;
mod graph;
mod item;
mod limit;
mod moving;
mod options;
mod pages;
mod place;
mod rests;
mod upload;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(feature = "fuzzing")]
pub use fuzzing::graph_answer;

pub use account::OneDrive;
pub(crate) use answer::named_wait;
pub use destination::OneDriveDestination;
pub use drive::Drive;
pub use gate::Allowance;
pub(crate) use gate::Gate;
pub use limit::Bandwidth;
pub use options::{Deletion, TransferOptions};

use crate::endpoints::is_loopback;
use crate::error::{Error, Result};

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Time without a byte from a sign-in service.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Idle connections are closed after this time, because half-dead ones would be used again.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// A client, and one for services on this computer: unencrypted requests to them must not go through a proxy. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    usual: reqwest::Client,
    own: reqwest::Client,
}

impl Http {
    fn new(builder: impl Fn() -> reqwest::ClientBuilder) -> Result<Self> {
        Ok(Self {
            usual: build(builder())?,
            own: build(builder().no_proxy())?,
        })
    }

    /// The client for this address.
    pub(crate) fn to(&self, url: &str) -> &reqwest::Client {
        if is_loopback(url) {
            &self.own
        } else {
            &self.usual
        }
    }
}

/// A client for the sign-in services. Redirects are left to the caller, who knows which may get what.
pub(crate) fn sign_in_client() -> Result<Http> {
    Http::new(|| reqwest::Client::builder().read_timeout(IDLE_TIMEOUT))
}

/// A client for Graph. It has no timeout for a request, because [`moving`] decides that.
pub(crate) fn graph_client() -> Result<Http> {
    Http::new(reqwest::Client::builder)
}

/// A client for upload and download addresses. HTTP/1.1, because uploads have been seen to stall over HTTP/2.
pub(crate) fn content_client() -> Result<Http> {
    Http::new(|| reqwest::Client::builder().http1_only())
}

/// A panic elsewhere does not make the value useless.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    // A receiver that accepts nothing for a while is not dead.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let builder = builder.tcp_user_timeout(IDLE_TIMEOUT);
    builder
        .user_agent(concat!("NONISV|Coffer|Coffer/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .referer(false)
        .build()
        .map_err(|error| Error::Setup {
            said: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_with_content_has_a_limit_from_its_start() {
        crate::install_tls_provider();
        for http in [graph_client(), content_client()] {
            let shown = format!("{:?}", http.unwrap());
            assert!(!shown.contains("timeout"), "{shown}");
        }
    }

    #[tokio::test]
    async fn no_proxy_stands_between_us_and_this_computer() {
        crate::install_tls_provider();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        // A proxy that must not be used.
        let builder =
            || reqwest::Client::builder().proxy(reqwest::Proxy::all(proxy.as_str()).unwrap());
        let http = Http::new(builder).unwrap();
        let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = service.local_addr().unwrap().port();

        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{port}/refresh");
            let sent = http.to(&url).get(&url).send();
            tokio::select! {
                biased;
                _ = service.accept() => {}
                _ = listener.accept() => panic!("{host} is asked through the proxy"),
                sent = sent => panic!("no answer: {sent:?}"),
            }
        }
    }
}
