use std::time::Duration;

use rand::RngExt as _;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{AuthId, body};
use crate::client::{Http, sign_in_client};
use crate::endpoints::Endpoints;
use crate::error::{Error, Result, SignInRefusal};

/// Poll interval; the service keeps its answer for only 30 s.
const POLL: Duration = Duration::from_secs(2);
/// The service forgets the sign-in after five minutes.
const PATIENCE: Duration = Duration::from_secs(330);

/// Starts sign-ins through the system browser.
#[derive(Debug, Clone)]
pub struct SignIn {
    http: Http,
    endpoints: Endpoints,
    poll: Duration,
    patience: Duration,
}

/// A sign-in that waits for the user. It has no `Debug`, because its addresses are enough to fetch the AuthID.
pub struct PendingSignIn {
    http: Http,
    fetch_url: String,
    page: String,
    poll: Duration,
    patience: Duration,
}

/// The service's answer about a sign-in.
#[derive(Deserialize)]
struct FetchJson {
    authid: Option<String>,
    wait: Option<String>,
    error: Option<String>,
}

/// What [`FetchJson`] means.
enum Answer {
    Done(Result<AuthId>),
    /// The page was loaded, and the user has not finished.
    Waiting,
    /// The page was not loaded yet, or too long ago.
    Unknown,
}

impl SignIn {
    /// # Errors
    /// [`Error::Setup`] when no HTTP client can be made.
    pub fn new(endpoints: &Endpoints) -> Result<Self> {
        Ok(Self {
            http: sign_in_client()?,
            endpoints: endpoints.clone(),
            poll: POLL,
            patience: PATIENCE,
        })
    }

    /// Polls every `poll`, for at most `patience`.
    #[must_use]
    pub fn with_timing(self, poll: Duration, patience: Duration) -> Self {
        Self {
            poll,
            patience,
            ..self
        }
    }

    /// Creates a new sign-in; nothing is sent yet.
    pub fn start(&self) -> PendingSignIn {
        // It is enough to fetch the AuthID, so it is long and random.
        let token = hex::encode(rand::rng().random::<[u8; 24]>());
        let base = self.endpoints.oauth_base();
        PendingSignIn {
            http: self.http.clone(),
            fetch_url: format!("{base}fetch?token={token}"),
            page: format!("{base}?type=onedrivev2&token={token}"),
            poll: self.poll,
            patience: self.patience,
        }
    }
}

impl PendingSignIn {
    /// The page for the user's own browser.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// How long [`PendingSignIn::wait`] waits at most.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Waits until the user has finished.
    ///
    /// # Errors
    /// [`Error::SignInExpired`] after five and a half minutes, [`Error::Cancelled`], [`Error::InvalidAuthId`].
    pub async fn wait(self, cancel: &CancellationToken) -> Result<AuthId> {
        let waiting = async {
            let mut is_known = false;
            loop {
                tokio::time::sleep(self.poll).await;
                match self.ask().await {
                    Some(Answer::Done(found)) => return found,
                    Some(Answer::Waiting) => is_known = true,
                    // It existed and is gone: it was not fetched in time.
                    Some(Answer::Unknown) if is_known => return Err(Error::SignInExpired),
                    Some(Answer::Unknown) | None => {}
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => Err(Error::Cancelled),
            outcome = tokio::time::timeout(self.patience, waiting) => {
                outcome.unwrap_or(Err(Error::SignInExpired))
            }
        }
    }

    /// Polls once; `None` when there was no answer, which may be transient.
    async fn ask(&self) -> Option<Answer> {
        let answer = self
            .http
            .to(&self.fetch_url)
            .get(&self.fetch_url)
            .send()
            .await
            .ok()?;
        read_answer(&body::read(answer).await?)
    }
}

/// Parses an answer of `/fetch`; `None` if it is not one.
fn read_answer(body: &[u8]) -> Option<Answer> {
    let answer: FetchJson = serde_json::from_slice(body).ok()?;
    if let Some(id) = answer.authid {
        return Some(Answer::Done(AuthId::parse(&id)));
    }
    if answer.wait.is_some() {
        return Some(Answer::Waiting);
    }
    match answer.error?.as_str() {
        "Missing token" => Some(Answer::Done(Err(Error::SignInRefused {
            why: SignInRefusal::Service {
                said: "Missing token".to_owned(),
            },
        }))),
        // The service has no entry before the page is loaded.
        "No such entry" => Some(Answer::Unknown),
        _ => None,
    }
}

/// Parses arbitrary bytes, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(super) fn read_hostile(body: &[u8]) {
    let _ = read_answer(body);
}
