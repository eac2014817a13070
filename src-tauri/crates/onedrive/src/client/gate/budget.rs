//! What is left of the requests that the service allows until a moment it names, spread evenly until then.
//!
//! `RateLimit-Reset` is whole seconds, rounded up: the smallest of the ends that the answers of a window name is close
//! to the real one. A small reserve is kept, so that an end that is taken for too early costs no refusal.
//!
//! Source: IETF draft "RateLimit header fields for HTTP"; Microsoft Graph sends them as a preview.

use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::LONGEST;

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
pub(super) struct Told {
    limit: u64,
    remaining: u64,
    reset: Duration,
}

impl Told {
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
    pub(super) fn heed(before: Option<Self>, told: Told, under_way: u64, now: Instant) -> Self {
        let end = now + told.reset;
        let left = told.remaining.saturating_sub(under_way);
        let fresh = Self {
            limit: told.limit,
            left,
            end,
            length: told.reset,
            last: now,
        };
        let Some(before) = before else {
            return fresh;
        };
        let apart = end.max(before.end) - end.min(before.end);
        let length = before.length.max(told.reset);
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

    /// Earliest moment of the next request.
    pub(super) fn next(&self) -> Instant {
        let reserve = (self.limit / RESERVE).max(1);
        match u32::try_from(self.left.saturating_sub(reserve)) {
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
