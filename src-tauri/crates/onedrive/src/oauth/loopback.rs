//! The port on this computer that the browser is redirected to.
//!
//! Any page in the browser can send requests to it, so nothing is trusted: only `GET /` with this port's own name as
//! `Host` and with the `state` of this sign-in counts, once. Everything else is answered and changes nothing.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// Ports that are tried until one is free for both address families.
const TRIES: usize = 20;
/// Connections at a time; a browser opens a few in advance.
const CONNECTIONS: usize = 16;
/// From the first byte of a connection to the end of its answer.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Bytes of the longest request; codes have about 2 KiB.
const MAX_REQUEST: usize = 32 * 1024;
/// Keeps the address, which contains the code, from leaking, and the page from loading anything.
const HEADERS: [(&str, &str); 5] = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
];

/// Listens on one port of `127.0.0.1` and, where there is IPv6, of `::1`: browsers take `localhost` for either.
pub(super) struct Loopback {
    v4: TcpListener,
    v6: Option<TcpListener>,
    port: u16,
}

pub(super) type Reply = Response<Full<Bytes>>;

/// The parameters of the redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Callback {
    /// A code to exchange for tokens.
    Code(String),
    /// The sign-in failed in the browser.
    Refused { error: String, description: String },
}

impl Loopback {
    /// # Errors
    /// [`Error::Loopback`] when no port can be had.
    pub(super) async fn bind() -> Result<Self> {
        let mut last = None;
        for _ in 0..TRIES {
            match Self::try_bind().await {
                Ok(bound) => return Ok(bound),
                Err(error) => last = Some(error),
            }
        }
        let said = last.map_or_else(String::new, |error| error.to_string());
        Err(Error::Loopback { said })
    }

    async fn try_bind() -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = v4.local_addr()?.port();
        let v6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Some(v6),
            // Another program listening there would get the code from a browser that prefers ::1.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // This computer has no IPv6.
            Err(_) => None,
        };
        Ok(Self { v4, v6, port })
    }

    /// The registered redirect address, with this port.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the browser without a timeout, then stops listening.
    pub(super) async fn wait(self, state: &str) -> Callback {
        let gate = Arc::new(Gatekeeper::new(self.port, state));
        let answering = Arc::clone(&gate);
        let answer = move |request: &Request<Incoming>| {
            let target = request.uri().to_string();
            answering.answer(request.method(), host_of(request), &target)
        };
        self.serve(answer, || gate.take()).await
    }

    /// Answers requests until one of them brought what `found` looks for.
    pub(super) async fn serve<T>(
        &self,
        answer: impl Fn(&Request<Incoming>) -> Reply + Send + Sync + 'static,
        found: impl Fn() -> Option<T>,
    ) -> T {
        let answer = Arc::new(answer);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                stream = accept(&self.v4), if connections.len() < CONNECTIONS => {
                    connections.spawn(serve(stream, Arc::clone(&answer)));
                }
                stream = accept_if(self.v6.as_ref()), if connections.len() < CONNECTIONS => {
                    connections.spawn(serve(stream, Arc::clone(&answer)));
                }
                Some(_) = connections.join_next() => {}
            }
            if let Some(found) = found() {
                return found;
            }
        }
    }

    /// Whether a request names this port as its host, as a browser does that was not led here under another name.
    pub(super) fn is_host(port: u16, host: Option<&[u8]>) -> bool {
        ["localhost", "127.0.0.1", "[::1]"]
            .into_iter()
            .any(|name| host.is_some_and(|host| host == format!("{name}:{port}").as_bytes()))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

/// What a request says it was sent to.
pub(super) fn host_of(request: &Request<Incoming>) -> Option<&[u8]> {
    request.headers().get(HOST).map(HeaderValue::as_bytes)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of handles, or already closed: the next may succeed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn accept_if(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => accept(listener).await,
        None => std::future::pending().await,
    }
}

/// Answers one request.
async fn serve(stream: TcpStream, answer: Arc<impl Fn(&Request<Incoming>) -> Reply>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let reply = answer(&request);
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(stream), service);
    // Broken and slow connections need no handling: the browser retries.
    let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
}

/// Decides which request is the redirect of this sign-in.
pub(super) struct Gatekeeper {
    port: u16,
    /// SHA-256 of the state, so that the time of a comparison reveals nothing about it.
    state: [u8; 32],
    found: Mutex<Option<Callback>>,
}

impl Gatekeeper {
    pub(super) fn new(port: u16, state: &str) -> Self {
        Self {
            port,
            state: Sha256::digest(state.as_bytes()).into(),
            found: Mutex::new(None),
        }
    }

