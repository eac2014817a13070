use std::time::Duration;

use coffer_destination::RetryPolicy;

use super::limit::Bandwidth;

/// Bytes by which fragments are counted.
pub(super) const UNIT: u64 = 327_680;

/// Largest fragment, in bytes; a request must stay below 60 MiB.
const MAX_FRAGMENT: u64 = 191 * UNIT;

/// Longest wait between two tries of a fragment.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Seconds that the body of one request takes under a limit, when nothing else is sent.
const LONGEST_BODY: u64 = 10;

/// How files are moved.
#[derive(Debug, Clone)]
pub struct TransferOptions {
    /// Bytes of a fragment (`--fragment-size`); rounded down to a multiple of 320 KiB.
    pub fragment_size: u64,
    /// Tries of a fragment that failed in a way that may pass (`--fragment-retry-count`).
    pub fragment_tries: u32,
    /// First wait between them (`--fragment-retry-delay`); doubles.
    pub fragment_delay: Duration,
    /// What a deletion does with the file (`--permanent-delete`).
    pub deletion: Deletion,
    /// What may go over the wire (`--throttle-upload`, `--throttle-download`).
    pub bandwidth: Bandwidth,
}

/// Where deleted files go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletion {
    /// Into the recycle bin, which takes space of the drive until Microsoft empties it after 30 or 93 days.
    #[default]
    RecycleBin,
    /// Away for good, where the drive can do that; into the recycle bin where it cannot.
    Permanent,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            fragment_size: 32 * UNIT,
            fragment_tries: 8,
            fragment_delay: Duration::from_secs(1),
            deletion: Deletion::default(),
            bandwidth: Bandwidth::default(),
        }
    }
}

impl TransferOptions {
    /// How a fragment is tried again.
    pub(super) fn fragment_policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries: self.fragment_tries.saturating_sub(1),
            delay: self.fragment_delay,
            longest_delay: LONGEST_DELAY,
        }
    }

    /// The fragment size that is really used.
    pub(super) fn fragment(&self) -> u64 {
        (self.unhurried(self.fragment_size) / UNIT * UNIT).clamp(UNIT, MAX_FRAGMENT)
    }

    /// As many of `bytes` as one request carries in good time: whoever answers is silent until all of it has arrived,
    /// and is taken for dead after a while.
    pub(super) fn unhurried(&self, bytes: u64) -> u64 {
        let limit = self.bandwidth.upload();
        limit.map_or(bytes, |limit| bytes.min(limit.saturating_mul(LONGEST_BODY)))
    }
}
