//! Uploads: small files in one request, others in fragments of an upload session that can be continued.

use std::io::SeekFrom;
use std::time::Duration;

use coffer_destination::{
    CheckpointStore, Error as DestinationError, Result, TransferMonitor, UploadFile,
};
use rand::RngExt as _;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Body, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::answer::Refusal;
use super::destination::{Item, OneDriveDestination};
use super::graph::{Call, Outcome, cancellable, read_json};
use crate::endpoints::is_private;
use crate::quickxor::QuickXor;

/// Largest file that goes in one request, in bytes.
const SMALL: u64 = 4 << 20;
/// Upload sessions that are tried for one file.
const SESSIONS: u32 = 3;
/// Longest wait between two tries of a fragment.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// All waits of one file for a service that limits requests.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Time for a fragment besides that for its bytes; the last one is answered only when the file is put together.
const FRAGMENT_TIMEOUT: Duration = Duration::from_secs(300);
/// Slowest upload that is not taken for a dead one, bytes a second.
const SLOWEST: u64 = 8 * 1024;

/// What is remembered of a session, to continue it later.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    url: String,
    size: u64,
    hash: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    upload_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionStatus {
    #[serde(default)]
    next_expected_ranges: Vec<String>,
}

/// How a session went.
enum SessionEnd {
    Stored(Box<Item>),
    /// It is gone or confused; the file itself says whether it arrived.
    Lost,
}

/// One upload with all that its steps need.
struct Upload<'a> {
    destination: &'a OneDriveDestination,
    name: &'a str,
    file: &'a UploadFile,
    hash: String,
    checkpoints: &'a dyn CheckpointStore,
    monitor: &'a dyn TransferMonitor,
    cancel: &'a CancellationToken,
}

impl OneDriveDestination {
    pub(super) async fn upload(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        // Names first: a bad one must not cost a look at the file.
        self.file_url(name, cancel).await?;
        let hash = cancellable(cancel, quick_xor(file)).await??;
        let upload = Upload {
            destination: self,
            name,
            file,
            hash,
            checkpoints,
            monitor,
            cancel,
        };
        let item = if file.size() <= SMALL {
            upload.small().await?
        } else {
            upload.large().await?
        };
        upload.verify(item).await
    }
}

