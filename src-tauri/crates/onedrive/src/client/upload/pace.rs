//! The fragment size of uploads.

use std::sync::Mutex;

use super::super::lock;
use super::super::options::UNIT;
use super::super::rests::Rests;

/// Answers in a row without progress before a session is abandoned.
const MAX_STALLED_ANSWERS: u32 = 10;
/// How often the last fragment may be answered with 500 before the file is split differently.
const LAST_FRAGMENT_TRIES: u32 = 3;
/// Successful fragments after which they grow again.
const CLEAN_FRAGMENTS: u32 = 20;

/// Fragment sizes that worked, shared by all uploads of an account: they use the same connection.
#[derive(Debug, Default)]
pub(in super::super) struct Fragments {
    /// Largest size that worked, if it is not the requested one.
    largest: Option<u64>,
    /// Successful fragments in a row.
    clean: u32,
}

/// State of an upload, and the retries that are left.
pub(super) struct Pace<'a> {
    learned: &'a Mutex<Fragments>,
    /// The requested size.
    wanted: u64,
    /// Failures since the last new byte.
    pub(super) failures: u32,
    pub(super) rests: Rests,
    /// Highest offset so far, and answers since then.
    farthest: u64,
    standing: u32,
    last_refused: u32,
}

impl<'a> Pace<'a> {
    pub(super) fn new(wanted: u64, learned: &'a Mutex<Fragments>) -> Self {
        Self {
            learned,
            wanted,
            failures: 0,
            rests: Rests::default(),
            farthest: 0,
            standing: 0,
            last_refused: 0,
        }
    }

    /// Size of the next fragment.
    pub(super) fn fragment(&self) -> u64 {
        let largest = lock(self.learned).largest;
        largest.map_or(self.wanted, |largest| largest.min(self.wanted))
    }

    /// A session starts at `offset`.
    pub(super) fn begin(&mut self, offset: u64) {
        (self.farthest, self.standing) = (offset, 0);
        (self.failures, self.last_refused) = (0, 0);
    }

    /// Halves the fragment size, down to `least`.
    pub(super) fn shrink(&mut self, least: u64) {
        let fragment = self.fragment();
        let half = (fragment / 2 / UNIT * UNIT).max(UNIT);
        let mut learned = lock(self.learned);
        learned.largest = Some(half.max(least.min(fragment)));
        learned.clean = 0;
    }

    /// Records a successful fragment; after several, fragments grow again.
    pub(super) fn succeeded(&mut self) {
        let mut learned = lock(self.learned);
        learned.clean += 1;
        if learned.clean >= CLEAN_FRAGMENTS {
            learned.largest = learned
                .largest
                .map(|largest| largest * 2)
                .filter(|largest| *largest < self.wanted);
            learned.clean = 0;
        }
    }

    /// Whether the last fragment failed so often that it will never succeed.
    pub(super) fn last_refused_again(&mut self) -> bool {
        self.last_refused += 1;
        self.last_refused >= LAST_FRAGMENT_TRIES
    }

    /// Records the byte that the session expects next; false when the session makes no progress.
    pub(super) fn moves_on(&mut self, offset: u64, next: u64) -> bool {
        if next > offset {
            self.failures = 0;
        }
        if next > self.farthest {
            (self.farthest, self.standing) = (next, 0);
        } else {
            self.standing += 1;
        }
        self.standing <= MAX_STALLED_ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_file_begins_with_what_the_last_one_learned() {
        let learned = Mutex::default();
        let wanted = 32 * UNIT;
        let mut first = Pace::new(wanted, &learned);
        assert_eq!(first.fragment(), wanted);
        first.shrink(4 * UNIT);
        first.shrink(4 * UNIT);

        // Five fragments each, so that no file alone has enough of them.
        for file in 0..8 {
            let mut next = Pace::new(wanted, &learned);
            let grown = (8 * UNIT) << (file / 4);
            assert_eq!(next.fragment(), grown, "file {file}");
            (0..5).for_each(|_| next.succeeded());
        }
        assert_eq!(Pace::new(wanted, &learned).fragment(), wanted);
    }
}
