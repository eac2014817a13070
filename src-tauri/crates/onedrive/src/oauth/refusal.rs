use coffer_destination::{Error as DestinationError, RegistrationProblem, SignInProblem};
use serde::Deserialize;

use crate::error::{Error, SignInRefusal};

/// Why Microsoft cannot be understood, for people.
pub(super) const UNEXPECTED: &str = "Microsoft's sign-in service sent an unexpected answer";

/// What an error of Microsoft's sign-in means. The `error` field decides; the number only selects the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The same request may succeed later.
    Later { why: String },
    /// Only the user can help, usually by signing in again.
    SignInAgain {
        why: SignInProblem,
        code: Option<u64>,
    },
    /// Only a change of client id, tenant or registration helps.
    Registration {
        why: RegistrationProblem,
        code: Option<u64>,
    },
    /// The user declined.
    Declined,
    /// Device code: the user has not finished yet.
    Pending,
    /// Device code: polled too often.
    SlowDown,
    /// Device code: the code expired.
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
    /// Reads the body of an unsuccessful reply.
    pub(super) fn of_reply(status: u16, body: &[u8]) -> Self {
        let later = || Self::Later {
            why: format!("Microsoft's sign-in service answered with status {status}"),
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
            // A page of something in between, not of Microsoft: no reason to discard the sign-in.
            Err(_) => later(),
        }
    }

    /// Reads Microsoft's answer where another service quotes it; `None` when it quotes none.
    pub(super) fn quoted(text: &str) -> Option<Self> {
        let json = &text[text.find('{')?..];
        // More text may follow.
        let mut values = serde_json::Deserializer::from_str(json).into_iter();
        let json: ErrorJson = values.next()?.ok()?;
        let number = json.error_codes.first().copied();
        let number = number.or_else(|| number_in(&json.error_description));
        Some(Self::of(&json.error, number))
    }

    /// Reads `error` and `error_description` from the redirect address.
    pub(super) fn of_callback(error: &str, description: &str) -> Self {
        Self::of(error, number_in(description))
    }

    fn of(error: &str, number: Option<u64>) -> Self {
        let again = |why| Self::SignInAgain { why, code: number };
        let registration = |why| Self::Registration { why, code: number };
        match error {
            "invalid_grant" | "interaction_required" | "login_required" => match number {
                Some(70_008 | 70_043 | 700_082 | 700_084 | 50_089) => again(SignInProblem::Unused),
                Some(50_173 | 50_132 | 50_133) => again(SignInProblem::PasswordChanged),
                Some(50_055 | 50_144) => again(SignInProblem::PasswordExpired),
                Some(70_000 | 50_078 | 50_085) => again(SignInProblem::Revoked),
                Some(54_005 | 50_148 | 501_481) => again(SignInProblem::OtherSignIn),
                Some(65_001) => again(SignInProblem::ConsentRemoved),
                Some(50_072 | 50_074 | 50_076 | 50_079 | 50_158) => {
                    again(SignInProblem::SecondFactor)
                }
                Some(53_000..=53_011 | 530_002 | 530_003) => again(SignInProblem::NotFromHere),
                Some(50_057) => again(SignInProblem::AccountDisabled),
                Some(50_034 | 50_020 | 51_004) => again(SignInProblem::AccountGone),
                Some(50_053) => again(SignInProblem::AccountLocked),
                _ => again(SignInProblem::NotAccepted),
            },
            "consent_required" => again(SignInProblem::ApprovalRequired),
            "access_denied" if number == Some(90_094) => again(SignInProblem::ApprovalRequired),
            "access_denied" | "authorization_declined" => Self::Declined,
            "authorization_pending" => Self::Pending,
            "slow_down" => Self::SlowDown,
            "expired_token" | "bad_verification_code" => Self::Expired,
            "server_error" | "temporarily_unavailable" => Self::Later {
                why: "Microsoft's sign-in service is not available right now".to_owned(),
            },
            "invalid_client" => registration(RegistrationProblem::SecretRequired),
            "unauthorized_client"
            | "invalid_request"
            | "invalid_resource"
            | "invalid_scope"
            | "unsupported_response_type"
            | "unsupported_grant_type" => match number {
                Some(50_196) => Self::Later {
                    why: "too many requests were sent to Microsoft's sign-in service".to_owned(),
                },
                Some(50_011) => registration(RegistrationProblem::RedirectNotRegistered),
                Some(700_016 | 90_002) => registration(RegistrationProblem::UnknownApp),
                Some(7_000_218 | 700_025 | 90_023) => registration(RegistrationProblem::NotPublic),
                _ => registration(RegistrationProblem::Mismatch),
            },
            _ => Self::Later {
                why: UNEXPECTED.to_owned(),
            },
        }
    }

    /// As the end of a refresh.
    pub(super) fn into_destination(self) -> DestinationError {
        match self {
            Self::Later { why } => DestinationError::Unavailable { why },
            Self::SignInAgain { why, code } => DestinationError::SignInRequired { why, code },
            Self::Registration { why, code } => DestinationError::SignInRequired {
                why: SignInProblem::Registration(why),
                code,
            },
            Self::Declined | Self::Expired | Self::Pending | Self::SlowDown => {
                DestinationError::SignInRequired {
                    why: SignInProblem::NotAccepted,
                    code: None,
                }
            }
        }
    }

    /// As the end of a sign-in.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Later { why } => Error::SignInRefused {
                why: SignInRefusal::ForNow { why },
            },
            Self::SignInAgain { why: problem, code } => Error::SignInRefused {
                why: SignInRefusal::Account { problem, code },
            },
            Self::Registration { why, code } => Error::Registration { why, code },
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

    /// Compares what each answer means with `tests/refusals.txt`; `COFFER_UPDATE_MESSAGES` writes the file instead.
    #[test]
    fn the_file_has_every_refusal() {
        let mut now = String::new();
        for (error, numbers) in [
            (
                "invalid_grant",
                &[
                    70_008, 50_173, 50_055, 70_000, 54_005, 65_001, 50_076, 53_003, 50_057, 50_034,
                    50_053, 90_033,
                ][..],
            ),
            ("consent_required", &[90_094]),
            ("access_denied", &[90_094]),
            ("server_error", &[90_033]),
            ("invalid_client", &[7_000_215]),
            (
                "invalid_request",
                &[50_196, 50_011, 700_016, 7_000_218, 70_011],
            ),
            ("anything_else", &[1]),
        ] {
            for number in numbers {
                let outcome = reply(400, error, *number);
                now += &format!("\n{error} {number}\n    {outcome}\n");
            }
        }
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refusals.txt");
        if std::env::var_os("COFFER_UPDATE_MESSAGES").is_some() {
            std::fs::write(&file, &now).unwrap();
        }

        let committed = std::fs::read_to_string(&file).unwrap();

        assert_eq!(committed.replace('\r', ""), now);
    }

    #[test]
    fn each_row_of_the_error_table_is_final_or_transient_as_listed() {
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
            // Numbers change; the `error` field decides.
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
        // A page of something in between.
        let page = Refusal::of_reply(400, b"<html>Log in to the hotel's network</html>");
        assert!(page.into_destination().is_transient());
    }

    #[test]
    fn errors_in_the_redirect_address_are_worded() {
        let of = |error, text| Refusal::of_callback(error, text).into_error();
        assert!(matches!(
            of("access_denied", "AADSTS65004: no"),
            Error::SignInDeclined
        ));
        let admin = of("access_denied", "AADSTS90094: x");
        assert!(
            format!("{admin:?}").contains("ApprovalRequired"),
            "{admin:?}"
        );
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
