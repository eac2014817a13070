//! Signing in with Microsoft directly with a short code, for a computer without a browser.

use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::credential::{Grant, Registration};
use super::refusal::{Refusal, UNEXPECTED};
use super::token_endpoint::{self, Failure};
use crate::client::{Http, sign_in_client};
use crate::endpoints::{Endpoints, is_private};
use crate::error::{Error, Result, SignInRefusal};

/// Longest lifetime of a code that is trusted.
const LONGEST_LIFE: Duration = Duration::from_secs(1800);
/// Time that `slow_down` adds to the poll interval.
const SLOWER: Duration = Duration::from_secs(5);

/// Starts sign-ins with a code.
#[derive(Debug, Clone)]
pub struct DeviceSignIn {
    http: Http,
    endpoints: Endpoints,
    registration: Registration,
}

/// A sign-in that waits for the code to be entered.
pub struct PendingDevice {
    setup: DeviceSignIn,
    device_code: String,
    user_code: String,
    page: String,
    patience: Duration,
    interval: Duration,
}

#[derive(Deserialize)]
struct DeviceJson {
    device_code: String,
    user_code: String,
    verification_uri: String,
    /// Seconds.
    expires_in: u64,
    /// Poll interval in seconds.
    #[serde(default = "usual_interval")]
    interval: u64,
}

fn usual_interval() -> u64 {
    5
}

impl DeviceSignIn {
    /// # Errors
    /// [`Error::Setup`] when no HTTP client can be made.
    pub fn new(endpoints: &Endpoints, registration: Registration) -> Result<Self> {
        Ok(Self {
            http: sign_in_client()?,
            endpoints: endpoints.clone(),
            registration,
        })
    }

    /// Requests a code from Microsoft.
    ///
    /// # Errors
    /// [`Error::Registration`], [`Error::SignInRefused`], and those of the connection.
    pub async fn start(&self) -> Result<PendingDevice> {
        let url = self
            .endpoints
            .login(self.registration.tenant(), "devicecode");
        let form = [
            ("client_id", self.registration.client_id()),
            ("scope", self.registration.scopes()),
        ];
        let json: DeviceJson = token_endpoint::post_json(&self.http, &url, &form)
            .await
            .map_err(Failure::into_error)?;
        if !is_private(&json.verification_uri) || json.user_code.len() > 64 {
            return Err(Error::SignInRefused {
                why: SignInRefusal::ForNow {
                    why: UNEXPECTED.to_owned(),
                },
            });
        }
        Ok(PendingDevice {
            setup: self.clone(),
            device_code: json.device_code,
            user_code: json.user_code,
            page: json.verification_uri,
            patience: Duration::from_secs(json.expires_in).min(LONGEST_LIFE),
            interval: Duration::from_secs(json.interval.clamp(1, 60)),
        })
    }
}

impl PendingDevice {
    /// The page, for a browser on any computer.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The code to enter there.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// How long the code is valid.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Overrides the poll interval that the service asks for.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Waits until the user has finished.
    ///
    /// # Errors
    /// [`Error::SignInExpired`], [`Error::Cancelled`], [`Error::SignInDeclined`], [`Error::SignInRefused`].
    pub async fn wait(self, cancel: &CancellationToken) -> Result<Grant> {
        let mut interval = self.interval;
        let asking = async {
            loop {
                tokio::time::sleep(interval).await;
                match self.ask().await {
                    Ok(grant) => return grant,
                    Err(Failure::Refused(Refusal::SlowDown)) => interval += SLOWER,
                    // A lost connection is transient; the code stays valid.
                    Err(
                        Failure::Unreachable { .. }
                        | Failure::Throttled { .. }
                        | Failure::Refused(Refusal::Pending | Refusal::Later { .. }),
                    ) => {}
                    Err(failure) => return Err(failure.into_error()),
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => Err(Error::Cancelled),
            outcome = tokio::time::timeout(self.patience, asking) => {
                outcome.unwrap_or(Err(Error::SignInExpired))
            }
        }
    }

    async fn ask(&self) -> std::result::Result<Result<Grant>, Failure> {
        let registration = &self.setup.registration;
        let url = self.setup.endpoints.login(registration.tenant(), "token");
        let form = [
            ("client_id", registration.client_id()),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", &self.device_code),
        ];
        let reply = token_endpoint::post_for_token(&self.setup.http, &url, &form).await?;
        Ok(reply.into_grant(None))
    }
}
