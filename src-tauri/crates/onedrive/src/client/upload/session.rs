//! Upload sessions: creating one, resuming an interrupted one, and querying what it lacks.

use std::time::Duration;

use coffer_destination::{CheckpointStore, Error as DestinationError, Result};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::super::destination::OneDriveDestination;
use super::super::graph::{Call, Outcome, cancellable, read_json};
use super::super::item::Item;
use super::super::lock;
use super::checkpoint::Checkpoint;
use super::state::Upload;
use crate::endpoints::is_private;

/// Waits for a name that another session holds, in units of the fragment delay (1 s).
const BUSY_WAITS: [u32; 3] = [10, 30, 60];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    upload_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionStatus {
    next_expected_ranges: Option<Vec<String>>,
    expiration_date_time: Option<String>,
}

/// What an earlier call left behind.
pub(super) enum PreviousUpload {
    Session(String, u64),
    Stored(Box<Item>),
}

/// State of a session, according to the service.
pub(super) enum SessionState {
    /// First missing byte; the file's length when it is complete.
    Wants(u64),
    Gone,
}

impl OneDriveDestination {
    /// An interrupted upload, of this process or an earlier one.
    fn remembered(&self, name: &str, checkpoints: &dyn CheckpointStore) -> Option<Checkpoint> {
        let saved = checkpoints.load(name);
        let saved = saved.and_then(|text| serde_json::from_str(&text).ok());
        saved.or_else(|| lock(&self.sessions).get(name).cloned())
    }

    pub(in super::super) async fn abandon_upload(
        &self,
        name: &str,
        checkpoints: &dyn CheckpointStore,
    ) {
        if let Some(saved) = self.remembered(name, checkpoints) {
            checkpoints.remove(name);
            lock(&self.sessions).remove(name);
            if is_private(&saved.url) {
                self.cancel_session(&saved.url).await;
            }
        }
    }

    /// Deletes a session; otherwise it expires.
    async fn cancel_session(&self, url: &str) {
        let request = self.graph.content_request(Method::DELETE, url);
        let _ = tokio::time::timeout(Duration::from_secs(10), request.send()).await;
    }
}

impl Upload<'_> {
    /// What an earlier call left behind: a session with its first missing byte, or the complete file.
    pub(super) async fn resumable(&self) -> Result<Option<PreviousUpload>> {
        let Some(saved) = self.destination.remembered(self.name, self.checkpoints) else {
            return Ok(None);
        };
        if !is_private(&saved.url) {
            self.forget();
            return Ok(None);
        }
        if saved.size != self.file.size() || saved.hash != self.hash {
            self.cancel_session(&saved.url).await;
            return Ok(None);
        }
        match self.status(&saved.url).await? {
            SessionState::Wants(offset) => Ok(Some(PreviousUpload::Session(saved.url, offset))),
            SessionState::Gone => {
                let arrived = self.arrived().await?;
                self.forget();
                Ok(arrived.map(|item| PreviousUpload::Stored(Box::new(item))))
            }
        }
    }

    pub(super) async fn create_session(&self) -> Result<String> {
        // Without this, the service reports a conflict after the last byte if the name exists.
        let behavior = self.conflict.behavior();
        let body =
            json!({"item": {"@microsoft.graph.conflictBehavior": behavior, "name": self.name}});
        let mut waits = BUSY_WAITS.iter();
        let session: Session = loop {
            let address = self.destination.file_url(self.name, self.cancel).await?;
            let call = Call {
                method: Method::POST,
                url: format!("{address}:/createUploadSession"),
                json: Some(&body),
                purpose: ("store", self.name),
            };
            let refusal = match self.destination.graph.send(&call, self.cancel).await? {
                Outcome::Answer(answer) => {
                    break read_json(answer, "store", self.name, self.cancel).await?;
                }
                Outcome::Refused(refusal) => refusal,
            };
            if refusal.status == StatusCode::CONFLICT {
                self.taken().await?;
                // Another client's session holds the name; ours would have been resumed. It will expire.
                let Some(wait) = waits.next() else {
                    return Err(self.refused(refusal));
                };
                let wait = self
                    .destination
                    .options
                    .fragment_delay
                    .saturating_mul(*wait);
                self.monitor
                    .waiting(wait, "Another upload of this file is not over");
                cancellable(self.cancel, tokio::time::sleep(wait)).await?;
            } else if !self.destination.moved(&refusal, self.cancel).await? {
                return Err(self.refused_for_now(refusal).await);
            }
        };
        if !is_private(&session.upload_url) {
            return Err(DestinationError::Refused {
                operation: "store",
                name: self.name.to_owned(),
                why: "the upload address is not encrypted".to_owned(),
            });
        }
        let checkpoint = Checkpoint {
            url: session.upload_url.clone(),
            size: self.file.size(),
            hash: self.hash.clone(),
        };
        if let Ok(text) = serde_json::to_string(&checkpoint) {
            self.checkpoints.save(self.name, &text);
        }
        lock(&self.destination.sessions).insert(self.name.to_owned(), checkpoint);
        Ok(session.upload_url)
    }

    /// Queries a session's missing bytes.
    pub(super) async fn status(&self, url: &str) -> Result<SessionState> {
        let request = self.destination.graph.content_request(Method::GET, url);
        let answered = self.destination.graph.dispatch(request, self.cancel);
        match answered.await? {
            Outcome::Answer(answer) if answer.status() == StatusCode::OK => {
                let status = read_json(answer, "store", self.name, self.cancel).await?;
                if !is_session(&status) {
                    return Err(not_a_session());
                }
                let next = first_missing(&status).unwrap_or(self.file.size());
                Ok(SessionState::Wants(next))
            }
            // Sessions never redirect.
            Outcome::Answer(_) => Err(not_a_session()),
            Outcome::Refused(refusal) if !refusal.is_own() => Err(self.refused(refusal)),
            Outcome::Refused(refusal) => match refusal.status.as_u16() {
                408 | 423 | 429 => Err(self.refused(refusal)),
                400..=499 => Ok(SessionState::Gone),
                _ => Err(self.refused(refusal)),
            },
        }
    }

    /// Whether another process can continue the upload.
    pub(super) fn is_kept(&self) -> bool {
        self.checkpoints.load(self.name).is_some()
    }

    pub(super) fn forget(&self) {
        self.checkpoints.remove(self.name);
        lock(&self.destination.sessions).remove(self.name);
    }

    pub(super) async fn cancel_session(&self, url: &str) {
        self.forget();
        self.destination.cancel_session(url).await;
    }
}

/// Whether an answer describes a session.
pub(super) fn is_session(status: &SessionStatus) -> bool {
    status.next_expected_ranges.is_some() || status.expiration_date_time.is_some()
}

pub(super) fn not_a_session() -> DestinationError {
    DestinationError::Unavailable {
        why: "something other than the upload service answered".to_owned(),
    }
}

/// Start of the first range that the service still expects.
pub(super) fn first_missing(status: &SessionStatus) -> Option<u64> {
    status
        .next_expected_ranges
        .as_ref()?
        .first()?
        .split('-')
        .next()?
        .parse()
        .ok()
}

/// Parses arbitrary bytes as an answer about a session and as a checkpoint, for fuzzing.
#[cfg(feature = "fuzzing")]
pub(in super::super) fn read_hostile(body: &[u8]) {
    if let Ok(status) = serde_json::from_slice::<SessionStatus>(body) {
        let _ = first_missing(&status);
    }
    let _ = serde_json::from_slice::<Session>(body).map(|session| is_private(&session.upload_url));
    let _ = serde_json::from_slice::<Checkpoint>(body);
}
