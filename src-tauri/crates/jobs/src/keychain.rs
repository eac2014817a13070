//! Secrets in the system's keychain: Keychain, Credential Manager, or a Secret Service.
//!
//! One entry per secret, service `Coffer`. Windows holds 2,560 bytes per entry, so longer values are split over several
//! entries (`parts`). There is no fallback to a file: without a keychain there is a clear message.

mod parts;
mod system;

use std::collections::HashMap;
use std::sync::Mutex;

use crate::lock;

pub use self::system::SystemKeychain;

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
