//! What is left of the requests that the service allows until a moment it names, spread evenly until then.
//!
//! `RateLimit-Reset` is whole seconds, rounded up: the smallest of the ends that the answers of a window name is close
//! to the real one. A small reserve is kept, so that an end that is taken for too early costs no refusal.
//!
//! Source: IETF draft "RateLimit header fields for HTTP"; Microsoft Graph sends them as a preview.

use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// Longest window that is believed.
const LONGEST: Duration = Duration::from_secs(3600);

/// Ends of the same window differ by less than this.
const SAME: Duration = Duration::from_millis(1500);
/// One of so many requests is kept in reserve, at least one.
const RESERVE: u64 = 50;
/// What a timer may come too early, seen from the other side.
const MARGIN: Duration = Duration::from_millis(20);
/// Seconds until the end when none are named.
const USUAL: u64 = 60;

/// The budget of the window we are in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    limit: u64,
    /// Requests that may still go, by what the service said and what was sent since.
    left: u64,
    end: Instant,
    /// The longest time until an end that was named: close to the whole window.
    length: Duration,
    last: Instant,
}

/// What the headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated {
    limit: u64,
    remaining: u64,
    reset: Duration,
}

impl Stated {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let limit = number("RateLimit-Limit")?;
        let remaining = number("RateLimit-Remaining")?;
        let reset = Duration::from_secs(number("RateLimit-Reset").unwrap_or(USUAL)).min(LONGEST);
        (limit > 0).then_some(Self {
            limit,
            remaining: remaining.min(limit),
            reset,
        })
    }
}

impl Budget {
    /// What is known after an answer, while `under_way` other requests have none yet.
    pub(super) fn heed(before: Option<Self>, stated: Stated, under_way: u64, now: Instant) -> Self {
        let end = now + stated.reset;
        let left = stated.remaining.saturating_sub(under_way);
        let fresh = Self {
            limit: stated.limit,
            left,
            end,
            length: stated.reset,
            last: now,
        };
        let Some(before) = before else {
            return fresh;
        };
        let apart = end.max(before.end) - end.min(before.end);
        let length = before.length.max(stated.reset);
        if apart <= SAME {
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

    /// The budget at this moment: after its end the next window is taken to have begun. `None` when too much time has
    /// passed to know.
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

    /// Whether nothing but the reserve is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.usable() == 0
    }

    fn usable(&self) -> u64 {
        self.left.saturating_sub((self.limit / RESERVE).max(1))
    }

    /// Earliest moment of the next request.
    pub(super) fn next(&self) -> Instant {
        match u32::try_from(self.usable()) {
            Ok(0) => self.end + MARGIN,
            // One part more than requests, or the last one would fall on the end.
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

    fn told(limit: u64, remaining: u64, reset: u64) -> Stated {
        Stated {
            limit,
            remaining,
            reset: Duration::from_secs(reset),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_spread_until_the_end_with_a_reserve() {
        let start = Instant::now();
        let mut budget = Budget::heed(None, told(100, 11, 50), 0, start);

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
        let before = Budget::heed(None, told(100, 50, 30), 0, start);

        let later = start + Duration::from_millis(900);
        // An answer that was on its way longer, and others that have none yet.
        let budget = Budget::heed(Some(before), told(100, 60, 30), 0, later);
        assert_eq!((budget.left, budget.end), (50, before.end));
        let budget = Budget::heed(Some(budget), told(100, 45, 29), 3, later);

        assert_eq!(budget.left, 42);
        assert_eq!(budget.end, later + Duration::from_secs(29));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_window_is_expected_until_answers_tell_of_it() {
        let start = Instant::now();
        let budget = Budget::heed(None, told(100, 2, 30), 0, start);
        let over = start + Duration::from_secs(31);

        let next = budget.at(over).expect("the next window");
        assert_eq!((next.left, next.length), (100, budget.length));
        // It had not begun yet.
        let corrected = Budget::heed(Some(next), told(100, 1, 1), 0, over);
        assert_eq!(corrected.left, 1);
        assert_eq!(budget.at(start + Duration::from_secs(61)), None);
    }

    #[test]
    fn headers_that_make_no_sense_are_left_out() {
        let headers = |limit: &'static str, remaining: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("RateLimit-Limit", limit.parse().unwrap());
            headers.insert("RateLimit-Remaining", remaining.parse().unwrap());
            Stated::read(&headers)
        };

        assert_eq!(headers("0", "0"), None);
        assert_eq!(headers("-1", "5"), None);
        assert_eq!(headers("100", "many"), None);
        assert_eq!(headers("100", "500"), Some(told(100, 100, USUAL)));
    }
}
