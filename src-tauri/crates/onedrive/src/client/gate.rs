use std::sync::Mutex;
use std::time::Duration;

use rand::RngExt as _;
use reqwest::header::HeaderMap;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tokio::time::Instant;

use super::lock;

/// Longest wait that a service may ask for at a time.
const LONGEST: Duration = Duration::from_secs(3600);
/// First wait after throttling that names no time; doubles while it goes on.
const FIRST_UNASKED: Duration = Duration::from_secs(30);
/// Longest of those.
const LONGEST_UNASKED: Duration = Duration::from_secs(300);
/// Throttling makes the requests of an account come one by one for this long after it.
const RECOVERY: Duration = Duration::from_secs(30);

/// Holds back all requests of an account while the service wants to be left alone, and lets them through one by one
/// while it is close to that.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    /// Held by the one request that is under way while the gate is narrow.
    one: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct State {
    not_before: Option<Instant>,
    narrow_until: Option<Instant>,
    /// Throttled answers in a row that named no time.
    unasked: u32,
}

impl Gate {
    /// No request before `time` has passed. Never shortens a wait that was asked for before.
    pub(crate) fn close_for(&self, time: Duration) {
        let mut state = lock(&self.state);
        let until = Instant::now() + time.min(LONGEST);
        state.not_before = Some(state.not_before.map_or(until, |before| before.max(until)));
        state.narrow(until + RECOVERY);
    }

    /// As [`Gate::close_for`], when the service named no time.
    pub(crate) fn close_unasked(&self) {
        let times = {
            let mut state = lock(&self.state);
            state.unasked = state.unasked.saturating_add(1);
            state.unasked
        };
        self.close_for(unasked_wait(times));
    }

    /// A request was answered as it should be.
    pub(crate) fn went_well(&self) {
        lock(&self.state).unasked = 0;
    }

    /// Becomes narrow while less than a tenth of what the service allows is left.
    pub(crate) fn heed(&self, headers: &HeaderMap) {
        if let Some(reset) = nearly_spent(headers) {
            lock(&self.state).narrow(Instant::now() + reset.min(LONGEST));
        }
    }

    /// How long a request has to wait.
    pub(crate) fn remaining(&self) -> Duration {
        lock(&self.state)
            .not_before
            .map_or(Duration::ZERO, |until| {
                until.saturating_duration_since(Instant::now())
            })
    }

    /// Waits until the gate is open, and up to a tenth longer, so that workers do not all come at once. While the gate
    /// is narrow only the holder of what comes back may send.
    pub(crate) async fn pass(&self) -> Option<MutexGuard<'_, ()>> {
        let mut alone = None;
        loop {
            let wait = self.remaining();
            if !wait.is_zero() {
                let late = wait
                    .min(Duration::from_secs(10))
                    .mul_f64(rand::rng().random_range(0.0..0.1));
                tokio::time::sleep(wait + late).await;
                continue;
            }
            if alone.is_some() || !self.is_narrow() {
                return alone;
            }
            // The one before may close the gate, which is then looked at again.
            alone = Some(self.one.lock().await);
        }
    }

    fn is_narrow(&self) -> bool {
        lock(&self.state)
            .narrow_until
            .is_some_and(|until| Instant::now() < until)
    }
}

impl State {
    fn narrow(&mut self, until: Instant) {
        self.narrow_until = Some(self.narrow_until.map_or(until, |before| before.max(until)));
    }
}

/// Wait after so many throttled answers in a row that named no time.
fn unasked_wait(times: u32) -> Duration {
    FIRST_UNASKED
        .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
        .min(LONGEST_UNASKED)
}

/// Time until the budget is new, when less than a tenth of it is left.
fn nearly_spent(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let (limit, remaining) = (number("RateLimit-Limit")?, number("RateLimit-Remaining")?);
    (remaining.saturating_mul(10) < limit)
        .then(|| Duration::from_secs(number("RateLimit-Reset").unwrap_or(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_that_nobody_named_double_up_to_five_minutes() {
        let waits = [1, 2, 3, 4, 5, 99].map(|times| unasked_wait(times).as_secs());
        assert_eq!(waits, [30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn a_wait_is_never_shortened() {
        let gate = Gate::default();
        gate.close_for(Duration::from_secs(1000));
        gate.close_for(Duration::from_secs(1));

        assert!(gate.remaining() > Duration::from_secs(900));
        assert!(gate.is_narrow());
    }

    #[test]
    fn a_budget_that_is_nearly_spent_narrows_the_gate() {
        let headers = |remaining: &'static str| {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("RateLimit-Limit", "100"),
                ("RateLimit-Remaining", remaining),
                ("RateLimit-Reset", "40"),
            ] {
                headers.insert(name, value.parse().unwrap());
            }
            headers
        };
        let gate = Gate::default();

        gate.heed(&headers("50"));
        assert!(!gate.is_narrow());
        gate.heed(&headers("9"));
        assert!(gate.is_narrow());
        assert_eq!(nearly_spent(&headers("9")), Some(Duration::from_secs(40)));
    }
}
