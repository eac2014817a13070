//! Distinguishes a slow request from a dead one.
//!
//! A timeout for the whole request, as in HTTP clients, would end uploads over slow connections that still progress.
//! Here, each piece of the body that is sent restarts the timeout. After the last one, the service may take long to
//! answer, because it assembles the file then.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;

/// Timeout for the answer to a request without a body, and between pieces of an answer.
pub(super) const IDLE: Duration = Duration::from_secs(120);
/// Timeout between pieces of a body. The system sends what it has buffered in the meantime.
const STUCK: Duration = Duration::from_secs(300);
/// Timeout from the last piece of a body to the answer.
const ANSWER: Duration = Duration::from_secs(300);
/// Bytes that the system may still have buffered then.
const HELD: u64 = 4 << 20;
/// Slowest supported connection in bytes per second: 128 kbit/s, shared by four requests.
const SLOWEST: u64 = 4 * 1024;

/// Progress of one request. Cheap to clone; clones track the same request.
#[derive(Debug, Clone)]
pub(crate) struct Moving(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Signals progress.
    went: Notify,
}

#[derive(Debug)]
struct State {
    /// Size of the body.
    len: u64,
    /// Bytes that were handed over to be sent, and how many of them are known to have been sent.
    sent: u64,
    gone: u64,
    /// Time of the last progress.
    last: Instant,
}

impl Moving {
    /// A request with a body of this size.
    pub(crate) fn new(len: u64) -> Self {
        let state = State {
            len,
            sent: 0,
            gone: 0,
            last: Instant::now(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            went: Notify::new(),
        }))
    }

    /// Starts the request from the first byte of its body.
    pub(super) fn begin(&self) {
        let mut state = lock(&self.0.state);
        (state.sent, state.gone) = (0, 0);
        state.last = Instant::now();
    }

    /// The same bytes; a request for the next piece shows that the previous ones were sent.
    pub(super) fn feed<S>(&self, body: S) -> impl Stream<Item = io::Result<Bytes>> + use<S>
    where
        S: Stream<Item = io::Result<Bytes>>,
    {
        let moving = self.clone();
        body.inspect(move |piece| {
            if let Ok(piece) = piece {
                let mut state = lock(&moving.0.state);
                state.gone = state.sent;
                state.sent += piece.len() as u64;
                state.last = Instant::now();
                moving.0.went.notify_one();
            }
        })
    }

    /// Runs `work`, which sends the request, and calls `report` with the bytes sent so far. The last piece is never
    /// included: only the answer shows that it arrived.
    pub(super) async fn reporting<T>(
        &self,
        report: impl Fn(u64),
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.0.went.notified() => {
                    let gone = lock(&self.0.state).gone;
                    report(gone);
                }
            }
        }
    }

    /// Returns when there was no progress for too long.
    pub(super) async fn stalled(&self) {
        loop {
            let end = lock(&self.0.state).end();
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

impl State {
    /// When the request is considered dead without further progress.
    fn end(&self) -> Instant {
        let patience = if self.len == 0 {
            IDLE
        } else if self.sent < self.len {
            STUCK
        } else {
            ANSWER + Duration::from_secs(self.len.min(HELD) / SLOWEST)
        };
        self.last + patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 64 * 1024;

    /// A body of this many pieces, each of which takes `pace` to send.
    fn slow(pieces: u32, pace: Duration) -> impl Stream<Item = io::Result<Bytes>> {
        futures::stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(pace).await;
            Ok(Bytes::from(vec![0; PIECE]))
        })
    }

    /// Seconds until a request with this body is considered dead.
    async fn dead_after(len: u64, body: impl Stream<Item = io::Result<Bytes>>) -> u64 {
        let start = Instant::now();
        let moving = Moving::new(len);
        moving.begin();
        let sending = async {
            let mut fed = std::pin::pin!(moving.feed(body));
            while fed.next().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = sending => {}
            () = moving.stalled() => {}
        }
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn ten_megabytes_at_a_quarter_of_128_kilobits_are_not_aborted() {
        let len = 160 * PIECE as u64;

        let dead = dead_after(len, slow(160, Duration::from_secs(16))).await;

        // 43 minutes of sending, then as long as an answer may take.
        assert_eq!(dead, 160 * 16 + 300 + 1024);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_is_aborted() {
        let stuck = slow(3, Duration::from_secs(1)).chain(futures::stream::pending());

        assert_eq!(dead_after(10 * PIECE as u64, stuck).await, 3 + 300);
    }

    #[tokio::test(start_paused = true)]
    async fn each_piece_is_reported_when_the_next_one_is_requested() {
        let moving = Moving::new(4 * PIECE as u64);
        let start = Instant::now();
        let reports = Mutex::new(Vec::new());
        let report = |gone: u64| {
            lock(&reports).push((start.elapsed().as_secs(), gone / PIECE as u64));
        };
        let sending = async {
            let mut fed = pin!(moving.feed(slow(4, Duration::from_secs(10))));
            while fed.next().await.is_some() {}
            // The answer takes its time.
            tokio::time::sleep(Duration::from_secs(60)).await;
        };

        moving.begin();
        moving.reporting(report, sending).await;

        assert_eq!(*lock(&reports), [(10, 0), (20, 1), (30, 2), (40, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_body_an_answer_comes_within_two_minutes() {
        assert_eq!(dead_after(0, futures::stream::empty()).await, 120);
    }
}
