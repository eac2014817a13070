//! Microsoft's token endpoint: posts forms and returns tokens or the reason for a refusal.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffer_destination::{Error as DestinationError, SignInProblem};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::credential::Grant;
use super::refusal::{Refusal, UNEXPECTED};
use super::{body, why_unreachable};
use crate::client::{Http, named_wait};
use crate::error::{Error, Result, SignInRefusal};

/// Time for one request.
const PATIENCE: Duration = Duration::from_secs(25);

/// A successful reply of the token endpoint.
#[derive(Deserialize)]
pub(super) struct TokenReply {
    access_token: String,
    #[serde(default)]
    expires_in: Seconds,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
}

/// A number, or a string with one, as old endpoints send it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(f64),
    Text(String),
}

impl Default for Seconds {
    fn default() -> Self {
        Self::Number(0.0)
    }
}

impl Seconds {
    /// The lifetime of a token, capped at a day.
    pub(super) fn lifetime(&self) -> Duration {
        let seconds = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().unwrap_or(0.0),
        };
        if seconds.is_finite() && seconds > 0.0 {
            Duration::from_secs_f64(seconds.min(86_400.0))
        } else {
            Duration::ZERO
        }
    }
}

/// The claims that identify the account.
#[derive(Deserialize)]
struct Claims {
    oid: Option<String>,
    tid: Option<String>,
    preferred_username: Option<String>,
    nonce: Option<String>,
}

impl TokenReply {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let reply: Self = serde_json::from_slice(body).ok()?;
        (!reply.access_token.is_empty()).then_some(reply)
    }

    pub(super) fn access_token(&self) -> SecretString {
        SecretString::from(self.access_token.as_str())
    }

    /// The new refresh token; personal accounts may get none.
    pub(super) fn refresh_token(&self) -> Option<SecretString> {
        let token = self.refresh_token.as_deref();
        token
            .filter(|token| !token.is_empty())
            .map(SecretString::from)
    }

    /// How long the access token is valid.
    pub(super) fn lifetime(&self) -> Duration {
        self.expires_in.lifetime()
    }

    /// The result of a sign-in that sent `nonce`, if it sent one.
    pub(super) fn into_grant(self, nonce: Option<&str>) -> Result<Grant> {
        let refused = |why| Error::SignInRefused { why };
        let scopes = self.scope.as_deref().unwrap_or_default();
        if !scopes.is_empty() && !scopes.contains("Files.") {
            return Err(refused(SignInRefusal::FilesNotGranted));
        }
        let refresh_token = self
            .refresh_token()
            .ok_or_else(|| refused(SignInRefusal::StayingNotGranted))?;
        // It came directly from the token endpoint over TLS, so checking its signature would prove nothing more.
        let claims = self.id_token.as_deref().and_then(claims);
        if let (Some(sent), Some(claims)) = (nonce, &claims)
            && claims.nonce.as_deref() != Some(sent)
        {
            return Err(refused(SignInRefusal::Account {
                problem: SignInProblem::OtherSignIn,
                code: None,
            }));
        }
        let home = claims.as_ref().and_then(|claims| {
            let (oid, tid) = (claims.oid.as_ref()?, claims.tid.as_ref()?);
            Some(format!("{oid}.{tid}"))
        });
        Ok(Grant {
            refresh_token,
            home,
            username: claims.and_then(|claims| claims.preferred_username),
        })
    }
}

fn claims(id_token: &str) -> Option<Claims> {
    let payload = id_token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Why a form was refused.
pub(super) enum Failure {
    Unreachable {
        why: String,
    },
    /// Too many requests; retry after this time.
    Throttled {
        after: Duration,
    },
    Refused(Refusal),
}

impl Failure {
    pub(super) fn into_destination(self) -> DestinationError {
        match self {
            Self::Unreachable { why } => DestinationError::Unavailable { why },
            Self::Throttled { after } => DestinationError::Throttled {
                retry_after: Some(after),
            },
            Self::Refused(refusal) => refusal.into_destination(),
        }
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Refused(refusal) => refusal.into_error(),
            other => other.into_destination().into(),
        }
    }
}

/// Posts a form to Microsoft's sign-in service and returns the body of a successful reply.
pub(super) async fn post(
    http: &Http,
    url: &str,
    form: &[(&str, &str)],
) -> std::result::Result<Vec<u8>, Failure> {
    let unreachable = |error: reqwest::Error| Failure::Unreachable {
        why: why_unreachable("Microsoft's sign-in service", &error),
    };
    let request = http.to(url).post(url).form(form).timeout(PATIENCE);
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    if matches!(status.as_u16(), 429 | 503)
        && let Some(after) = named_wait(answer.headers())
    {
        return Err(Failure::Throttled { after });
    }
    let body = body::read(answer).await.ok_or_else(unexpected)?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(Failure::Refused(Refusal::of_reply(status.as_u16(), &body)))
    }
}

/// Posts a form and parses the JSON of a successful reply.
pub(super) async fn post_json<T: DeserializeOwned>(
    http: &Http,
    url: &str,
    form: &[(&str, &str)],
) -> std::result::Result<T, Failure> {
    let body = post(http, url, form).await?;
    serde_json::from_slice(&body).map_err(|_| unexpected())
}

/// Posts a form to the token endpoint.
pub(super) async fn post_for_token(
    http: &Http,
    url: &str,
    form: &[(&str, &str)],
) -> std::result::Result<TokenReply, Failure> {
    let body = post(http, url, form).await?;
    TokenReply::parse(&body).ok_or_else(unexpected)
}

fn unexpected() -> Failure {
    Failure::Refused(Refusal::Later {
        why: UNEXPECTED.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_parsed_in_every_format_and_capped() {
        for (text, seconds) in [
            ("3599", 3599),
            (r#""3599""#, 3599),
            ("1e300", 86_400),
            ("-5", 0),
            (r#""soon""#, 0),
        ] {
            let body = format!(r#"{{"access_token":"x","expires_in":{text}}}"#);
            let reply = TokenReply::parse(body.as_bytes()).unwrap();
            assert_eq!(reply.lifetime().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn a_grant_without_files_or_of_another_sign_in_is_refused() {
        let grant = |scope: &str, nonce: &str| {
            let claims =
                URL_SAFE_NO_PAD.encode(format!(r#"{{"oid":"o","tid":"t","nonce":"{nonce}"}}"#));
            let body = format!(
                r#"{{"access_token":"x","refresh_token":"y","scope":"{scope}","id_token":"h.{claims}.s"}}"#
            );
            TokenReply::parse(body.as_bytes())
                .unwrap()
                .into_grant(Some("n"))
        };
        assert!(grant("User.Read", "n").is_err());
        assert!(grant("https://graph.microsoft.com/Files.ReadWrite", "m").is_err());
        let good = grant("Files.ReadWrite User.Read", "n").unwrap();
        assert_eq!(good.home.as_deref(), Some("o.t"));
    }
}
