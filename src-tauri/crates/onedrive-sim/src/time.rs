//! The simulator's clock, which tests can turn forward, and the spellings of time on the wire.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Real time plus what tests turned it forward.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: SignedDuration,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let real = Timestamp::now();
        real.checked_add(self.ahead).unwrap_or(real)
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.ahead = self.ahead.saturating_add(by);
    }
}

/// `at` moved by whole seconds; unchanged when that leaves the calendar.
pub(crate) fn plus(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(at)
}

/// Whole seconds from `now` until `at`, negative when it has passed.
pub(crate) fn seconds_until(at: Timestamp, now: Timestamp) -> i64 {
    at.as_second() - now.as_second()
}

/// ISO 8601 with milliseconds, as Graph writes it.
pub(crate) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The date format of HTTP headers.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
