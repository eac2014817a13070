//! What an upload learns about its fragments.

use std::time::Duration;

use super::super::destination::UNIT;

/// Answers in a row that bring no byte forward before a session is given up.
const STANDING: u32 = 10;
/// Times that the last fragment may be answered with 500 before the file is cut otherwise.
const LAST_FRAGMENT_TRIES: u32 = 3;
/// Fragments without trouble after which they grow again.
const CLEAN_FRAGMENTS: u32 = 20;

/// How an upload goes: what is learnt about fragments, and how much patience is left.
pub(super) struct Pace {
    pub(super) fragment: u64,
    /// The size that was asked for.
    wanted: u64,
    /// Failures since the last byte that was new.
    pub(super) failures: u32,
    pub(super) waited: Duration,
    /// Farthest byte so far, and answers since it was reached.
    farthest: u64,
    standing: u32,
    clean: u32,
    last_refused: u32,
}

impl Pace {
    pub(super) fn new(fragment: u64) -> Self {
        Self {
            fragment,
            wanted: fragment,
            failures: 0,
            waited: Duration::ZERO,
            farthest: 0,
            standing: 0,
            clean: 0,
            last_refused: 0,
        }
    }

    /// A session starts at `offset`.
    pub(super) fn begin(&mut self, offset: u64) {
        (self.farthest, self.standing) = (offset, 0);
        (self.failures, self.last_refused) = (0, 0);
    }

    /// Fragments of half the size, but not below `least`.
    pub(super) fn shrink(&mut self, least: u64) {
        let half = (self.fragment / 2 / UNIT * UNIT).max(UNIT);
        self.fragment = half.max(least.min(self.fragment));
        self.clean = 0;
    }

    /// After a while without trouble fragments grow back.
    pub(super) fn went_well(&mut self) {
        self.clean += 1;
        if self.clean >= CLEAN_FRAGMENTS {
            self.fragment = (self.fragment * 2).min(self.wanted);
            self.clean = 0;
        }
    }

    /// Whether the last fragment failed so often that it will do so for ever.
    pub(super) fn last_refused_again(&mut self) -> bool {
        self.last_refused += 1;
        self.last_refused >= LAST_FRAGMENT_TRIES
    }

    /// Takes note of what is wanted next; false when the session turns in circles.
    pub(super) fn moves_on(&mut self, offset: u64, next: u64) -> bool {
        if next > offset {
            self.failures = 0;
        }
        if next > self.farthest {
            (self.farthest, self.standing) = (next, 0);
        } else {
            self.standing += 1;
        }
        self.standing <= STANDING
    }
}
