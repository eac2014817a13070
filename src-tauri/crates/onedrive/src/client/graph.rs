use std::sync::{Arc, Mutex};

use bytes::Bytes;
use coffer_destination::{Error as DestinationError, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::Http;
use super::answer::{Refusal, is_page};
use super::gate::{Gate, Permit, Reason};
use super::moving::{IDLE, Moving};
use super::upload::pace::Fragments;
use crate::endpoints::Endpoints;
use crate::oauth::{Tokens, why_unreachable};

/// The message for a web page in place of an answer.
pub(crate) const PAGE: &str = "something between this computer and OneDrive answered with a web page: does the network want a sign-in?";
/// Maximum size of an answer that is read into memory, in bytes; a page of 1000 entries has about 1 MiB.
const MAX_ANSWER: usize = 32 << 20;

/// Requests to Graph with a token, and to content addresses without one.
pub(crate) struct Graph {
    pub(crate) endpoints: Endpoints,
    http: Http,
    content: Http,
    tokens: Tokens,
    pub(crate) gate: Arc<Gate>,
    /// Fragment sizes that work for uploads of this account.
    pub(super) fragments: Mutex<Fragments>,
}

/// A request that can be repeated: method, address and body.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) json: Option<&'a serde_json::Value>,
    /// The operation and its file or folder, for errors.
    pub(crate) purpose: (&'static str, &'a str),
}

/// An answer, or why there is none.
pub(crate) enum Outcome {
    Answer(Response),
    Refused(Refusal),
}

impl Graph {
    pub(crate) fn new(
        endpoints: Endpoints,
        http: Http,
        content: Http,
        tokens: Tokens,
        gate: Arc<Gate>,
    ) -> Arc<Self> {
        Arc::new(Self {
            endpoints,
            http,
            content,
            tokens,
            gate,
            fragments: Mutex::default(),
        })
    }

    pub(crate) async fn renew(&self) -> Result<()> {
        self.tokens.renew().await
    }

    /// Sends a call and parses the JSON of a successful answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        cancel: &CancellationToken,
    ) -> Result<T> {
        let (operation, name) = call.purpose;
        match self.send(&call, cancel).await? {
            Outcome::Answer(answer) => read_json(answer, operation, name, cancel).await,
            Outcome::Refused(refusal) => Err(refusal.into_error(operation, name)),
        }
    }

    /// Sends a call; a refused token is replaced once.
    pub(crate) async fn send(
        &self,
        call: &Call<'_>,
        cancel: &CancellationToken,
    ) -> Result<Outcome> {
        self.send_with(&call.url, &Moving::new(0), cancel, || {
            let request = self.request(call.method.clone(), &call.url);
            Ok(match call.json {
                Some(json) => request.json(json),
                None if call.method == Method::POST => request.header("Content-Length", "0"),
                None => request,
            })
        })
        .await
    }

    /// Like [`Graph::send`], for a request that `build` creates for each attempt, with a body that `moving` tracks.
    pub(crate) async fn send_with(
        &self,
        url: &str,
        moving: &Moving,
        cancel: &CancellationToken,
        build: impl Fn() -> Result<RequestBuilder> + Sync,
    ) -> Result<Outcome> {
        if !self.endpoints.is_graph(url) {
            let why = "OneDrive led to an address that must not get the sign-in".to_owned();
            let (operation, name) = ("follow", url.split('?').next().unwrap_or_default());
            return Err(DestinationError::Refused {
                operation,
                name: name.to_owned(),
                why,
            });
        }
        let mut replaced = false;
        loop {
            let token = cancellable(cancel, self.tokens.get()).await??;
            let request = build()?
                .header(AUTHORIZATION, bearer(&token))
                .header("client-request-id", uuid::Uuid::new_v4().to_string());
            match self.dispatch_moving(moving, request, cancel).await? {
                Outcome::Refused(refusal) if refusal.is_unauthorized() => {
                    if !replaced && cancellable(cancel, self.tokens.replace(&token)).await?? {
                        replaced = true;
                        continue;
                    }
                    if self.gate.doubts_sign_in() {
                        return Ok(Outcome::Refused(refusal));
                    }
                    // Usually a hiccup: the end of a sign-in shows up when the token is renewed.
                    let why = "Microsoft does not accept the access it gave, at this moment";
                    return Err(DestinationError::Unavailable {
                        why: why.to_owned(),
                    });
                }
                Outcome::Answer(answer) => {
                    if answer.status().is_success() {
                        self.gate.trusts_sign_in();
                    }
                    return Ok(Outcome::Answer(answer));
                }
                refused => return Ok(refused),
            }
        }
    }

    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.to(url).request(method, url)
    }

    /// A request to an upload or download address, which contains its own credential: no token is sent.
    pub(crate) fn content_request(&self, method: Method, url: &str) -> RequestBuilder {
        self.content.to(url).request(method, url)
    }

    /// Waits at the gate, sends, and closes the gate if the service asks for it.
    pub(crate) async fn dispatch(
        &self,
        request: RequestBuilder,
        cancel: &CancellationToken,
    ) -> Result<Outcome> {
        self.dispatch_moving(&Moving::new(0), request, cancel).await
    }

    /// Like [`Graph::dispatch`], for a request that is aborted when `moving` sees no progress.
    pub(crate) async fn dispatch_moving(
        &self,
        moving: &Moving,
        request: RequestBuilder,
        cancel: &CancellationToken,
    ) -> Result<Outcome> {
        let (client, request) = request.build_split();
        let request = request.map_err(unreachable)?;
        let permit = cancellable(cancel, self.gate.pass(body_bytes(&request))).await?;
        let permit = permit.map_err(|left| DestinationError::Throttled {
            retry_after: Some(left),
        })?;
        moving.begin();
        tokio::select! {
            biased;
            done = self.exchange(&permit, client.execute(request), cancel) => done,
            () = moving.stalled() => Err(DestinationError::Unavailable {
                why: "OneDrive took too long to answer".to_owned(),
            }),
        }
    }

    async fn exchange(
        &self,
        permit: &Permit<'_>,
        sending: impl Future<Output = reqwest::Result<Response>>,
        cancel: &CancellationToken,
    ) -> Result<Outcome> {
        let answer = cancellable(cancel, sending).await?.map_err(unreachable)?;
        permit.observe_limits(answer.headers());
        if answer.status().is_success() || answer.status().is_redirection() {
            permit.succeeded();
            return Ok(Outcome::Answer(answer));
        }
        let refusal = cancellable(cancel, Refusal::read(answer)).await?;
        if refusal.is_throttling() {
            let reason = match refusal.status.as_u16() {
                503 => Reason::Busy,
                _ => Reason::TooMuch,
            };
            permit.refused(refusal.retry_after, reason);
        }
        Ok(Outcome::Refused(refusal))
    }
}

