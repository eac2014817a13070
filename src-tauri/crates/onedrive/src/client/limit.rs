//! Bandwidth limits.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

use super::lock;

/// Size of the pieces in which a body is sent, so that it flows evenly.
pub(super) const PIECE: usize = 16 * 1024;

/// Lowest limit in bytes per second; below it, the smallest fragments take too long.
const MIN_LIMIT: u64 = 32 << 10;

/// Bandwidth limit of all transfers that share it. It can be changed at any time, and applies to running transfers with
/// their next piece. Cheap to clone; clones share the limit.
#[derive(Debug, Clone, Default)]
pub struct Bandwidth {
    pub(super) upload: Arc<Limit>,
    pub(super) download: Arc<Limit>,
}

impl Bandwidth {
    /// Bytes per second for sending and receiving, at least 32 KiB each; `None` is no limit.
    pub fn new(upload: Option<u64>, download: Option<u64>) -> Self {
        let bandwidth = Self::default();
        bandwidth.set(upload, download);
        bandwidth
    }

    /// Changes both limits.
    pub fn set(&self, upload: Option<u64>, download: Option<u64>) {
        self.upload.set(upload);
        self.download.set(download);
    }

    /// Bytes per second for sending.
    pub fn upload(&self) -> Option<u64> {
        self.upload.rate()
    }

    /// Bytes per second for receiving.
    pub fn download(&self) -> Option<u64> {
        self.download.rate()
    }
}

/// Limits the bytes per second of all transfers in one direction.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// Bytes per second; 0 is no limit.
    bytes_a_second: AtomicU64,
    /// When the next piece may be sent.
    free_at: Mutex<Option<Instant>>,
}

impl Limit {
    fn set(&self, bytes_a_second: Option<u64>) {
        let rate = bytes_a_second.map_or(0, |rate| rate.max(MIN_LIMIT));
        self.bytes_a_second.store(rate, Ordering::Relaxed);
        // A backlog at the old rate is dropped.
        *lock(&self.free_at) = None;
    }

    pub(super) fn rate(&self) -> Option<u64> {
        let rate = self.bytes_a_second.load(Ordering::Relaxed);
        (rate > 0).then_some(rate)
    }

    /// Waits until it is the turn of the next `bytes`.
    pub(super) async fn pass(&self, bytes: usize) {
        let Some(rate) = self.rate() else {
            return;
        };
        let turn = {
            let mut free_at = lock(&self.free_at);
            let now = Instant::now();
            let turn = free_at.map_or(now, |free| free.max(now));
            *free_at = Some(turn + Duration::from_secs_f64(bytes as f64 / rate as f64));
            turn
        };
        tokio::time::sleep_until(turn).await;
    }

    /// The same bytes, no faster than the limit allows.
    pub(super) fn metered<S>(
        self: Arc<Self>,
        body: S,
    ) -> impl Stream<Item = io::Result<Bytes>> + use<S>
    where
        S: Stream<Item = io::Result<Bytes>>,
    {
        body.then(move |piece| {
            let limit = Arc::clone(&self);
            async move {
                if let Ok(piece) = &piece {
                    limit.pass(piece.len()).await;
                }
                piece
            }
        })
    }
}

/// `data` in pieces that share its memory.
pub(super) fn pieces(data: Bytes) -> impl Stream<Item = io::Result<Bytes>> {
    let count = data.len().div_ceil(PIECE);
    futures::stream::iter((0..count).map(move |piece| {
        let start = piece * PIECE;
        Ok(data.slice(start..data.len().min(start + PIECE)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rate: Option<u64>) -> Arc<Limit> {
        Bandwidth::new(rate, None).upload
    }

    /// Sends `len` bytes and returns what arrived.
    async fn sent(limit: &Arc<Limit>, len: usize) -> usize {
        let body = pieces(Bytes::from(vec![1; len]));
        let arrived = Arc::clone(limit).metered(body);
        arrived
            .fold(0, async |sum, piece| sum + piece.unwrap().len())
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn transfers_share_what_is_allowed() {
        let limit = limit(Some(2 * PIECE as u64));
        let start = Instant::now();

        let sums = tokio::join!(sent(&limit, 10 * PIECE), sent(&limit, 11 * PIECE));

        assert_eq!(sums, (10 * PIECE, 11 * PIECE));
        // The first of 21 pieces is sent immediately.
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_not_saved_up() {
        let limit = limit(Some(2 * PIECE as u64));
        sent(&limit, PIECE).await;
        tokio::time::advance(Duration::from_secs(100)).await;
        let start = Instant::now();

        sent(&limit, 5 * PIECE).await;

        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let limit = limit(None);
        let start = Instant::now();

        assert_eq!(sent(&limit, 100 * PIECE + 1).await, 100 * PIECE + 1);
        assert!(start.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_under_way_obeys_a_new_limit() {
        let bandwidth = Bandwidth::new(Some(2 * PIECE as u64), None);
        let start = Instant::now();
        let sending = sent(&bandwidth.upload, 1000 * PIECE);
        let changing = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            bandwidth.set(None, None);
        };

        let (sum, ()) = tokio::join!(sending, changing);

        assert_eq!(sum, 1000 * PIECE);
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
