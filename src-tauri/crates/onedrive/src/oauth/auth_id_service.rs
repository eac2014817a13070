//! Duplicati's AuthID service: exchanges an AuthID for an access token.

use std::time::Duration;

use coffer_destination::{Error as DestinationError, Result, SignInOutage, SignInProblem};
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};
use secrecy::SecretString;
use serde::Deserialize;

use super::refusal::Refusal;
use super::token_endpoint::Seconds;
use super::{AuthId, body, why_unreachable};
use crate::client::{Http, named_wait};
use crate::endpoints::{Endpoints, is_loopback};

/// Time for one refresh.
const PATIENCE: Duration = Duration::from_secs(25);
/// Period in which the service answers an AuthID only a few times.
const HOUR: Duration = Duration::from_secs(3600);
/// Shortest time until the service's quota is restored.
const FEW_HOURS: Duration = Duration::from_secs(2 * 3600);

#[derive(Deserialize)]
struct RefreshJson {
    access_token: String,
    /// Seconds left.
    #[serde(default)]
    expires: Seconds,
}

/// An error in the service's own format.
#[derive(Deserialize)]
struct ErrorJson {
    error: String,
}

/// Fetches an access token and its lifetime.
pub(super) async fn refresh(
    http: &Http,
    endpoints: &Endpoints,
    auth_id: &AuthId,
) -> Result<(SecretString, Duration)> {
    let url = endpoints.oauth_url();
    let mut answer = ask(http, url, auth_id).await?;
    if let Some(worker) = worker(url, &answer) {
        answer = ask(http, &worker, auth_id).await?;
    }
    let status = answer.status();
    let reason = answer.headers().get("X-Reason");
    let reason = reason.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let named = named_wait(answer.headers());
    let body = body::read(answer).await.unwrap_or_default();
    if !status.is_success() {
        return Err(refused(status, reason.as_deref(), named, &body));
    }
    parse_token(&body).ok_or_else(|| DestinationError::Unavailable {
        why:
            "something other than the sign-in service answered; does the network require a sign-in?"
                .to_owned(),
    })
}

async fn ask(http: &Http, url: &str, auth_id: &AuthId) -> Result<Response> {
    let request = http
        .to(url)
        .get(url)
        .header("X-AuthID", auth_id.expose())
        .timeout(PATIENCE);
    let answer = request.send().await;
    answer.map_err(|error| DestinationError::Unavailable {
        why: why_unreachable("the sign-in service", &error),
    })
}

/// The worker that a load-balancing service names. Accepted only over TLS, where no one else can have named it, or on
/// this computer.
fn worker(service: &str, answer: &Response) -> Option<String> {
    if !answer.status().is_redirection() {
        return None;
    }
    let named = answer.headers().get(LOCATION)?.to_str().ok()?;
    let worker = Url::parse(service).ok()?.join(named).ok()?;
    let is_trusted = if is_loopback(service) {
        is_loopback(worker.as_str())
    } else {
        worker.scheme() == "https" && !is_loopback(worker.as_str())
    };
    is_trusted.then(|| worker.into())
}

/// Parses a successful answer of `/refresh`.
fn parse_token(body: &[u8]) -> Option<(SecretString, Duration)> {
    let reply: RefreshJson = serde_json::from_slice(body).ok()?;
    let token = reply.access_token;
    (!token.is_empty()).then(|| (SecretString::from(token), reply.expires.lifetime()))
}

