//! Tells a request that goes slowly from one that is dead.
//!
//! A limit for the whole of a request, as HTTP clients have it, ends uploads over slow lines although their bytes move.
//! Here each piece of the body that goes out starts the time anew; whoever has all of it may take long to answer, because
//! the service puts the file together then.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;

/// Without an answer to a request that has no body, and without a piece of an answer.
pub(super) const IDLE: Duration = Duration::from_secs(120);
/// Without a piece of a body going out. What the system holds for the line goes out in between.
const STUCK: Duration = Duration::from_secs(300);
/// From the last piece of a body to the answer.
const ANSWER: Duration = Duration::from_secs(300);
/// Bytes that the system may still hold then.
const HELD: u64 = 4 << 20;
/// A line that is not given up, bytes a second: 128 kbit/s, shared by four.
const SLOWEST: u64 = 4 * 1024;

/// One request on its way. Cheap to clone; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Moving(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something has gone.
    went: Notify,
}

#[derive(Debug)]
struct State {
    /// Bytes of the body.
    len: u64,
    /// Bytes that were handed over to be sent, and those of them that another piece was asked for after.
    sent: u64,
    gone: u64,
    /// When something moved last.
    last: Instant,
}

impl Moving {
    /// A request whose body has so many bytes.
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

    /// The request is sent now, and not before, from the first byte of its body.
    pub(super) fn begin(&self) {
        let mut state = lock(&self.0.state);
        (state.sent, state.gone) = (0, 0);
        state.last = Instant::now();
    }

    /// The same bytes; each piece that is asked for shows that those before it have gone.
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

    /// Does `work`, which sends the request, and calls `tell` meanwhile with the bytes that have gone. The last piece is
    /// never among them: that it arrived only an answer shows.
    pub(super) async fn telling<T>(&self, tell: impl Fn(u64), work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.0.went.notified() => {
                    let gone = lock(&self.0.state).gone;
                    tell(gone);
                }
            }
        }
    }

    /// Ends when nothing has moved for too long.
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
    /// When the request counts as dead, unless something moves before.
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

    /// A body of so many pieces, each of which takes `pace` to go.
    fn slow(pieces: u32, pace: Duration) -> impl Stream<Item = io::Result<Bytes>> {
        futures::stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(pace).await;
            Ok(Bytes::from(vec![0; PIECE]))
        })
    }

    /// Seconds until the request counts as dead, when its body comes from `body`.
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
    async fn ten_megabytes_at_a_quarter_of_128_kilobits_are_not_given_up() {
        let len = 160 * PIECE as u64;

        let dead = dead_after(len, slow(160, Duration::from_secs(16))).await;

        // 43 minutes of sending, then as long as an answer may take.
        assert_eq!(dead, 160 * 16 + 300 + 1024);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_move_any_more_is_given_up() {
        let stuck = slow(3, Duration::from_secs(1)).chain(futures::stream::pending());

        assert_eq!(dead_after(10 * PIECE as u64, stuck).await, 3 + 300);
    }

    #[tokio::test(start_paused = true)]
    async fn each_piece_is_told_when_the_next_one_is_asked_for() {
        let moving = Moving::new(4 * PIECE as u64);
        let start = Instant::now();
        let told = Mutex::new(Vec::new());
        let tell = |gone: u64| {
            lock(&told).push((start.elapsed().as_secs(), gone / PIECE as u64));
        };
        let sending = async {
            let mut fed = pin!(moving.feed(slow(4, Duration::from_secs(10))));
            while fed.next().await.is_some() {}
            // The answer takes its time.
            tokio::time::sleep(Duration::from_secs(60)).await;
        };

        moving.begin();
        moving.telling(tell, sending).await;

        assert_eq!(*lock(&told), [(10, 0), (20, 1), (30, 2), (40, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_body_an_answer_comes_within_two_minutes() {
        assert_eq!(dead_after(0, futures::stream::empty()).await, 120);
    }
}
