use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, Result};

/// The passphrase of a backup; not empty, wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// # Errors
    /// [`Error::EmptyPassphrase`] when there is nothing but white space.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text: String = text.into();
        if text.trim().is_empty() {
            return Err(Error::EmptyPassphrase);
        }
        Ok(Self(SecretString::from(text)))
    }

    /// The text itself, for programs that need it. It must not be kept or shown.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// How new volumes are encrypted, and with what existing ones are opened.
#[derive(Debug, Clone)]
pub enum Encryption {
    /// Plain zip.
    None,
    /// AES Crypt, version 2 when writing.
    Aes(Passphrase),
}

impl Encryption {
    /// What a volume's name ends in.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Aes(_) => ".aes",
        }
    }

    /// The passphrase, if there is one.
    pub fn passphrase(&self) -> Option<&Passphrase> {
        match self {
            Self::None => None,
            Self::Aes(passphrase) => Some(passphrase),
        }
    }
}