/// Size of the body, if known.
fn body_bytes(request: &reqwest::Request) -> u64 {
    let headers_read = request.headers().get(CONTENT_LENGTH);
    let headers_read = headers_read.and_then(|length| length.to_str().ok()?.parse().ok());
    let held = || request.body()?.as_bytes().map(|bytes| bytes.len() as u64);
    headers_read.or_else(held).unwrap_or(0)
}

fn bearer(token: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

/// Ends `work` early when the token is triggered.
pub(crate) async fn cancellable<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(DestinationError::Cancelled),
        done = work => Ok(done),
    }
}

/// A request without an answer.
pub(crate) fn unreachable(error: reqwest::Error) -> DestinationError {
    DestinationError::Unavailable {
        why: why_unreachable("OneDrive", &error),
    }
}

/// The next piece of an answer's body; a connection without any for a long time is considered dead.
pub(crate) async fn next_piece(
    answer: &mut Response,
    cancel: &CancellationToken,
) -> Result<Option<Bytes>> {
    match cancellable(cancel, tokio::time::timeout(IDLE, answer.chunk())).await? {
        Ok(piece) => piece.map_err(unreachable),
        Err(_) => Err(DestinationError::Unavailable {
            why: "OneDrive stopped in the middle of an answer".to_owned(),
        }),
    }
}

pub(crate) async fn read_json<T: DeserializeOwned>(
    mut answer: Response,
    operation: &'static str,
    name: &str,
    cancel: &CancellationToken,
) -> Result<T> {
    if is_page(answer.headers()) || answer.status().is_redirection() {
        return Err(DestinationError::Unavailable {
            why: PAGE.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    while let Some(part) = next_piece(&mut answer, cancel).await? {
        bytes.extend_from_slice(&part);
        if bytes.len() > MAX_ANSWER {
            let why = format!("OneDrive's answer does not end (could not {operation} {name})");
            return Err(DestinationError::Unavailable { why });
        }
    }
    serde_json::from_slice(&bytes).map_err(|error| DestinationError::Unavailable {
        why: format!("OneDrive's answer cannot be read (could not {operation} {name}: {error})"),
    })
}
