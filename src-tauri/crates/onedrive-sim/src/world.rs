//! What every request handler shares.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::options::{Options, Origins};
use crate::state::State;

/// The simulator without its listeners.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    /// Addresses as they stand in answers.
    pub(crate) urls: Origins,
    pub(crate) admin_token: String,
    state: Mutex<State>,
    /// One fragment at a time, so that two requests for a session cannot both store the same bytes.
    pub(crate) fragments: tokio::sync::Mutex<()>,
}

impl World {
    pub(crate) fn new(options: Options, urls: Origins, admin_token: String, state: State) -> Self {
        let fragments = tokio::sync::Mutex::new(());
        Self {
            options,
            urls,
            admin_token,
            state: Mutex::new(state),
            fragments,
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
