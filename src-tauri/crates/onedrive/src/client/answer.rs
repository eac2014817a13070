//! The meaning of unsuccessful answers.

use std::time::Duration;

use coffer_destination::{Error as DestinationError, NameProblem, SHORTEST_WAIT, SignInProblem};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

/// Bytes of an error's body that are read.
const MAX_BODY: usize = 64 * 1024;

/// Longest wait that is honored: when asked to wait longer, try again after a day.
pub(super) const LONGEST_BELIEVED: Duration = Duration::from_secs(24 * 3600);

/// Wait after a bandwidth limit that names no time.
const BANDWIDTH_WAIT: Duration = Duration::from_secs(300);

/// Headers that identify answers of Microsoft's services; the login pages of networks and proxies have none of them.
const OWN_HEADERS: [&str; 6] = [
    "request-id",
    "client-request-id",
    "sprequestguid",
    "x-msedge-ref",
    "microsoftsharepointteamservices",
    "x-errorcode",
];

/// Codes of paths that can never work.
const LONG_PATH: [&str; 3] = ["pathIsTooLong", "pathTooDeep", "parameterIsTooLong"];

/// An unsuccessful answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Codes from the outermost to the most specific, in lower case.
    codes: Vec<String>,
    /// How long the answer asks to wait: at least a second, at most a day.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the service itself answered, and not something in between.
    is_own: bool,
    /// The token lacks claims that only the user can provide.
    wants_claims: bool,
    /// A transient failure of Microsoft's own sign-in service.
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
        let codes = codes(body);
        let is_own = !codes.is_empty() || has_own_header(headers);
        // Microsoft's support asks for these first.
        tracing::info!(
            status = status.as_u16(),
            code = codes.last().and_then(|code| loggable(code)),
            request_id = request_id(headers),
            "OneDrive refused a request"
        );
        let challenge = headers.get("WWW-Authenticate");
        let wants_claims = challenge
            .and_then(|value| value.to_str().ok())
            .is_some_and(|challenge| challenge.contains("insufficient_claims"));
        Self {
            status,
            codes,
            is_own,
            is_rps: status == StatusCode::UNAUTHORIZED
                && String::from_utf8_lossy(body).contains("Unable to initialize RPS"),
            retry_after: named_wait(headers)
                .or_else(|| (status.as_u16() == 509).then_some(BANDWIDTH_WAIT)),
            wants_claims,
        }
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.codes
            .iter()
            .any(|found| found.eq_ignore_ascii_case(code))
    }

    /// The service itself says that the item does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.is_own && self.status == StatusCode::NOT_FOUND
    }

    /// Whether the service itself answered, and not something in between.
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// The service itself refuses the token, for a reason that another token or another moment may not have.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.is_own && self.status == StatusCode::UNAUTHORIZED && !self.is_rps && !self.wants_claims
    }

    /// 429, 509, and a 503 that names a time.
    pub(crate) fn is_throttling(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 509)
            || (self.status == StatusCode::SERVICE_UNAVAILABLE && self.retry_after.is_some())
    }

    pub(crate) fn is_full(&self) -> bool {
        (self.is_own && self.status.as_u16() == 507)
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
            status if !self.is_own => DestinationError::Unavailable {
                why: format!(
                    "something between this computer and OneDrive answered with status {status}"
                ),
            },
            _ if self.is_full() => DestinationError::Full,
            401 if self.is_rps => DestinationError::Unavailable {
                why: "Microsoft's sign-in service is having problems".to_owned(),
            },
            401 | 403 if self.wants_claims => DestinationError::SignInRequired {
                why: SignInProblem::ClaimsRequired,
                code: None,
            },
            401 => DestinationError::SignInRequired {
                why: SignInProblem::TokensRefused,
                code: None,
            },
            403 => refused("access is denied".to_owned()),
            404 => DestinationError::NotFound {
                name: name.to_owned(),
            },
            400 if LONG_PATH.iter().any(|code| self.has_code(code)) => {
                DestinationError::InvalidName {
                    name: name.to_owned(),
                    why: NameProblem::PathRefused,
                }
            }
            400 if self.has_code("invalidResourceId") || self.has_code("invalidRequest") => {
                refused("OneDrive does not understand the drive, folder or name".to_owned())
            }
            405 | 501 => refused("this drive does not support that".to_owned()),
            505 => refused("OneDrive answered with status 505".to_owned()),
            423 => DestinationError::Locked {
                name: name.to_owned(),
            },
            // 412 occurs although no condition was sent; the others have been seen while services are moved.
            406 | 408 | 409 | 410 | 412 | 421 | 425 | 428 | 500..=599 => {
                DestinationError::Unavailable {
                    why: format!(
                        "OneDrive answered with status {}{described}",
                        self.status.as_u16()
                    ),
                }
            }
            status => refused(format!("OneDrive answered with status {status}")),
        }
    }
}

