//! What every request handler shares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::options::{Options, Origins};
use crate::state::State;

/// The simulator without its listeners.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Arc<Options>,
    /// Addresses as they stand in answers.
    pub(crate) urls: Origins,
    pub(crate) admin_token: String,
    state: Arc<Mutex<State>>,
    /// One fragment at a time, so that two requests for a session cannot both store the same bytes.
    pub(crate) fragments: Arc<tokio::sync::Mutex<()>>,
}

impl World {
    pub(crate) fn new(options: Options, urls: Origins, admin_token: String, state: State) -> Self {
        Self {
            options: Arc::new(options),
            urls,
            admin_token,
            state: Arc::new(Mutex::new(state)),
            fragments: Arc::default(),
        }
    }

    /// The same simulator for clients that use other addresses.
    pub(crate) fn known_as(&self, urls: Origins) -> Self {
        Self {
            options: Arc::clone(&self.options),
            urls,
            admin_token: self.admin_token.clone(),
            state: Arc::clone(&self.state),
            fragments: Arc::clone(&self.fragments),
        }
    }

    /// The state. A handler that panicked left it usable: every change is made in one piece.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().now()
    }
}
