use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{AuthIdProblem, Error, Result};

/// A credential of the AuthID service: `<key>:<password>`, or `v2:<service>:<refresh token>`. Never printed.
#[derive(Clone)]
pub struct AuthId(SecretString);

impl AuthId {
    /// Parses what the user pasted or the service returned.
    ///
    /// # Errors
    /// [`Error::InvalidAuthId`] for anything else, such as the text of an error page.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let invalid = |why| Err(Error::InvalidAuthId { why });
        if text.is_empty() {
            return invalid(AuthIdProblem::Empty);
        }
        if text.len() > 8192 {
            return invalid(AuthIdProblem::TooLong);
        }
        match text.split_once(':') {
            None => return invalid(AuthIdProblem::NoColon),
            Some(("", _)) => return invalid(AuthIdProblem::NothingBeforeColon),
            Some((_, "")) => return invalid(AuthIdProblem::NothingAfterColon),
            Some(_) => {}
        }
        if text.chars().any(char::is_control) {
            return invalid(AuthIdProblem::ControlCharacters);
        }
        Ok(Self(SecretString::from(text)))
    }

    /// The text, for the keychain.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether it contains the refresh token itself, which is never renewed and expires about 90 days after the sign-in.
    pub fn is_short_lived(&self) -> bool {
        self.expose().starts_with("v2:")
    }
}

impl fmt::Debug for AuthId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_texts_are_no_auth_ids() {
        for text in ["", "Server error", ":x", "x:", "a\nb:c"] {
            assert!(AuthId::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(AuthId::parse(" a:b \n").unwrap().expose(), "a:b");
        assert!(
            AuthId::parse("v2:onedrivev2:M.C1:x*$")
                .unwrap()
                .is_short_lived()
        );
        assert!(!format!("{:?}", AuthId::parse("secret:x").unwrap()).contains("secret"));
    }
}
