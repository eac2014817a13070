//! Signing in with Microsoft directly: authorization code with PKCE, through the system browser.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::credential::{Grant, Registration};
use super::loopback::{Callback, Loopback};
use super::refusal::Refusal;
use super::token_endpoint::{self, Failure};
use crate::client::{Http, sign_in_client};
use crate::endpoints::Endpoints;
use crate::error::{Error, Result};

/// How long the user may take; Microsoft's codes are valid as long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Starts sign-ins of an app that is registered at Microsoft as a public client with the redirect address
/// `http://localhost`.
#[derive(Debug, Clone)]
pub struct DirectSignIn {
    http: Http,
    endpoints: Endpoints,
    registration: Registration,
    patience: Duration,
}

/// A sign-in that waits for the browser's redirect.
pub struct PendingDirect {
    setup: DirectSignIn,
    loopback: Loopback,
    page: String,
    state: String,
    nonce: String,
    verifier: String,
}

impl DirectSignIn {
    /// # Errors
    /// [`Error::Setup`] when no HTTP client can be made.
    pub fn new(endpoints: &Endpoints, registration: Registration) -> Result<Self> {
        Ok(Self {
            http: sign_in_client()?,
            endpoints: endpoints.clone(),
            registration,
            patience: PATIENCE,
        })
    }

    /// Sets how long to wait for the browser.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Listens for the redirect and creates the address of the page. `known` is the name of the account that signs in
    /// again; without it, the page lets the user choose.
    ///
    /// # Errors
    /// [`Error::Loopback`].
    pub async fn start(&self, known: Option<&str>) -> Result<PendingDirect> {
        let loopback = Loopback::bind().await?;
        let [state, nonce, verifier] =
            std::array::from_fn(|_| URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let redirect_uri = loopback.redirect_uri();
        let mut fields = vec![
            ("client_id", self.registration.client_id()),
            ("response_type", "code"),
            ("redirect_uri", &redirect_uri),
            ("response_mode", "query"),
            ("scope", self.registration.scopes()),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        match known.filter(|name| !name.is_empty()) {
            Some(name) => fields.push(("login_hint", name)),
            // Otherwise the account that is signed in to the browser would be used without asking.
            None => fields.push(("prompt", "select_account")),
        }
        let url = self
            .endpoints
            .login(self.registration.tenant(), "authorize");
        let page = reqwest::Url::parse_with_params(&url, fields).map_err(|error| Error::Setup {
            said: error.to_string(),
        })?;
        Ok(PendingDirect {
            setup: self.clone(),
            loopback,
            page: page.into(),
            state,
            nonce,
            verifier,
        })
    }
}

impl PendingDirect {
    /// The page for the user's own browser, on this computer.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// How long [`PendingDirect::wait`] waits at most.
    pub fn patience(&self) -> Duration {
        self.setup.patience
    }

    /// Waits until the user has finished.
    ///
    /// # Errors
    /// [`Error::SignInExpired`], [`Error::Cancelled`], and Microsoft's refusals: [`Error::SignInDeclined`],
    /// [`Error::Registration`], [`Error::SignInRefused`].
    pub async fn wait(self, cancel: &CancellationToken) -> Result<Grant> {
        let redirect_uri = self.loopback.redirect_uri();
        let signing_in = async {
            let code = match self.loopback.wait(&self.state).await {
                Callback::Code(code) => code,
                Callback::Refused { error, description } => {
                    return Err(Refusal::of_callback(&error, &description).into_error());
                }
            };
            let registration = &self.setup.registration;
            let url = self.setup.endpoints.login(registration.tenant(), "token");
            let form = [
                ("client_id", registration.client_id()),
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &redirect_uri),
                ("code_verifier", &self.verifier),
            ];
            let reply = token_endpoint::post_for_token(&self.setup.http, &url, &form).await;
            reply
                .map_err(Failure::into_error)?
                .into_grant(Some(&self.nonce))
        };
        tokio::select! {
            () = cancel.cancelled() => Err(Error::Cancelled),
            outcome = tokio::time::timeout(self.setup.patience, signing_in) => {
                outcome.unwrap_or(Err(Error::SignInExpired))
            }
        }
    }
}