/// How long an answer asks to wait: at least a second, at most a day.
pub(crate) fn named_wait(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = value.parse().ok().map(Duration::from_secs);
    // Zero and past dates do not count: retrying immediately would be refused again.
    seconds
        .or_else(|| until_date(value, now_there(headers)))
        .filter(|wait| *wait >= SHORTEST_WAIT)
        .map(|wait| wait.min(LONGEST_BELIEVED))
}

/// Time until an HTTP date, if it is in the future.
fn until_date(value: &str, now: Timestamp) -> Option<Duration> {
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Duration::try_from(date.duration_since(now)).ok()
}

/// The service's own time; this computer's clock may be minutes off.
fn now_there(headers: &HeaderMap) -> Timestamp {
    let date = headers.get(reqwest::header::DATE);
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
    date.map_or_else(Timestamp::now, |date| date.timestamp())
}

/// Whether an answer has a header that only Microsoft's services send.
pub(super) fn has_own_header(headers: &HeaderMap) -> bool {
    OWN_HEADERS.iter().any(|name| headers.contains_key(*name))
        || headers
            .keys()
            .any(|name| name.as_str().starts_with("x-ms-"))
}

/// The id of the request in the service's logs.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("request-id")?.to_str().ok().and_then(loggable)
}

/// A word of an answer, if it is safe to log: anything may have answered.
fn loggable(word: &str) -> Option<&str> {
    let is_word = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then_some(word)
}

/// Whether an answer is a page for people.
pub(super) fn is_page(headers: &HeaderMap) -> bool {
    is_of_kind(headers, "text/html")
}

/// Whether the content type of an answer starts with `kind`.
pub(super) fn is_of_kind(headers: &HeaderMap, kind: &str) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type
        .and_then(|content_type| content_type.to_str().ok())
        .is_some_and(|content_type| content_type.to_ascii_lowercase().starts_with(kind))
}

/// `error.code`, then those of the nested `innerError`s, which may be spelled `innererror`.
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

    fn refused(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Refusal {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Refusal::of(StatusCode::from_u16(status).unwrap(), &map, body)
    }

    #[test]
    fn a_wait_is_a_second_at_least_and_a_day_at_most() {
        let date = "Tue, 01 Sep 2026 12:00:00 GMT";
        let wait = |headers: &[(&'static str, &str)]| {
            refused(429, headers, b"")
                .retry_after
                .map(|wait| wait.as_secs())
        };
        for (value, wanted) in [
            ("0", None),
            ("-1", None),
            ("soon", None),
            ("1", Some(1)),
            ("7201", Some(7201)),
            ("2592000", Some(86_400)),
            ("18446744073709551615", Some(86_400)),
            // In the past, by any clock.
            ("Tue, 01 Sep 2020 11:59:00 GMT", None),
        ] {
            assert_eq!(wait(&[("retry-after", value)]), wanted, "{value}");
        }
        // By the service's own clock.
        let later = "Tue, 01 Sep 2026 12:01:30 GMT";
        assert_eq!(wait(&[("retry-after", later), ("date", date)]), Some(90));
        assert_eq!(wait(&[("retry-after", date), ("date", later)]), None);
    }

    #[test]
    fn only_words_reach_the_log() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("request-id", value.parse().unwrap());
            request_id(&headers).map(str::to_owned)
        };
        let real = "5f3a4c0e-7c1b-4d8e-9f55-2f0a7e1b9c11";
        assert_eq!(id(real).as_deref(), Some(real));
        assert_eq!(id("two words"), None);
        assert_eq!(id(&"x".repeat(65)), None);
    }

    #[test]
    fn answers_of_something_in_between_are_not_trusted() {
        let page = b"<html>Log in to the hotel's network</html>";
        for status in [
            400, 401, 403, 404, 405, 407, 410, 413, 451, 501, 505, 507, 511,
        ] {
            let refusal = refused(status, &[("content-type", "text/html")], page);
            assert!(!refusal.is_not_found() && !refusal.is_full() && !refusal.is_unauthorized());
            let error = refusal.into_error("read", "x");
            let passes = matches!(error, DestinationError::Unavailable { .. });
            assert!(passes, "{status}: {error:?}");
        }
        let own = |headers: &[_], body: &[u8]| refused(404, headers, body).is_not_found();
        assert!(own(&[], br#"{"error":{"code":"itemNotFound"}}"#));
        assert!(own(&[("request-id", "1")], b""));
        assert!(own(&[("x-ms-ags-diagnostic", "{}")], page));
        assert!(!own(&[], br#"{"error":"not here"}"#));
    }
}