    pub(super) fn answer(&self, method: &Method, host: Option<&[u8]>, target: &str) -> Reply {
        if !Loopback::is_host(self.port, host) {
            return page(
                StatusCode::MISDIRECTED_REQUEST,
                "Nothing to see here",
                "This address belongs to Coffer.",
            );
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != "/" {
            return page(StatusCode::NOT_FOUND, "Not found", "There is nothing here.");
        }
        if method != Method::GET {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                "Nothing to see here",
                "This address is only for signing in.",
            );
        }
        let Some(callback) = self.read(query) else {
            return page(
                StatusCode::BAD_REQUEST,
                "This sign-in is not recognized",
                "Go back to Coffer and start the sign-in there.",
            );
        };
        let reply = match &callback {
            Callback::Code(_) => page(
                StatusCode::OK,
                "You are signed in",
                "You can close this page and go back to Coffer.",
            ),
            Callback::Refused { .. } => page(
                StatusCode::OK,
                "You are not signed in",
                "You can close this page. See Coffer for details.",
            ),
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        // The first answer counts.
        found.get_or_insert(callback);
        reply
    }

    /// The code or the error, if the state is that of this sign-in.
    fn read(&self, query: &str) -> Option<Callback> {
        let url = reqwest::Url::parse(&format!("http://localhost/?{query}")).ok()?;
        let field = |name: &str| {
            let mut found = url.query_pairs().filter(|(key, _)| key == name);
            let value = found.next()?.1.into_owned();
            // Microsoft never repeats a parameter.
            found.next().is_none().then_some(value)
        };
        let state: [u8; 32] = Sha256::digest(field("state")?.as_bytes()).into();
        if state != self.state {
            return None;
        }
        if let Some(error) = field("error") {
            let description = field("error_description").unwrap_or_default();
            return Some(Callback::Refused { error, description });
        }
        let code = field("code").filter(|code| !code.is_empty())?;
        Some(Callback::Code(code))
    }

    pub(super) fn take(&self) -> Option<Callback> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.take()
    }
}

pub(super) fn page(status: StatusCode, title: &str, text: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>:root{{color-scheme:light dark}}body{{font:1.125rem/1.5 system-ui,sans-serif;\
         max-width:32rem;margin:20vh auto;padding:0 1.5rem}}</style>\
         <h1>{title}</h1><p>{text}</p></html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gatekeeper {
        Gatekeeper::new(4711, "the state")
    }

    fn status(gate: &Gatekeeper, method: &Method, host: &str, target: &str) -> u16 {
        let reply = gate.answer(method, Some(host.as_bytes()), target);
        reply.status().as_u16()
    }

    #[test]
    fn only_the_redirect_of_this_sign_in_counts() {
        let gate = gate();
        let good = "/?code=abc&state=the+state";
        for (method, host, target, expected) in [
            (&Method::GET, "evil.example:4711", good, 421),
            (&Method::GET, "localhost", good, 421),
            (&Method::GET, "localhost:4712", good, 421),
            (&Method::GET, "localhost:4711", "/favicon.ico", 404),
            (
                &Method::GET,
                "localhost:4711",
                "/x?code=abc&state=the+state",
                404,
            ),
            (&Method::POST, "localhost:4711", good, 405),
            (&Method::GET, "localhost:4711", "/?code=abc", 400),
            (
                &Method::GET,
                "localhost:4711",
                "/?code=abc&state=another",
                400,
            ),
            (
                &Method::GET,
                "localhost:4711",
                "/?code=&state=the+state",
                400,
            ),
            (
                &Method::GET,
                "localhost:4711",
                "/?code=a&state=the+state&state=x",
                400,
            ),
            (&Method::GET, "localhost:4711", "/?state=the+state", 400),
        ] {
            assert_eq!(
                status(&gate, method, host, target),
                expected,
                "{host} {target}"
            );
            assert_eq!(gate.take(), None, "{host} {target}");
        }
        for host in ["localhost:4711", "127.0.0.1:4711", "[::1]:4711"] {
            assert_eq!(status(&gate, &Method::GET, host, good), 200, "{host}");
            assert_eq!(gate.take(), Some(Callback::Code("abc".to_owned())));
        }
    }

    #[test]
    fn the_first_answer_counts() {
        let gate = gate();
        let get = |target| status(&gate, &Method::GET, "localhost:4711", target);
        get("/?error=access_denied&error_description=no%20thanks&state=the%20state");
        get("/?code=late&state=the%20state");

        let refused = Callback::Refused {
            error: "access_denied".to_owned(),
            description: "no thanks".to_owned(),
        };
        assert_eq!(gate.take(), Some(refused));
    }
}
