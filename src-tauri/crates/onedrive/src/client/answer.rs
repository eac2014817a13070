//! What an answer that is no success means.

use std::time::Duration;

use coffer_destination::Error as DestinationError;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};

/// Bytes of an error's body that are looked at.
const MAX_BODY: usize = 64 * 1024;

/// Codes of paths that can never work.
const LONG_PATH: [&str; 3] = ["pathIsTooLong", "pathTooDeep", "parameterIsTooLong"];

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Codes from the outermost to the most specific, in lower case.
    codes: Vec<String>,
    pub(crate) retry_after: Option<Duration>,
    /// The token lacks something that only the person can give.
    wants_claims: bool,
    /// A failure of Microsoft's own sign-in service, which passes.
    is_rps: bool,
}

impl Refusal {
    pub(crate) async fn read(mut answer: Response) -> Self {
        let mut body = Vec::new();
        while body.len() < MAX_BODY {
            match answer.chunk().await {
                Ok(Some(part)) => body.extend_from_slice(&part),
                _ => break,
            }
        }
        Self::of(answer.status(), answer.headers(), &body)
    }

    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let retry_after = headers.get("Retry-After").and_then(|value| {
            let value = value.to_str().ok()?.trim();
            value
                .parse()
                .ok()
                .map(Duration::from_secs)
                .or_else(|| until_date(value))
        });
        let challenge = headers.get("WWW-Authenticate");
        let wants_claims = challenge
            .and_then(|value| value.to_str().ok())
            .is_some_and(|challenge| challenge.contains("insufficient_claims"));
        Self {
            status,
            codes: codes(body),
            is_rps: status == StatusCode::UNAUTHORIZED
                && String::from_utf8_lossy(body).contains("Unable to initialize RPS"),
            retry_after,
            wants_claims,
        }
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.codes
            .iter()
            .any(|found| found.eq_ignore_ascii_case(code))
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// 429, 509, and a 503 that says when to come back.
    pub(crate) fn is_throttling(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 509)
            || (self.status == StatusCode::SERVICE_UNAVAILABLE && self.retry_after.is_some())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.status.as_u16() == 507
            || self.has_code("quotaLimitReached")
            || self.has_code("insufficientStorage")
    }

    /// The error for the destination's caller.
    pub(crate) fn into_error(self, operation: &'static str, name: &str) -> DestinationError {
        let code = self.codes.last().cloned();
        let described = code.map_or_else(String::new, |code| format!(" ({code})"));
        let refused = |why: String| DestinationError::Refused {
            operation,
            name: name.to_owned(),
            why: format!("{why}{described}"),
        };
        match self.status.as_u16() {
            _ if self.is_throttling() => DestinationError::Throttled {
                retry_after: self.retry_after,
            },
            _ if self.is_full() => DestinationError::Full,
            401 if self.is_rps => DestinationError::Unavailable {
                why: "Microsoft's sign-in service has a failure".to_owned(),
            },
            401 => DestinationError::SignInRequired {
                why: "Microsoft does not accept the access it gave".to_owned(),
            },
            403 if self.wants_claims => DestinationError::SignInRequired {
                why: "Microsoft asks for one more proof of who you are".to_owned(),
            },
            403 => refused("access is denied".to_owned()),
            404 => DestinationError::NotFound {
                name: name.to_owned(),
            },
            400 if LONG_PATH.iter().any(|code| self.has_code(code)) => {
                DestinationError::InvalidName {
                    name: name.to_owned(),
                    why: "its path is too long for OneDrive".to_owned(),
                }
            }
            400 if self.has_code("invalidResourceId") || self.has_code("invalidRequest") => {
                refused("OneDrive does not understand the drive, folder or name".to_owned())
            }
            405 | 501 => refused("this drive cannot do that".to_owned()),
            505 => refused("OneDrive answered with status 505".to_owned()),
            408 | 409 | 423 | 500..=599 => DestinationError::Unavailable {
                why: format!(
                    "OneDrive answered with status {}{described}",
                    self.status.as_u16()
                ),
            },
            status => refused(format!("OneDrive answered with status {status}")),
        }
    }
}

/// Seconds until an HTTP date.
fn until_date(value: &str) -> Option<Duration> {
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let wait = date.duration_since(Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// `error.code`, then those of the nested `innerError`s, which may be spelt `innererror`.
fn codes(body: &[u8]) -> Vec<String> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
        return Vec::new();
    };
    let mut codes = Vec::new();
    let mut level = &json["error"];
    // Nesting is bounded by what the parser accepts.
    while level.is_object() {
        codes.extend(level["code"].as_str().map(str::to_owned));
        let inner = level.get("innerError").or_else(|| level.get("innererror"));
        level = inner.unwrap_or(&serde_json::Value::Null);
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_code_comes_last() {
        let body = br#"{"error":{"code":"a","innererror":{"code":"b","innerError":{"date":"x"}}}}"#;
        assert_eq!(codes(body), ["a", "b"]);
        assert!(codes(b"<html>").is_empty());
    }
}
