use serde::Deserialize;

use crate::error::Error;
use coffer_destination::Error as DestinationError;

const AGAIN: &str = "Sign in again.";
const APPROVAL: &str = "an administrator of the organization has to approve this app first";
const ASK_FOR_APPROVAL: &str = "Ask the administrator for the approval, then sign in again.";

/// What an error of Microsoft's sign-in means. Decided on `error`; the numbers give the words only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The same request may succeed later.
    Later { why: String },
    /// Only the person can help, mostly by signing in again.
    SignInAgain { why: String, next: &'static str },
    /// Only a change of client id, tenant or registration helps.
    Registration { why: String },
    /// The person said no.
    Declined,
    /// Device code: the person is not done.
    Pending,
    /// Device code: asked too often.
    SlowDown,
    /// Device code: too late.
    Expired,
}

#[derive(Deserialize)]
struct ErrorJson {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

impl Refusal {
    /// Reads the body of a reply that is no success.
    pub(super) fn of_reply(status: u16, body: &[u8]) -> Self {
        let later = || Self::Later {
            why: format!("Microsoft's sign-in answered with status {status}"),
        };
        if status == 429 || status >= 500 {
            return later();
        }
        match serde_json::from_slice::<ErrorJson>(body) {
            Ok(json) => {
                let number = json.error_codes.first().copied();
                let number = number.or_else(|| number_in(&json.error_description));
                Self::of(&json.error, number)
            }
            // Some page in between, not Microsoft: no reason to give a sign-in up.
            Err(_) => later(),
        }
    }

    /// Reads Microsoft's own words where another service quotes them; `None` when there are none.
    pub(super) fn quoted(text: &str) -> Option<Self> {
        let json = &text[text.find('{')?..];
        // More may follow behind them.
        let mut values = serde_json::Deserializer::from_str(json).into_iter();
        let json: ErrorJson = values.next()?.ok()?;
        let number = json.error_codes.first().copied();
        let number = number.or_else(|| number_in(&json.error_description));
        Some(Self::of(&json.error, number))
    }

    /// Reads `error` and `error_description` of the address that the browser came back to.
    pub(super) fn of_callback(error: &str, description: &str) -> Self {
        Self::of(error, number_in(description))
    }

    fn of(error: &str, number: Option<u64>) -> Self {
        let numbered = |why: &str| match number {
            Some(number) => format!("{why} (AADSTS{number})"),
            None => why.to_owned(),
        };
        let again = |why: &str, next| Self::SignInAgain {
            why: numbered(why),
            next,
        };
        let registration = |why: &str| Self::Registration { why: numbered(why) };
        match error {
            "invalid_grant" | "interaction_required" | "login_required" => match number {
                Some(70_008 | 70_043 | 700_082 | 700_084 | 50_089) => again(
                    "it ran out because it was not used for too long",
                    "Sign in again; a backup each month keeps it from running out.",
                ),
                Some(50_173 | 50_132 | 50_133) => again(
                    "the password was changed, or all sign-ins of the account were ended",
                    "Sign in again with the password of now.",
                ),
                Some(50_055 | 50_144) => again(
                    "the password of the account has run out",
                    "Choose a new password at Microsoft, then sign in again.",
                ),
                Some(70_000 | 50_078 | 50_085) => again(
                    "the sign-in was revoked or has ended",
                    "Sign in again. If you did not end it yourself, look at the recent activity of the account first.",
                ),
                Some(54_005 | 50_148 | 501_481) => again(
                    "the sign-in in the browser does not fit this one",
                    "Start the sign-in again.",
                ),
                Some(65_001) => again(
                    "the consent for this app was removed",
                    "Sign in again and agree to what the page asks for.",
                ),
                Some(50_072 | 50_074 | 50_076 | 50_079 | 50_158) => again(
                    "the organization asks for a second factor",
                    "Sign in again, and have your second factor at hand.",
                ),
                Some(53_000..=53_011 | 530_002 | 530_003) => again(
                    "the organization does not allow this sign-in from here",
                    "Ask the administrator of your organization; signing in again alone does not help.",
                ),
                Some(50_057) => again(
                    "the account is disabled",
                    "Have the account enabled again by its administrator, or sign in with another one.",
                ),
                Some(50_034 | 50_020 | 51_004) => again(
                    "the account does not exist any more",
                    "Sign in with another account.",
                ),
                Some(50_053) => again(
                    "the account is locked after too many wrong passwords",
                    "Wait a while, then sign in again; change the password if it was not you.",
                ),
                _ => again("Microsoft does not accept it any more", AGAIN),
            },
            "consent_required" => again(APPROVAL, ASK_FOR_APPROVAL),
            "access_denied" if number == Some(90_094) => again(APPROVAL, ASK_FOR_APPROVAL),
            "access_denied" | "authorization_declined" => Self::Declined,
            "authorization_pending" => Self::Pending,
            "slow_down" => Self::SlowDown,
            "expired_token" | "bad_verification_code" => Self::Expired,
            "server_error" | "temporarily_unavailable" => Self::Later {
                why: "Microsoft's sign-in is not available now".to_owned(),
            },
            "invalid_client" => registration(
                "it asks for a secret; turn \u{201c}Allow public client flows\u{201d} on in the registration",
            ),
            "unauthorized_client"
            | "invalid_request"
            | "invalid_resource"
            | "invalid_scope"
            | "unsupported_response_type"
            | "unsupported_grant_type" => match number {
                Some(50_196) => Self::Later {
                    why: "Microsoft's sign-in was asked too often".to_owned(),
                },
                Some(50_011) => registration(
                    "the redirect address http://localhost is not registered for \u{201c}Mobile and desktop applications\u{201d}",
                ),
                Some(700_016 | 90_002) => {
                    registration("there is no app with this client id, or no such tenant")
                }
                Some(7_000_218 | 700_025 | 90_023) => registration(
                    "it is not a public client; turn \u{201c}Allow public client flows\u{201d} on in the registration",
                ),
                _ => registration("the client id, the tenant or the rights of the app do not fit"),
            },
            _ => Self::Later {
                why: "Microsoft's sign-in answered something unexpected".to_owned(),
            },
        }
    }

