//! What is wrong with sign-ins, as parts of other messages.

use coffer_destination::{RegistrationProblem, SignInOutage, SignInProblem};
use coffer_onedrive::{AuthIdProblem, SignInRefusal};

/// Why a sign-in is no longer valid. `code` is Microsoft's number of the reason.
pub(super) fn sign_in_problem(problem: SignInProblem, code: Option<u64>) -> String {
    let why = match problem {
        SignInProblem::Unused => "it expired after a long time without use",
        SignInProblem::PasswordChanged => {
            "the password was changed, or the account was signed out everywhere"
        }
        SignInProblem::PasswordExpired => "the password of the account has expired",
        SignInProblem::Revoked => "the sign-in was revoked or has expired",
        SignInProblem::OtherSignIn => "the sign-in in the browser does not match this one",
        SignInProblem::ConsentRemoved => "the consent for this app was removed",
        SignInProblem::SecondFactor => "the organization requires additional verification",
        SignInProblem::NotFromHere => "the organization does not allow this sign-in from here",
        SignInProblem::AccountDisabled => "the account is disabled",
        SignInProblem::AccountGone => "the account no longer exists",
        SignInProblem::AccountLocked => "the account is locked after too many wrong passwords",
        SignInProblem::ApprovalRequired => {
            "an administrator of the organization has to approve this app first"
        }
        SignInProblem::NotAccepted => "Microsoft no longer accepts it",
        SignInProblem::ClaimsRequired => "Microsoft requires additional verification",
        SignInProblem::TokensRefused => {
            "Microsoft has rejected its own access token for more than an hour"
        }
        SignInProblem::UnknownCredential => "the sign-in service no longer knows the AuthID",
        SignInProblem::NotStored => "it is not in the keychain",
        SignInProblem::Registration(problem) => return registration_problem(problem, code),
    };
    numbered(why, code)
}

/// The next step when a sign-in is no longer valid.
pub(super) fn sign_in_step(problem: SignInProblem) -> &'static str {
    match problem {
        SignInProblem::Unused => "Sign in again; a backup every month keeps it from expiring.",
        SignInProblem::PasswordChanged => "Sign in again with the current password.",
        SignInProblem::PasswordExpired => "Set a new password with Microsoft, then sign in again.",
        SignInProblem::Revoked => {
            "Sign in again. If you did not revoke it yourself, check the recent activity of the account first."
        }
        SignInProblem::OtherSignIn => "Start the sign-in again.",
        SignInProblem::ConsentRemoved => "Sign in again and accept the permissions on the page.",
        SignInProblem::SecondFactor | SignInProblem::ClaimsRequired => {
            "Sign in again, and have your second factor ready."
        }
        SignInProblem::NotFromHere => {
            "Ask the administrator of your organization; just signing in again will not help."
        }
        SignInProblem::AccountDisabled => {
            "Ask the administrator to enable the account, or sign in with another one."
        }
        SignInProblem::AccountGone => "Sign in with another account.",
        SignInProblem::AccountLocked => {
            "Wait a while, then sign in again. If it was not you, change the password."
        }
        SignInProblem::ApprovalRequired => {
            "Ask the administrator to approve it, then sign in again."
        }
        SignInProblem::UnknownCredential => {
            "Sign in again, or get another AuthID from the same service."
        }
        SignInProblem::Registration(_) => {
            "Correct the client ID and tenant in the settings, then sign in again."
        }
        SignInProblem::NotAccepted | SignInProblem::TokensRefused | SignInProblem::NotStored => {
            "Sign in again."
        }
    }
}

/// Why Microsoft does not accept the registration of the app, or why it cannot be one.
pub(super) fn registration_problem(problem: RegistrationProblem, code: Option<u64>) -> String {
    let why = match problem {
        RegistrationProblem::NotAClientId => {
            "a client ID has 32 digits in five groups, such as 01234567-89ab-cdef-0123-456789abcdef"
        }
        RegistrationProblem::NotATenant => {
            "a tenant is common, consumers, organizations, an ID or a domain"
        }
        RegistrationProblem::SecretRequired => {
            "it requires a secret; turn on “Allow public client flows” in the registration"
        }
        RegistrationProblem::RedirectNotRegistered => {
            "the redirect URI http://localhost is not registered for “Mobile and desktop applications”"
        }
        RegistrationProblem::UnknownApp => "there is no app with this client ID, or no such tenant",
        RegistrationProblem::NotPublic => {
            "it is not a public client; turn on “Allow public client flows” in the registration"
        }
        RegistrationProblem::Mismatch => {
            "the client ID, the tenant or the permissions of the app do not match"
        }
    };
    numbered(why, code)
}

fn numbered(why: &str, code: Option<u64>) -> String {
    match code {
        Some(code) => format!("{why} (AADSTS{code})"),
        None => why.to_owned(),
    }
}

/// Why a sign-in cannot be used for a while.
pub(super) fn sign_in_outage(outage: &SignInOutage) -> String {
    match outage {
        SignInOutage::OverQuota => {
            "the sign-in service is over its quota; try again in a few hours".to_owned()
        }
        SignInOutage::LimitedForAnHour => {
            "the sign-in service limits how often this AuthID is used; try again in an hour"
                .to_owned()
        }
        SignInOutage::Limited => {
            "the sign-in service limits how often this AuthID is used".to_owned()
        }
        SignInOutage::Store { said } => said.clone(),
        SignInOutage::StoreFailed => "the keychain failed".to_owned(),
    }
}

/// Why a sign-in gave no credential.
pub(super) fn sign_in_refusal(refusal: &SignInRefusal) -> String {
    match refusal {
        SignInRefusal::Account { problem, code } => sign_in_problem(*problem, *code),
        SignInRefusal::FilesNotGranted => "permission to use files was not granted".to_owned(),
        SignInRefusal::StayingNotGranted => {
            "permission to stay signed in was not granted".to_owned()
        }
        SignInRefusal::ForNow { why } => why.clone(),
        SignInRefusal::Service { said } => said.clone(),
    }
}

/// Why a text is not an AuthID.
pub(super) fn auth_id_problem(problem: AuthIdProblem) -> &'static str {
    match problem {
        AuthIdProblem::Empty => "it is empty",
        AuthIdProblem::TooLong => "it is too long",
        AuthIdProblem::NoColon => "an AuthID contains a colon",
        AuthIdProblem::NothingBeforeColon => "there is nothing before its colon",
        AuthIdProblem::NothingAfterColon => "there is nothing after its colon",
        AuthIdProblem::ControlCharacters => "it contains line breaks or control characters",
    }
}
