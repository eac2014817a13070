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

/// Failures to store or read a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no keychain, or it is locked.
    #[error("The keychain cannot be used: {why}")]
    Unavailable {
        /// The message of the system.
        why: String,
    },
    /// The value is longer than any credential.
    #[error("The secret is too long for the keychain")]
    TooLong,
    /// The stored value is damaged.
    #[error("The keychain's entry {name} is damaged")]
    Damaged {
        /// Name of the entry.
        name: String,
    },
}

/// Stores secrets. Calls block and may show a prompt, so they must not run on async threads.
pub trait SecretStore: Send + Sync {
    /// Stores `value` under `name`, replacing an existing value.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::TooLong`].
    fn set(&self, name: &str, value: &str) -> Result<(), Error>;

    /// The value that is stored under `name`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Damaged`].
    fn get(&self, name: &str) -> Result<Option<String>, Error>;

    /// Removes the value; does nothing when there is none.
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
