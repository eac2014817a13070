//! Duplicati's AuthID service: an AuthID for an access token.

use std::time::Duration;

use coffer_destination::{Error as DestinationError, Result};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;

use super::{AuthId, body, cause};
use crate::endpoints::Endpoints;

/// Time for one refresh.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Deserialize)]
struct Refreshed {
    access_token: String,
    /// Seconds left.
    #[serde(default)]
    expires: u64,
}

/// An access token and how long it works.
pub(super) async fn refresh(
    http: &reqwest::Client,
    endpoints: &Endpoints,
    auth_id: &AuthId,
) -> Result<(SecretString, Duration)> {
    let request = http
        .get(endpoints.refresh())
        .header("X-AuthID", auth_id.expose())
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
    let body = body::read(answer).await.unwrap_or_default();
    if !status.is_success() {
        let text = String::from_utf8_lossy(&body);
        return Err(refused(status, reason.as_deref(), &text));
    }
    let refreshed: Refreshed =
        serde_json::from_slice(&body).map_err(|_| DestinationError::Unavailable {
            why: "the sign-in service answered something unexpected".to_owned(),
        })?;
    let lifetime = Duration::from_secs(refreshed.expires.min(86_400));
    Ok((SecretString::from(refreshed.access_token), lifetime))
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

/// Reads an answer that may be anything.
#[cfg(feature = "fuzzing")]
pub(super) fn read_hostile(body: &[u8]) {
    let _ = serde_json::from_slice::<Refreshed>(body);
    let text = String::from_utf8_lossy(body);
    for status in [StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR] {
        let _ = refused(status, Some(&text), &text);
    }
}