/// What an error of `/refresh` means.
fn refused(
    status: StatusCode,
    reason: Option<&str>,
    named: Option<Duration>,
    body: &[u8],
) -> DestinationError {
    let own: Option<ErrorJson> = serde_json::from_slice(body).ok();
    let provider = [reason, own.as_ref().map(|own| own.error.as_str())]
        .into_iter()
        .flatten()
        .find_map(Refusal::quoted);
    if let Some(refusal) = provider {
        return refusal.into_destination();
    }
    // A firewall's page or a server in front of the service has neither, and knows nothing about AuthIDs.
    let is_own = reason.is_some() || own.is_some();
    match (status.as_u16(), reason) {
        (400 | 401 | 403 | 404, _) if is_own => DestinationError::SignInRequired {
            why: SignInProblem::UnknownCredential,
            code: None,
        },
        (503, Some(reason)) if reason.trim().is_empty() => DestinationError::SignInUnavailable {
            why: SignInOutage::OverQuota,
            retry_after: Some(FEW_HOURS),
        },
        (503, Some(_)) | (429, _) => DestinationError::SignInUnavailable {
            why: SignInOutage::LimitedForAnHour,
            retry_after: Some(named.unwrap_or_default().max(HOUR)),
        },
        (503, None) if named.is_some() => DestinationError::Throttled { retry_after: named },
        (code, _) if is_own || code >= 500 => DestinationError::Unavailable {
            why: format!("the sign-in service answered with status {code}"),
        },
        (code, _) => DestinationError::Unavailable {
            why: format!(
                "something between this computer and the sign-in service answered with status {code}"
            ),
        },
    }
}

/// Parses arbitrary bytes, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(super) fn read_hostile(body: &[u8]) {
    let _ = parse_token(body);
    let text = String::from_utf8_lossy(body);
    for status in [StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR] {
        let _ = refused(status, Some(&text), None, body);
        let _ = refused(status, None, None, body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, reason: Option<&str>, body: &str) -> DestinationError {
        refused(
            StatusCode::from_u16(status).unwrap(),
            reason,
            None,
            body.as_bytes(),
        )
    }

    #[test]
    fn only_the_service_itself_can_end_a_sign_in() {
        for status in [400, 401, 403, 404] {
            for page in [
                "",
                "<html>blocked</html>",
                "nginx: upstream is gone",
                "{}",
                "[1]",
            ] {
                let passes = answered(status, None, page);
                assert!(passes.is_transient(), "{status} {page}: {passes:?}");
            }
            for own in [
                answered(status, None, r#"{"error":"No such key"}"#),
                answered(
                    status,
                    Some("Invalid key or password"),
                    "Invalid key or password",
                ),
            ] {
                let is_final = matches!(own, DestinationError::SignInRequired { .. });
                assert!(is_final, "{status}: {own:?}");
            }
        }
    }

    #[test]
    fn a_limit_says_for_how_long() {
        let wait = |reason| answered(503, Some(reason), "").retry_after();
        assert_eq!(
            wait("Too many requests for this key, wait 60 minutes"),
            Some(HOUR)
        );
        assert_eq!(wait(""), Some(FEW_HOURS));
        assert!(answered(503, None, "<html>").is_transient());
    }

    #[test]
    fn the_words_of_microsoft_inside_are_understood() {
        let words = r#"{"error":"invalid_grant","error_description":"AADSTS50173: x","error_codes":[50173]}"#;
        let reason = format!("Authentication provider for onedrivev2 gave error: {words}");
        let body = serde_json::json!({"error": format!("Request error: {words} (code: 400)")});
        for error in [
            answered(500, Some(&reason), "Server error"),
            answered(500, None, &body.to_string()),
        ] {
            let is_understood = matches!(
                error,
                DestinationError::SignInRequired {
                    why: SignInProblem::PasswordChanged,
                    code: Some(50_173),
                }
            );
            assert!(is_understood, "{error:?}");
        }
        let passing = r#"gave error: {"error":"temporarily_unavailable","error_codes":[90033]}"#;
        assert!(answered(500, Some(passing), "").is_transient());
        // A page that happens to contain such a word is not an answer of the service.
        assert!(answered(500, None, "<html>invalid_grant</html>").is_transient());
    }

    #[test]
    fn a_success_without_a_token_is_none() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":1}"#,
        ] {
            assert!(parse_token(body.as_bytes()).is_none(), "{body}");
        }
        let (_, lifetime) = parse_token(br#"{"access_token":"x","expires":"59.5"}"#).unwrap();
        assert_eq!(lifetime.as_millis(), 59_500);
    }
}
