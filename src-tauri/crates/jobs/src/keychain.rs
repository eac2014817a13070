//! Secrets in the system's keychain: Keychain, Credential Manager, or a Secret Service.
//!
//! One entry per secret, service `Coffer`. Windows holds 2,560 bytes per entry, so longer values are split over several
//! entries (`parts`). There is no fallback to a file: without a keychain there is a clear message.

mod parts;

use std::collections::HashMap;
use std::sync::Mutex;

use keyring::Entry;

use self::parts::Entries;
use crate::lock;

/// Service under which all entries stand.
const SERVICE: &str = "Coffer";

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

impl SecretStore for SystemKeychain {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let _order = lock(&self.order);
        parts::set(&SystemEntries, name, value.as_bytes())
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let _order = lock(&self.order);
        let value = parts::get(&SystemEntries, name)?;
        value
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Error::Damaged {
                name: name.to_owned(),
            })
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let _order = lock(&self.order);
        parts::remove(&SystemEntries, name)
    }
}

/// The keychain's entries under [`SERVICE`].
struct SystemEntries;

impl SystemEntries {
    fn entry(name: &str) -> Result<Entry, Error> {
        Entry::new(SERVICE, name).map_err(unavailable)
    }
}

impl Entries for SystemEntries {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match Self::entry(name)?.get_secret() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn write(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        Self::entry(name)?.set_secret(value).map_err(unavailable)
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
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
