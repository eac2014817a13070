//! The total of a run's waits that the service asked for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::transfer::TransferMonitor;

/// How long a run waited because it was asked to. Overlapping waits count once.
#[derive(Debug, Default)]
pub(crate) struct Waited(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sum: Duration,
    /// End of the latest wait.
    until: Option<Instant>,
}

/// Counts the waits of a transfer, and forwards everything.
pub(crate) struct Counting<'a> {
    pub(crate) inner: &'a dyn TransferMonitor,
    pub(crate) waited: &'a Waited,
}

impl Waited {
    /// Records a wait of `time` that begins now.
    pub(crate) fn add(&self, time: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let counted = state.until.map_or(now, |until| until.max(now));
        let until = now + time;
        state.sum += until.saturating_duration_since(counted);
        state.until = Some(counted.max(until));
    }

    pub(crate) fn sum(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sum
    }
}

impl TransferMonitor for Counting<'_> {
    fn moved(&self, bytes: u64) {
        self.inner.moved(bytes);
    }

    fn waiting(&self, time: Duration, why: &str) {
        self.inner.waiting(time, why);
    }

    fn asked_to_wait(&self, time: Duration, why: &str) {
        self.waited.add(time);
        self.inner.asked_to_wait(time, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rests_at_the_same_time_count_once() {
        let waited = Waited::default();
        let seconds = Duration::from_secs;

        waited.add(seconds(100));
        waited.add(seconds(60));
        tokio::time::advance(seconds(50)).await;
        waited.add(seconds(80));
        tokio::time::advance(seconds(500)).await;
        waited.add(seconds(10));

        assert_eq!(waited.sum(), seconds(140));
    }
}
