use std::time::Duration;

use coffer_destination::RetryPolicy;

use super::limit::Bandwidth;

/// Fragments are multiples of this many bytes.
pub(super) const UNIT: u64 = 327_680;

/// Largest fragment, in bytes; a request must stay below 60 MiB.
const MAX_FRAGMENT: u64 = 191 * UNIT;

/// Longest wait between two attempts of a fragment.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Target duration of one request's body under a bandwidth limit, in seconds.
const LONGEST_BODY: u64 = 10;

/// Options of transfers.
#[derive(Debug, Clone)]
pub struct TransferOptions {
    /// Bytes of a fragment (`--fragment-size`); rounded down to a multiple of 320 KiB.
    pub fragment_size: u64,
    /// Maximum attempts per fragment after transient failures (`--fragment-retry-count`).
    pub fragment_tries: u32,
    /// First wait between them (`--fragment-retry-delay`); doubles.
    pub fragment_delay: Duration,
    /// Where deleted files go (`--permanent-delete`).
    pub deletion: Deletion,
    /// Bandwidth limits (`--throttle-upload`, `--throttle-download`).
    pub bandwidth: Bandwidth,
}

/// Where deleted files go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletion {
    /// Into the recycle bin, which uses space on the drive until Microsoft empties it after 30 or 93 days.
    #[default]
    RecycleBin,
    /// Permanently deleted if the drive supports it, else into the recycle bin.
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

    /// The effective fragment size.
    pub(super) fn fragment(&self) -> u64 {
        (self.limit_to_timeout(self.fragment_size) / UNIT * UNIT).clamp(UNIT, MAX_FRAGMENT)
    }

    /// Reduces `bytes` to what one request sends in good time: the service is silent until the whole body has arrived,
    /// and is considered dead after a while.
    pub(super) fn limit_to_timeout(&self, bytes: u64) -> u64 {
        let limit = self.bandwidth.upload();
        limit.map_or(bytes, |limit| bytes.min(limit.saturating_mul(LONGEST_BODY)))
    }
}
