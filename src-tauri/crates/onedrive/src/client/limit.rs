//! Limits to the bytes a second that go over the wire.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

use super::lock;

/// Bytes of the pieces that a body is sent in, so that it goes evenly.
pub(super) const PIECE: usize = 16 * 1024;

/// Lets so many bytes a second pass, shared by all transfers of one direction; `None` lets everything pass.
#[derive(Debug, Default)]
pub(super) struct Limit {
    bytes_a_second: Option<u64>,
    /// When what was let through before is paid for.
    free_at: Mutex<Option<Instant>>,
}

impl Limit {
    pub(super) fn new(bytes_a_second: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            bytes_a_second,
            free_at: Mutex::default(),
        })
    }

    pub(super) fn is_set(&self) -> bool {
        self.bytes_a_second.is_some()
    }

    /// Waits until it is the turn of the next `bytes`.
    pub(super) async fn pass(&self, bytes: usize) {
        let Some(rate) = self.bytes_a_second else {
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

    /// The same bytes, no faster than allowed.
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

    /// Sends `len` bytes and gives back what arrived.
    async fn sent(limit: &Arc<Limit>, len: usize) -> usize {
        let body = pieces(Bytes::from(vec![1; len]));
        let arrived = Arc::clone(limit).metered(body);
        arrived
            .fold(0, async |sum, piece| sum + piece.unwrap().len())
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn transfers_share_what_is_allowed() {
        let limit = Limit::new(Some(PIECE as u64));
        let start = Instant::now();

        let sums = tokio::join!(sent(&limit, 10 * PIECE), sent(&limit, 11 * PIECE));

        assert_eq!(sums, (10 * PIECE, 11 * PIECE));
        // The first of 21 pieces goes at once.
        assert_eq!(start.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_not_saved_up() {
        let limit = Limit::new(Some(PIECE as u64));
        sent(&limit, PIECE).await;
        tokio::time::advance(Duration::from_secs(100)).await;
        let start = Instant::now();

        sent(&limit, 5 * PIECE).await;

        assert_eq!(start.elapsed().as_secs(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let limit = Limit::new(None);
        let start = Instant::now();

        assert_eq!(sent(&limit, 100 * PIECE + 1).await, 100 * PIECE + 1);
        assert!(start.elapsed().is_zero());
    }
}
