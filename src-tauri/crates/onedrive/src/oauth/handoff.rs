//! Hands the browser an address that holds a secret.
//!
//! A launcher such as `xdg-open`, and the browser that it starts, show their arguments to every user of the computer.
//! They get an address of this computer instead, which leads on to the real one exactly once.

use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Method, StatusCode};

use super::loopback::{Loopback, Reply, host_of, page};
use crate::error::{Error, Result};

/// An address of this computer that leads the first browser that asks to another address.
pub struct Handoff {
    loopback: Loopback,
    gate: Gate,
}

/// Decides which request is led on.
struct Gate {
    port: u16,
    path: String,
    target: HeaderValue,
    is_used: AtomicBool,
}

impl Handoff {
    /// Takes a port; [`serve`](Self::serve) answers there.
    ///
    /// # Errors
    /// [`Error::Loopback`] when no port can be had, [`Error::Setup`] for a target that is no address.
    pub async fn bind(target: &str) -> Result<Self> {
        let target = HeaderValue::from_str(target).map_err(|error| Error::Setup {
            said: error.to_string(),
        })?;
        let loopback = Loopback::bind().await?;
        let gate = Gate {
            port: loopback.port(),
            path: format!("/{}", hex::encode(rand::random::<[u8; 16]>())),
            target,
            is_used: AtomicBool::new(false),
        };
        Ok(Self { loopback, gate })
    }

    /// The address for the browser.
    pub fn address(&self) -> String {
        format!("{}{}", self.loopback.redirect_uri(), self.gate.path)
    }

    /// Answers until it is dropped.
    pub async fn serve(self) {
        let Self { loopback, gate } = self;
        let answer = move |request: &hyper::Request<hyper::body::Incoming>| {
            let target = request.uri().to_string();
            gate.answer(request.method(), host_of(request), &target)
        };
        loopback.serve(answer, || None::<()>).await;
    }
}

impl Gate {
    fn answer(&self, method: &Method, host: Option<&[u8]>, target: &str) -> Reply {
        let is_browser =
            method == Method::GET && Loopback::is_host(self.port, host) && target == self.path;
        if !is_browser {
            return page(StatusCode::NOT_FOUND, "Not found", "There is nothing here.");
        }
        if self.is_used.swap(true, Ordering::SeqCst) {
            return page(
                StatusCode::GONE,
                "This address was already used",
                "Start the sign-in again in Coffer.",
            );
        }
        let mut reply = page(
            StatusCode::FOUND,
            "One moment",
            "The sign-in page is about to open.",
        );
        reply.headers_mut().insert(LOCATION, self.target.clone());
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "https://sign-in.example/?token=secret";

    fn gate() -> Gate {
        Gate {
            port: 4711,
            path: "/abc".to_owned(),
            target: HeaderValue::from_static(SECRET),
            is_used: AtomicBool::new(false),
        }
    }

    fn ask(gate: &Gate, method: &Method, host: &str, target: &str) -> (u16, Option<String>) {
        let reply = gate.answer(method, Some(host.as_bytes()), target);
        let location = reply.headers().get(LOCATION);
        let location = location.map(|value| value.to_str().unwrap().to_owned());
        (reply.status().as_u16(), location)
    }

    #[test]
    fn only_the_first_browser_that_knows_the_address_is_led_on() {
        let gate = gate();
        for (method, host, target) in [
            (&Method::GET, "localhost:4711", "/"),
            (&Method::GET, "localhost:4711", "/abcd"),
            (&Method::GET, "evil.example:4711", "/abc"),
            (&Method::POST, "localhost:4711", "/abc"),
        ] {
            let answer = ask(&gate, method, host, target);
            assert_eq!(answer, (404, None), "{method} {host} {target}");
        }
        let first = ask(&gate, &Method::GET, "localhost:4711", "/abc");
        assert_eq!(first, (302, Some(SECRET.to_owned())));
        let second = ask(&gate, &Method::GET, "127.0.0.1:4711", "/abc");
        assert_eq!(second, (410, None));
    }
}
