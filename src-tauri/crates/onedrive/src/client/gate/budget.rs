//! The requests that the service still allows until the time it names, spread evenly until then.
//!
//! `RateLimit-Reset` is in whole seconds, rounded up: the earliest end among the answers of a window is close to the
//! real one. A small reserve is kept, so that an end that is assumed too early causes no refusal.
//!
//! Source: IETF draft "RateLimit header fields for HTTP"; Microsoft Graph sends them as a preview.

use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// Longest window that is trusted.
const LONGEST: Duration = Duration::from_secs(3600);

/// Reported ends of the same window differ by less than this.
const SAME_WINDOW_TOLERANCE: Duration = Duration::from_millis(1500);
/// One in this many requests is kept in reserve, but at least one.
const RESERVE: u64 = 50;
/// Safety margin for timers that fire early from the service's point of view.
const MARGIN: Duration = Duration::from_millis(20);
/// Seconds until the end of the window if the service names none.
const DEFAULT_WINDOW_SECS: u64 = 60;

/// The budget of the current window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    limit: u64,
    /// Requests that may still be sent, according to the service and what was sent since.
    left: u64,
    end: Instant,
    /// The longest reported time until the end: close to the whole window.
    length: Duration,
    last: Instant,
}

/// The rate limit headers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateLimitHeaders {
    limit: u64,
    remaining: u64,
    reset: Duration,
}

impl RateLimitHeaders {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let limit = number("RateLimit-Limit")?;
        let remaining = number("RateLimit-Remaining")?;
        let reset = Duration::from_secs(number("RateLimit-Reset").unwrap_or(DEFAULT_WINDOW_SECS))
            .min(LONGEST);
        (limit > 0).then_some(Self {
            limit,
            remaining: remaining.min(limit),
            reset,
        })
    }
}

impl Budget {
    /// Updates the budget with an answer, while `under_way` other requests are unanswered.
    pub(super) fn updated(
        before: Option<Self>,
        limits: RateLimitHeaders,
        under_way: u64,
        now: Instant,
    ) -> Self {
        let end = now + limits.reset;
        let left = limits.remaining.saturating_sub(under_way);
        let fresh = Self {
            limit: limits.limit,
            left,
            end,
            length: limits.reset,
            last: now,
        };
        let Some(before) = before else {
            return fresh;
        };
        let apart = end.max(before.end) - end.min(before.end);
        let length = before.length.max(limits.reset);
        if apart <= SAME_WINDOW_TOLERANCE {
            Self {
                left: left.min(before.left),
                end: end.min(before.end),
                last: before.last,
                length,
                ..fresh
            }
        } else {
            Self {
                last: before.last,
                length,
                ..fresh
            }
        }
    }

    /// The budget now: after its end, the next window is assumed to have begun. `None` when too much time has passed to
    /// know.
    pub(super) fn at(self, now: Instant) -> Option<Self> {
        let end = self.end + MARGIN;
        if now < end {
            return Some(self);
        }
        let next = end + self.length;
        (now < next).then_some(Self {
            left: self.limit,
            end: next,
            last: now.min(self.last + self.length),
            ..self
        })
    }

    /// Whether only the reserve is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.usable() == 0
    }

    fn usable(&self) -> u64 {
        self.left.saturating_sub((self.limit / RESERVE).max(1))
    }

    /// Earliest time of the next request.
    pub(super) fn next(&self) -> Instant {
        match u32::try_from(self.usable()) {
            Ok(0) => self.end + MARGIN,
            // One interval more than there are requests, or the last one would coincide with the end.
            Ok(usable) => self.last + self.end.saturating_duration_since(self.last) / (usable + 1),
            Err(_) => self.last,
        }
    }

    /// Whether the service says that nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.left = self.left.saturating_sub(1);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers_of(limit: u64, remaining: u64, reset: u64) -> RateLimitHeaders {
        RateLimitHeaders {
            limit,
            remaining,
            reset: Duration::from_secs(reset),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_spread_until_the_end_with_a_reserve() {
        let start = Instant::now();
        let mut budget = Budget::updated(None, headers_of(100, 11, 50), 0, start);

        // Two are kept, nine go in ten parts of the time.
        let mut moments = Vec::new();
        for _ in 0..9 {
            let next = budget.next();
            moments.push((next - start).as_secs());
            budget.sent(next);
        }

        assert_eq!(moments, [5, 10, 15, 20, 25, 30, 35, 40, 45]);
        assert_eq!(budget.next(), start + Duration::from_secs(50) + MARGIN);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_of_a_window_narrow_its_end_and_what_is_left() {
        let start = Instant::now();
        let before = Budget::updated(None, headers_of(100, 50, 30), 0, start);

        let later = start + Duration::from_millis(900);
        // An answer that arrived late, while others are still unanswered.
        let budget = Budget::updated(Some(before), headers_of(100, 60, 30), 0, later);
        assert_eq!((budget.left, budget.end), (50, before.end));
        let budget = Budget::updated(Some(budget), headers_of(100, 45, 29), 3, later);

        assert_eq!(budget.left, 42);
        assert_eq!(budget.end, later + Duration::from_secs(29));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_window_is_assumed_until_answers_report_it() {
        let start = Instant::now();
        let budget = Budget::updated(None, headers_of(100, 2, 30), 0, start);
        let over = start + Duration::from_secs(31);

        let next = budget.at(over).expect("the next window");
        assert_eq!((next.left, next.length), (100, budget.length));
        // The window had not begun yet.
        let corrected = Budget::updated(Some(next), headers_of(100, 1, 1), 0, over);
        assert_eq!(corrected.left, 1);
        assert_eq!(budget.at(start + Duration::from_secs(61)), None);
    }

    #[test]
    fn invalid_headers_are_ignored() {
        let headers = |limit: &'static str, remaining: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("RateLimit-Limit", limit.parse().unwrap());
            headers.insert("RateLimit-Remaining", remaining.parse().unwrap());
            RateLimitHeaders::read(&headers)
        };

        assert_eq!(headers("0", "0"), None);
        assert_eq!(headers("-1", "5"), None);
        assert_eq!(headers("100", "many"), None);
        assert_eq!(
            headers("100", "500"),
            Some(headers_of(100, 100, DEFAULT_WINDOW_SECS))
        );
    }
}
