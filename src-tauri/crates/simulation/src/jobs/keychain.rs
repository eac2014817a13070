//! A keychain that is locked, full, or fails a few times.

use std::sync::{Arc, Mutex, PoisonError};

use coffer_jobs::keychain::{Error, MemoryKeychain, SecretStore};

use super::event::Keychain;

/// What is called at each use.
pub(crate) type Witness = Arc<dyn Fn() + Send + Sync>;

/// Keeps secrets in memory, when it is in the mood.
#[derive(Default)]
pub(crate) struct MoodyKeychain {
    pub(crate) inner: MemoryKeychain,
    mood: Mutex<Mood>,
    witness: Mutex<Option<Witness>>,
}

struct Mood {
    answers: Keychain,
    fails: u8,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            answers: Keychain::Open,
            fails: 0,
        }
    }
}

impl MoodyKeychain {
    pub(crate) fn answer(&self, answers: Keychain) {
        self.mood().answers = answers;
    }

    pub(crate) fn fail(&self, times: u8) {
        self.mood().fails = times;
    }

    /// Whether any use fails.
    pub(crate) fn is_good(&self) -> bool {
        let mood = self.mood();
        mood.answers == Keychain::Open && mood.fails == 0
    }

    /// Reports each use from now on.
    pub(crate) fn report_to(&self, witness: Option<Witness>) {
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = witness;
    }

    fn mood(&self) -> std::sync::MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self, adds: bool) -> Result<(), Error> {
        let witness = self
            .witness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(witness) = witness {
            witness();
        }
        let mut mood = self.mood();
        let fails = mood.fails > 0;
        mood.fails = mood.fails.saturating_sub(1);
        let is_refused = match mood.answers {
            Keychain::Open => false,
            Keychain::Locked => true,
            Keychain::Full => adds,
        };
        if fails || is_refused {
            let why = "the simulation says so".to_owned();
            return Err(Error::Unavailable { why });
        }
        Ok(())
    }
}

impl SecretStore for MoodyKeychain {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        self.used(true)?;
        self.inner.set(name, value)
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        self.used(false)?;
        self.inner.get(name)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.used(false)?;
        self.inner.remove(name)
    }
}
