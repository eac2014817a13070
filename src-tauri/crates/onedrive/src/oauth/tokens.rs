use std::time::Duration;

use coffer_destination::{Error as DestinationError, Result};
use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::AuthId;
use crate::endpoints::Endpoints;

/// A token is renewed this long before it ends.
const MARGIN: Duration = Duration::from_secs(30);
/// Time for one refresh.
const PATIENCE: Duration = Duration::from_secs(25);

/// Access tokens of one AuthID. One refresh at a time; the others wait for its result.
pub(crate) struct Tokens {
    http: reqwest::Client,
    endpoints: Endpoints,
    auth_id: AuthId,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    token: SecretString,
    until: Instant,
}

#[derive(Deserialize)]
struct Refreshed {
    access_token: String,
    #[serde(default)]
    expires: u64,
}

impl Tokens {
    pub(crate) fn new(http: reqwest::Client, endpoints: Endpoints, auth_id: AuthId) -> Self {
        Self {
            http,
            endpoints,
            auth_id,
            cached: Mutex::new(None),
        }
    }

    /// A token that is valid now.
    pub(crate) async fn get(&self) -> Result<SecretString> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached
            .as_ref()
            .filter(|cached| Instant::now() < cached.until)
        {
            return Ok(cached.token.clone());
        }
        let fresh = self.refresh().await?;
        let token = fresh.token.clone();
        *cached = Some(fresh);
        Ok(token)
    }

    /// Graph refused this token: the next [`Tokens::get`] asks for another. False when the service gives out the same
    /// one, so that asking again is of no use.
    pub(crate) async fn replace(&self, refused: &SecretString) -> Result<bool> {
        let mut cached = self.cached.lock().await;
        let is_current = cached
            .as_ref()
            .is_some_and(|cached| cached.token.expose_secret() == refused.expose_secret());
        if !is_current {
            // Somebody else replaced it meanwhile.
            return Ok(true);
        }
        *cached = None;
        let fresh = self.refresh().await?;
        let is_new = fresh.token.expose_secret() != refused.expose_secret();
        *cached = Some(fresh);
        Ok(is_new)
    }

    async fn refresh(&self) -> Result<Cached> {
        let request = self
            .http
            .get(self.endpoints.refresh())
            .header("X-AuthID", self.auth_id.expose())
            .timeout(PATIENCE);
        let answer = request
            .send()
            .await
            .map_err(|error| DestinationError::Unavailable {
                why: format!("the sign-in service cannot be reached ({})", cause(&error)),
            })?;
        let status = answer.status();
        let reason = answer.headers().get("X-Reason");
        let reason = reason.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = answer.text().await.unwrap_or_default();
        if !status.is_success() {
            return Err(refused(status, reason.as_deref(), &body));
        }
        let refreshed: Refreshed =
            serde_json::from_str(&body).map_err(|_| DestinationError::Unavailable {
                why: "the sign-in service answered something unexpected".to_owned(),
            })?;
        // The service serves cached tokens while half a minute remains; at least the next call gets to use one.
        let lifetime = Duration::from_secs(refreshed.expires.min(86_400)).saturating_sub(MARGIN);
        Ok(Cached {
            token: SecretString::from(refreshed.access_token),
            until: Instant::now() + lifetime.max(Duration::from_secs(5)),
        })
    }
}

/// What an error of `/refresh` means.
fn refused(status: StatusCode, reason: Option<&str>, body: &str) -> DestinationError {
    let text = format!("{} {body}", reason.unwrap_or_default());
    let provider_refused = ["invalid_grant", "AADSTS", "interaction_required"]
        .iter()
        .any(|sign| text.contains(sign));
    match (status.as_u16(), reason) {
        (400 | 401 | 403 | 404, _) => DestinationError::SignInRequired {
            why: "the sign-in service does not know the AuthID".to_owned(),
        },
        (503, Some(reason)) if reason.trim().is_empty() => DestinationError::SignInUnavailable {
            why: "the sign-in service is over its quota; try again in a few hours".to_owned(),
        },
        (503, Some(_)) => DestinationError::SignInUnavailable {
            why: "the sign-in service limits how often this AuthID is used; try again in an hour"
                .to_owned(),
        },
        _ if provider_refused => DestinationError::SignInRequired {
            why: "Microsoft refused the sign-in".to_owned(),
        },
        (code, _) => DestinationError::Unavailable {
            why: format!("the sign-in service answered with status {code}"),
        },
    }
}

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