impl Upload<'_> {
    async fn small(&self) -> Result<Item> {
        let graph = &self.destination.graph;
        let address = self.destination.file_url(self.name, self.cancel).await?;
        let url = format!("{address}:/content?@microsoft.graph.conflictBehavior=replace");
        let mut data = Vec::new();
        let file = self.file.open().map_err(|source| self.local(source))?;
        let mut file = File::from_std(file);
        cancellable(self.cancel, file.read_to_end(&mut data))
            .await?
            .map_err(|source| self.local(source))?;
        // Shared by all tries.
        let data = bytes::Bytes::from(data);
        let outcome = graph
            .send_with(&url, self.cancel, || {
                let request = graph.request(Method::PUT, &url);
                Ok(request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .body(data.clone()))
            })
            .await?;
        match outcome {
            Outcome::Answer(answer) => {
                let item = read_json(answer, "store", self.name, self.cancel).await?;
                self.monitor.moved(self.file.size());
                Ok(item)
            }
            Outcome::Refused(refusal) => Err(self.refused(refusal)),
        }
    }

    async fn large(&self) -> Result<Item> {
        let mut resumed = self.resumable().await?;
        for _ in 0..SESSIONS {
            let (url, offset) = match resumed.take() {
                Some(session) => session,
                None => (self.create_session().await?, 0),
            };
            match self.send_fragments(&url, offset).await {
                Ok(SessionEnd::Stored(item)) => {
                    self.checkpoints.remove(self.name);
                    return Ok(*item);
                }
                Ok(SessionEnd::Lost) => {
                    self.checkpoints.remove(self.name);
                    if let Some(item) = self.arrived().await? {
                        return Ok(item);
                    }
                }
                // A later call, maybe of a later process, goes on from the checkpoint.
                Err(error)
                    if error.is_transient() || matches!(error, DestinationError::Cancelled) =>
                {
                    return Err(error);
                }
                Err(error) => {
                    self.abandon(&url).await;
                    return Err(error);
                }
            }
        }
        let why = "OneDrive lost the upload several times".to_owned();
        Err(DestinationError::Unavailable { why })
    }

    /// A session that an earlier call left, with the first byte that it lacks.
    async fn resumable(&self) -> Result<Option<(String, u64)>> {
        let saved = self.checkpoints.load(self.name);
        let Some(saved) = saved.and_then(|text| serde_json::from_str::<Checkpoint>(&text).ok())
        else {
            return Ok(None);
        };
        let fits = saved.size == self.file.size() && saved.hash == self.hash;
        if !fits || !is_private(&saved.url) {
            self.checkpoints.remove(self.name);
            return Ok(None);
        }
        match self.status(&saved.url).await? {
            Some(offset) => Ok(Some((saved.url, offset))),
            None => {
                self.checkpoints.remove(self.name);
                Ok(None)
            }
        }
    }

    async fn create_session(&self) -> Result<String> {
        let address = self.destination.file_url(self.name, self.cancel).await?;
        // Without this the service answers a conflict after the last byte when the name exists.
        let body =
            json!({"item": {"@microsoft.graph.conflictBehavior": "replace", "name": self.name}});
        let url = format!("{address}:/createUploadSession");
        let call = Call {
            method: Method::POST,
            url,
            json: Some(&body),
            purpose: ("store", self.name),
        };
        let session: Session = match self.destination.graph.send(&call, self.cancel).await? {
            Outcome::Answer(answer) => read_json(answer, "store", self.name, self.cancel).await?,
            Outcome::Refused(refusal) => return Err(self.refused(refusal)),
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
        Ok(session.upload_url)
    }

    async fn send_fragments(&self, url: &str, mut offset: u64) -> Result<SessionEnd> {
        let size = self.file.size();
        let fragment = self.destination.options.fragment();
        let (mut failures, mut waited, mut standing) = (0, Duration::ZERO, 0);
        loop {
            let len = fragment.min(size - offset);
            let sent = self.send_fragment(url, offset, len).await;
            let next = match sent {
                Ok(Outcome::Answer(answer)) if answer.status() == StatusCode::ACCEPTED => {
                    let status: SessionStatus =
                        read_json(answer, "store", self.name, self.cancel).await?;
                    self.monitor.moved(len);
                    Some(first_missing(&status).unwrap_or(offset + len))
                }
                Ok(Outcome::Answer(answer)) => {
                    self.monitor.moved(len);
                    let item = read_json(answer, "store", self.name, self.cancel).await;
                    return Ok(
                        item.map_or(SessionEnd::Lost, |item| SessionEnd::Stored(Box::new(item)))
                    );
                }
                Ok(Outcome::Refused(refusal)) if refusal.is_throttling() => {
                    let wait = self.destination.graph.gate.remaining();
                    waited += wait;
                    if waited > PATIENCE {
                        return Err(self.refused(refusal));
                    }
                    self.monitor.waiting(wait, "OneDrive asked to slow down");
                    Some(offset)
                }
                Ok(Outcome::Refused(refusal)) => match refusal.status.as_u16() {
                    400 | 401 | 403 | 404 | 409 | 410 | 412 => return Ok(SessionEnd::Lost),
                    // Bytes that had arrived already, or not yet: the session knows.
                    416 => self.status(url).await?,
                    413 => return Err(self.refused(refusal)),
                    507 => return Err(self.refused(refusal)),
                    _ => {
                        failures += 1;
                        self.pause_or(failures, self.refused(refusal)).await?;
                        self.status(url).await?
                    }
                },
                Err(DestinationError::Cancelled) => return Err(DestinationError::Cancelled),
                Err(error @ DestinationError::Unavailable { .. }) => {
                    failures += 1;
                    self.pause_or(failures, error).await?;
                    self.status(url).await?
                }
                Err(error) => return Err(error),
            };
            let Some(next) = next.filter(|next| *next < size) else {
                return Ok(SessionEnd::Lost);
            };
            if next > offset {
                (failures, standing) = (0, 0);
            } else {
                standing += 1;
            }
            // Throttling ends by its own patience; a session that never moves on is no session.
            if standing > 40 {
                return Ok(SessionEnd::Lost);
            }
            offset = next;
        }
    }

    async fn send_fragment(&self, url: &str, offset: u64, len: u64) -> Result<Outcome> {
        let file = self.file.open().map_err(|source| self.local(source))?;
        let mut file = File::from_std(file);
        file.seek(SeekFrom::Start(offset))
            .await
            .map_err(|source| self.local(source))?;
        let body = Body::wrap_stream(ReaderStream::with_capacity(file.take(len), 64 * 1024));
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
        let patience = FRAGMENT_TIMEOUT + Duration::from_secs(len / SLOWEST);
        let sending = self.destination.graph.dispatch(request, self.cancel);
        match tokio::time::timeout(patience, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DestinationError::Unavailable {
                why: "OneDrive took too long to answer".to_owned(),
            }),
        }
    }

    /// First byte that a session lacks; `None` when it is gone.
    async fn status(&self, url: &str) -> Result<Option<u64>> {
        let request = self.destination.graph.content_request(Method::GET, url);
        match self
            .destination
            .graph
            .dispatch(request, self.cancel)
            .await?
        {
            Outcome::Answer(answer) if answer.status() == StatusCode::OK => {
                let status = read_json(answer, "store", self.name, self.cancel).await?;
                Ok(first_missing(&status))
            }
            Outcome::Answer(_) => Ok(None),
            Outcome::Refused(refusal) if matches!(refusal.status.as_u16(), 400..=428) => Ok(None),
            Outcome::Refused(refusal) => Err(self.refused(refusal)),
        }
    }

    /// Waits before the next try of a fragment, or gives up.
    async fn pause_or(&self, failures: u32, error: DestinationError) -> Result<()> {
        let options = self.destination.options;
        if failures >= options.fragment_tries {
            return Err(error);
        }
        let doubled = options
            .fragment_delay
            .saturating_mul(2_u32.saturating_pow(failures - 1));
        let wait = doubled
            .min(LONGEST_DELAY)
            .mul_f64(rand::rng().random_range(0.5..1.0));
        self.monitor.waiting(wait, &error.to_string());
        cancellable(self.cancel, tokio::time::sleep(wait)).await
    }

    /// The file, if all of it is there: an upload may succeed though its last answer was lost.
    async fn arrived(&self) -> Result<Option<Item>> {
        let found = self.destination.find_file(self.name, self.cancel).await?;
        Ok(found.filter(|item| {
            item.size == self.file.size() && item.quick_xor() == Some(self.hash.as_str())
        }))
    }

    /// Compares what was stored with what was sent; a file that differs is removed.
    async fn verify(&self, mut item: Item) -> Result<()> {
        // Business accounts state the hash a little later.
        for wait in [2, 5, 10] {
            if item.quick_xor().is_some() || item.size != self.file.size() || item.size == 0 {
                break;
            }
            cancellable(self.cancel, tokio::time::sleep(Duration::from_secs(wait))).await?;
            item = self
                .destination
                .find_file(self.name, self.cancel)
                .await?
                .unwrap_or(item);
        }
        let why = if item.size != self.file.size() {
            format!(
                "{} bytes arrived instead of {}",
                item.size,
                self.file.size()
            )
        } else if item.quick_xor().is_some_and(|hash| hash != self.hash) && item.size > 0 {
            "its hash differs".to_owned()
        } else if !item.name.is_empty() && !item.name.eq_ignore_ascii_case(self.name) {
            format!("it was stored as {}", item.name)
        } else {
            return Ok(());
        };
        // Whether or not this succeeds, the upload has failed and is told so.
        let url = self.destination.file_url(self.name, self.cancel).await?;
        let call = Call {
            method: Method::DELETE,
            url,
            json: None,
            purpose: ("delete", self.name),
        };
        let _ = self.destination.graph.send(&call, self.cancel).await;
        Err(DestinationError::Corrupted {
            name: self.name.to_owned(),
            why,
        })
    }

    /// Tells the service to forget a session; it forgets by itself otherwise.
    async fn abandon(&self, url: &str) {
        self.checkpoints.remove(self.name);
        let request = self.destination.graph.content_request(Method::DELETE, url);
        let _ = tokio::time::timeout(Duration::from_secs(10), request.send()).await;
    }

    fn refused(&self, refusal: Refusal) -> DestinationError {
        match refusal.into_error("store", self.name) {
            DestinationError::NotFound { .. } => DestinationError::FolderMissing {
                folder: self.destination.folder().to_owned(),
            },
            error => error,
        }
    }

    fn local(&self, source: std::io::Error) -> DestinationError {
        let name = self.file.path().display().to_string();
        DestinationError::Io {
            operation: "read",
            name,
            source,
        }
    }
}

/// Start of the first range that the service still wants.
fn first_missing(status: &SessionStatus) -> Option<u64> {
    status
        .next_expected_ranges
        .first()?
        .split('-')
        .next()?
        .parse()
        .ok()
}

async fn quick_xor(file: &UploadFile) -> Result<String> {
    let file = file.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut source = file.open()?;
        let mut hash = QuickXor::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match source.read(&mut buffer)? {
                0 => return Ok((hash.finish(), file)),
                count => hash.update(&buffer[..count]),
            }
        }
    });
    let outcome: std::io::Result<_> = hashed
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    outcome
        .map(|(hash, _)| hash)
        .map_err(|source| DestinationError::Io {
            operation: "read",
            name: "the volume".to_owned(),
            source,
        })
}
