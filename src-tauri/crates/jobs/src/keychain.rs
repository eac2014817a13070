//! Secrets in the system's keychain: Keychain, Credential Manager, or a Secret Service.
//!
//! One entry per secret, service `Coffer`. Windows holds 2,560 bytes per entry, so longer values are split over numbered
//! entries. There is no fallback to a file: without a keychain there is a clear message.

use std::collections::HashMap;
use std::sync::Mutex;

use keyring::Entry;

use crate::lock;

/// Service under which all entries stand.
const SERVICE: &str = "Coffer";
/// Bytes of one entry.
const PART: usize = 2000;
/// Parts of the longest secret.
const MAX_PARTS: usize = 32;

/// Why a secret could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no keychain, or it is locked.
    #[error("The keychain cannot be used: {why}")]
    Unavailable {
        /// What the system says.
        why: String,
    },
    /// The value is longer than any credential.
    #[error("The secret is too long for the keychain")]
    TooLong,
    /// What stands there is damaged.
    #[error("The keychain's entry {name} is damaged")]
    Damaged {
        /// Its name.
        name: String,
    },
}

/// Keeps secrets. Calls block and may show a prompt; they are made off the async threads.
pub trait SecretStore: Send + Sync {
    /// Keeps `value` under `name`, replacing what was there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::TooLong`].
    fn set(&self, name: &str, value: &str) -> Result<(), Error>;

    /// What is kept under `name`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Damaged`].
    fn get(&self, name: &str) -> Result<Option<String>, Error>;

    /// Forgets; does nothing when there is nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn remove(&self, name: &str) -> Result<(), Error>;
}

/// The system's keychain.
#[derive(Debug, Default)]
pub struct SystemKeychain {
    /// One use of an entry at a time: the stores do not keep the order of parallel ones.
    order: Mutex<()>,
}

impl SystemKeychain {
    fn entry(name: &str, part: usize) -> Result<Entry, Error> {
        let user = if part == 0 {
            name.to_owned()
        } else {
            format!("{name}#{part}")
        };
        Entry::new(SERVICE, &user).map_err(unavailable)
    }

    fn read(name: &str, part: usize) -> Result<Option<Vec<u8>>, Error> {
        match Self::entry(name, part)?.get_secret() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn delete(name: &str, part: usize) -> Result<bool, Error> {
        match Self::entry(name, part)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(keyring::Error::NoEntry) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// The first entry says how many parts follow: `<count>:<first part>`.
impl SecretStore for SystemKeychain {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let _order = lock(&self.order);
        let parts: Vec<&[u8]> = value.as_bytes().chunks(PART).collect();
        if parts.len() > MAX_PARTS {
            return Err(Error::TooLong);
        }
        let before = Self::read(name, 0)?
            .and_then(|first| count(&first))
            .unwrap_or(0);
        // The first entry last: what it counts is then there.
        for (number, part) in parts.iter().enumerate().skip(1) {
            Self::entry(name, number)?
                .set_secret(part)
                .map_err(unavailable)?;
        }
        let mut first = format!("{}:", parts.len()).into_bytes();
        first.extend(parts.first().copied().unwrap_or_default());
        Self::entry(name, 0)?
            .set_secret(&first)
            .map_err(unavailable)?;
        for number in parts.len().max(1)..before {
            Self::delete(name, number)?;
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let _order = lock(&self.order);
        let damaged = || Error::Damaged {
            name: name.to_owned(),
        };
        let Some(first) = Self::read(name, 0)? else {
            return Ok(None);
        };
        let parts = count(&first).ok_or_else(damaged)?;
        let start = first
            .iter()
            .position(|byte| *byte == b':')
            .ok_or_else(damaged)?
            + 1;
        let mut value = first[start..].to_vec();
        for number in 1..parts {
            value.extend(Self::read(name, number)?.ok_or_else(damaged)?);
        }
        String::from_utf8(value).map(Some).map_err(|_| damaged())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let _order = lock(&self.order);
        let parts = Self::read(name, 0)?
            .and_then(|first| count(&first))
            .unwrap_or(1);
        for number in (0..parts.max(1)).rev() {
            Self::delete(name, number)?;
        }
        Ok(())
    }
}

fn count(first: &[u8]) -> Option<usize> {
    let text = first.split(|byte| *byte == b':').next()?;
    let parts = std::str::from_utf8(text).ok()?.parse().ok()?;
    (parts <= MAX_PARTS).then_some(parts)
}

fn unavailable(error: keyring::Error) -> Error {
    Error::Unavailable {
        why: error.to_string(),
    }
}

/// Secrets in memory, for tests and for a single run of the command line.
#[derive(Default)]
pub struct MemoryKeychain(Mutex<HashMap<String, String>>);

impl SecretStore for MemoryKeychain {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        lock(&self.0).insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(lock(&self.0).get(name).cloned())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        lock(&self.0).remove(name);
        Ok(())
    }
}
