use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

/// Longest wait that a service may ask for at a time.
const LONGEST: Duration = Duration::from_secs(3600);

/// Holds back all requests of an account while the service wants to be left alone.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    not_before: Mutex<Option<Instant>>,
}

impl Gate {
    /// No request before `time` has passed. Never shortens a wait that was asked for before.
    pub(crate) fn close_for(&self, time: Duration) {
        let until = Instant::now() + time.min(LONGEST);
        let mut not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |before| before.max(until)));
    }

    /// How long a request has to wait.
    pub(crate) fn remaining(&self) -> Duration {
        let not_before = *self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        not_before.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Waits until the gate is open, and up to a tenth longer, so that workers do not all come at once.
    pub(crate) async fn pass(&self) {
        loop {
            let wait = self.remaining();
            if wait.is_zero() {
                return;
            }
            let late = wait
                .min(Duration::from_secs(10))
                .mul_f64(rand::rng().random_range(0.0..0.1));
            tokio::time::sleep(wait + late).await;
        }
    }
}
