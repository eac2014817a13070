//! Rests between the tries of calls that have no monitor of their own.

use std::time::Duration;

use tokio::sync::watch;

use crate::transfer::TransferMonitor;

/// A rest before something is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// How long it takes, from when it is told.
    pub time: Duration,
    /// A sentence for people.
    pub why: String,
}

/// Tells whoever listens of rests, the newest one at a time.
#[derive(Debug, Clone)]
pub struct Rests(watch::Sender<Option<Rest>>);

impl Default for Rests {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Rests {
    /// Listens from now on.
    pub fn listen(&self) -> watch::Receiver<Option<Rest>> {
        self.0.subscribe()
    }
}

impl TransferMonitor for Rests {
    fn moved(&self, _bytes: u64) {}

    fn waiting(&self, time: Duration, why: &str) {
        let why = why.to_owned();
        self.0.send_replace(Some(Rest { time, why }));
    }
}
