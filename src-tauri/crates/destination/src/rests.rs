//! Waits between the attempts of calls that have no monitor.

use std::time::Duration;

use tokio::sync::watch;

use crate::transfer::TransferMonitor;

/// A wait before a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Its duration, from the time it is reported.
    pub time: Duration,
    /// A message for the user.
    pub why: String,
}

/// Publishes waits to its listeners; only the latest one is kept.
#[derive(Debug, Clone)]
pub struct Rests(watch::Sender<Option<Rest>>);

impl Default for Rests {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Rests {
    /// Subscribes to later waits.
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
