//! Fragments of an upload session, and the handling of each answer.

use std::io::SeekFrom;
use std::sync::Arc;

use coffer_destination::{Error as DestinationError, Result};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE};
use reqwest::{Body, Method, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::super::graph::{Outcome, cancellable, read_json};
use super::super::item::Item;
use super::super::limit::PIECE;
use super::super::moving::Moving;
use super::super::options::UNIT;
use super::pace::Pace;
use super::session::{SessionState, first_missing, is_session, not_a_session};
use super::state::Upload;

/// Waits for a file whose bytes have all arrived, in units of the fragment delay.
const ASSEMBLY_WAITS: [u32; 6] = [1, 2, 4, 8, 16, 30];

/// Result of a session.
pub(super) enum SessionEnd {
    Stored(Box<Item>),
    /// It is gone or unusable; whether the file arrived has to be checked.
    Lost,
}

/// What an answer to a fragment means.
enum Sent {
    /// It was accepted; the session expects this byte next.
    Next(u64),
    Stored(Box<Item>),
    /// Only the session knows whether its bytes were stored.
    Unclear {
        error: DestinationError,
        status: Option<u16>,
    },
    /// The session expects other bytes.
    Misplaced,
    Throttled(DestinationError),
    TooLarge,
    /// The session is gone, or accepts nothing more.
    Useless,
}

impl Upload<'_> {
    pub(super) async fn send_fragments(
        &self,
        url: &str,
        mut offset: u64,
        pace: &mut Pace<'_>,
    ) -> Result<SessionEnd> {
        let size = self.file.size();
        loop {
            let next = if offset >= size {
                // All bytes have arrived, but there is no file yet.
                match self.assembled(url).await? {
                    Ok(next) => next,
                    Err(end) => return Ok(end),
                }
            } else {
                let len = pace.fragment().min(size - offset);
                match self.send_fragment(url, offset, len).await? {
                    Sent::Stored(item) => return Ok(SessionEnd::Stored(item)),
                    Sent::Useless => return Ok(SessionEnd::Lost),
                    Sent::TooLarge => {
                        pace.shrink(UNIT);
                        return Ok(SessionEnd::Lost);
                    }
                    Sent::Throttled(error) => {
                        self.rest(pace, error)?;
                        continue;
                    }
                    Sent::Next(next) => {
                        pace.succeeded();
                        next
                    }
                    Sent::Misplaced => match self.settle(url, pace).await? {
                        SessionState::Wants(next) => next,
                        SessionState::Gone => return Ok(SessionEnd::Lost),
                    },
                    Sent::Unclear { error, status } => {
                        if matches!(status, None | Some(504)) {
                            pace.shrink(4 * UNIT);
                        }
                        let is_refused = offset + len == size && status == Some(500);
                        if is_refused && pace.last_refused_again() {
                            // The service fails to store some last fragments; splitting the file differently helps.
                            pace.shrink(UNIT);
                            return Ok(SessionEnd::Lost);
                        }
                        pace.failures += 1;
                        self.pause_or(pace.failures, error).await?;
                        match self.settle(url, pace).await? {
                            SessionState::Wants(next) => next,
                            SessionState::Gone => return Ok(SessionEnd::Lost),
                        }
                    }
                }
            };
            if next > size || !pace.moves_on(offset, next) {
                return Ok(SessionEnd::Lost);
            }
            offset = next;
        }
    }

    /// Sends a fragment of `len` bytes, and returns what the answer means.
    async fn send_fragment(&self, url: &str, offset: u64, len: u64) -> Result<Sent> {
        let refusal = match self.put_fragment(url, offset, len).await {
            Ok(Outcome::Answer(answer)) if answer.status() == StatusCode::ACCEPTED => {
                let status = read_json(answer, "store", self.name, self.cancel).await;
                return match status {
                    // A session without any state does not exist.
                    Ok(status) if !is_session(&status) => Ok(Sent::Unclear {
                        error: not_a_session(),
                        status: Some(202),
                    }),
                    Ok(status) => {
                        self.progress.byte(offset + len);
                        Ok(Sent::Next(first_missing(&status).unwrap_or(offset + len)))
                    }
                    Err(error) => unclear(error, Some(202)),
                };
            }
            Ok(Outcome::Answer(answer)) if answer.status().is_success() => {
                let item = read_json(answer, "store", self.name, self.cancel).await;
                return match item {
                    Ok(item) => {
                        self.progress.byte(offset + len);
                        Ok(Sent::Stored(Box::new(item)))
                    }
                    Err(error) => unclear(error, Some(200)),
                };
            }
            // A redirect, which upload addresses never send.
            Ok(Outcome::Answer(_)) => return Ok(Sent::Useless),
            Ok(Outcome::Refused(refusal)) => refusal,
            Err(error) => return unclear(error, None),
        };
        let status = refusal.status.as_u16();
        let unclear = |error| Sent::Unclear {
            error,
            status: Some(status),
        };
        Ok(match status {
            // Something in between answered, which says nothing about the session.
            _ if !refusal.is_own() && !refusal.is_throttling() => unclear(self.refused(refusal)),
            _ if refusal.is_throttling() => Sent::Throttled(self.refused(refusal)),
            _ if refusal.is_full() => return Err(self.refused(refusal)),
            413 => Sent::TooLarge,
            // The bytes had already arrived, or others are missing: the session knows.
            416 => Sent::Misplaced,
            408 | 423 | 500..=599 => unclear(self.refused(refusal)),
            _ => Sent::Useless,
        })
    }

    /// Asks a session for the bytes it lacks until it answers.
    async fn settle(&self, url: &str, pace: &mut Pace<'_>) -> Result<SessionState> {
        loop {
            match self.status(url).await {
                Err(error @ DestinationError::Throttled { .. }) => self.rest(pace, error)?,
                Err(error) if error.is_transient() => {
                    pace.failures += 1;
                    self.pause_or(pace.failures, error).await?;
                }
                answered => return answered,
            }
        }
    }

    /// Waits for the file of a session that has all bytes: some services assemble it after their answer. `Ok` is a byte
    /// that the session still expects.
    async fn assembled(&self, url: &str) -> Result<std::result::Result<u64, SessionEnd>> {
        for wait in ASSEMBLY_WAITS {
            let wait = self.destination.options.fragment_delay.saturating_mul(wait);
            cancellable(self.cancel, tokio::time::sleep(wait)).await?;
            match self.status(url).await? {
                SessionState::Wants(next) if next < self.file.size() => return Ok(Ok(next)),
                SessionState::Wants(_) => {}
                SessionState::Gone => return Ok(Err(SessionEnd::Lost)),
            }
            if let Some(item) = self.arrived().await? {
                return Ok(Err(SessionEnd::Stored(Box::new(item))));
            }
        }
        Ok(Err(SessionEnd::Lost))
    }

    /// Waits because the service limits requests; the gate delays the next one.
    fn rest(&self, pace: &mut Pace<'_>, error: DestinationError) -> Result<()> {
        let gate = &self.destination.graph.gate;
        pace.rests.one_more(error, gate, self.monitor)
    }

    async fn put_fragment(&self, url: &str, offset: u64, len: u64) -> Result<Outcome> {
        let file = self.file.open().map_err(|source| self.local(source))?;
        let mut file = File::from_std(file);
        file.seek(SeekFrom::Start(offset))
            .await
            .map_err(|source| self.local(source))?;
        let limit = &self.destination.options.bandwidth.upload;
        let piece = if limit.rate().is_some() {
            PIECE
        } else {
            64 * 1024
        };
        let body = ReaderStream::with_capacity(file.take(len), piece);
        let moving = Moving::new(len);
        let body = moving.feed(Arc::clone(limit).metered(body));
        let body = Body::wrap_stream(body);
        let last = offset + len - 1;
        let request = self
            .destination
            .graph
            .content_request(Method::PUT, url)
            .header(CONTENT_LENGTH, len)
            .header(
                CONTENT_RANGE,
                format!("bytes {offset}-{last}/{}", self.file.size()),
            )
            .body(body);
        let graph = &self.destination.graph;
        let sending = graph.dispatch_moving(&moving, request, self.cancel);
        let report = |sent| self.progress.byte(offset + sent);
        moving.reporting(report, sending).await
    }

    /// Waits before the next attempt of a fragment, or fails after too many.
    async fn pause_or(&self, failures: u32, error: DestinationError) -> Result<()> {
        let policy = self.destination.options.fragment_policy();
        let tried = failures.saturating_sub(1);
        policy
            .pause_anyway(error, tried, self.monitor, self.cancel)
            .await
    }
}

/// When the answer was lost, only the session knows whether bytes arrived; other failures are final.
fn unclear(error: DestinationError, status: Option<u16>) -> Result<Sent> {
    match error {
        DestinationError::Unavailable { .. } => Ok(Sent::Unclear { error, status }),
        error => Err(error),
    }
}