    /// As the end of a refresh.
    pub(super) fn into_destination(self) -> DestinationError {
        match self {
            Self::Later { why } => DestinationError::Unavailable { why },
            Self::SignInAgain { why, next } => DestinationError::SignInRequired { why, next },
            Self::Registration { why } => DestinationError::SignInRequired {
                why,
                next: "Correct the client id and tenant in the settings, then sign in again.",
            },
            Self::Declined | Self::Expired | Self::Pending | Self::SlowDown => {
                DestinationError::sign_in_required("Microsoft does not accept it any more")
            }
        }
    }

    /// As the end of a sign-in.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Later { why } | Self::SignInAgain { why, .. } => Error::SignInRefused { why },
            Self::Registration { why } => Error::Registration { why },
            Self::Declined => Error::SignInDeclined,
            Self::Expired | Self::Pending | Self::SlowDown => Error::SignInExpired,
        }
    }
}

/// The number in `AADSTS70008: …`.
fn number_in(text: &str) -> Option<u64> {
    let rest = text.split("AADSTS").nth(1)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, error: &str, number: u64) -> DestinationError {
        let body = format!(
            r#"{{"error":"{error}","error_description":"AADSTS{number}: x","error_codes":[{number}]}}"#
        );
        Refusal::of_reply(status, body.as_bytes()).into_destination()
    }

    #[test]
    fn each_row_of_the_error_table_ends_as_it_should() {
        for (error, number) in [
            ("invalid_grant", 70_000),
            ("invalid_grant", 70_008),
            ("invalid_grant", 700_082),
            ("invalid_grant", 50_173),
            ("invalid_grant", 65_001),
            ("invalid_grant", 53_003),
            ("invalid_grant", 50_057),
            ("interaction_required", 50_076),
            ("invalid_request", 50_011),
            ("unauthorized_client", 700_016),
            ("invalid_client", 7_000_215),
            ("invalid_scope", 70_011),
            // Numbers change; the word decides.
            ("invalid_grant", 90_033),
        ] {
            let outcome = reply(400, error, number);
            let is_final = matches!(outcome, DestinationError::SignInRequired { .. });
            assert!(is_final, "{error} {number}: {outcome:?}");
        }
        for (status, error, number) in [
            (400, "temporarily_unavailable", 90_033),
            (400, "invalid_request", 50_196),
            (429, "invalid_grant", 70_008),
            (503, "invalid_grant", 70_008),
        ] {
            let outcome = reply(status, error, number);
            assert!(outcome.is_transient(), "{error} {number}: {outcome:?}");
        }
        // A page of somebody in between.
        let page = Refusal::of_reply(400, b"<html>Log in to the hotel's network</html>");
        assert!(page.into_destination().is_transient());
    }

    #[test]
    fn each_reason_has_its_number_and_a_step_of_its_own() {
        let mut steps = std::collections::BTreeSet::new();
        for number in [70_000, 50_173, 50_076, 50_057, 700_082] {
            let DestinationError::SignInRequired { why, next } =
                reply(400, "invalid_grant", number)
            else {
                panic!("{number} is final");
            };
            assert!(why.contains(&format!("AADSTS{number}")), "{why}");
            steps.insert(next);
        }
        assert_eq!(steps.len(), 5, "{steps:?}");
    }

    #[test]
    fn the_browsers_answer_is_put_into_words() {
        let of = |error, text| Refusal::of_callback(error, text).into_error();
        assert!(matches!(
            of("access_denied", "AADSTS65004: no"),
            Error::SignInDeclined
        ));
        let admin = of("access_denied", "AADSTS90094: x").to_string();
        assert!(admin.contains("administrator"), "{admin}");
        assert!(matches!(
            of("unauthorized_client", ""),
            Error::Registration { .. }
        ));
        assert!(matches!(
            of("server_error", ""),
            Error::SignInRefused { .. }
        ));
    }
}
