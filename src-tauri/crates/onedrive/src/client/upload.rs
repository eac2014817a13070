//! Uploads: small files in one request, others in fragments of an upload session that can be continued.

use std::io::SeekFrom;
use std::sync::Arc;
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
use super::destination::{Item, OneDriveDestination, UNIT};
use super::graph::{Call, Outcome, cancellable, read_json};
use super::limit::{PIECE, pieces};
use super::lock;
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
/// Answers in a row that bring no byte forward before a session is given up.
const STANDING: u32 = 10;
/// Times that the last fragment may be answered with 500 before the file is cut otherwise.
const LAST_FRAGMENT_TRIES: u32 = 3;
/// Fragments without trouble after which they grow again.
const CLEAN_FRAGMENTS: u32 = 20;
/// Waits for a name that another session holds, in units of the fragment delay (1 s).
const BUSY_WAITS: [u32; 3] = [10, 30, 60];
/// Waits for a file whose bytes are all there, in units of the fragment delay.
const ASSEMBLY_WAITS: [u32; 6] = [1, 2, 4, 8, 16, 30];
/// Slowest upload that is not taken for a dead one, bytes a second.
const SLOWEST: u64 = 8 * 1024;

/// What is remembered of a session, to continue it later.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
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
    /// It is gone or of no use; the file itself says whether it arrived.
    Lost,
}

/// What an earlier call left.
enum Resumed {
    Session(String, u64),
    Stored(Box<Item>),
}

/// What a session says of itself.
enum Standing {
    /// First byte that it lacks; the file's length when it has all.
    Wants(u64),
    Gone,
}

/// What an answer to a fragment means.
enum Sent {
    /// It was taken; the session wants this byte next.
    Next(u64),
    Stored(Box<Item>),
    /// Whether its bytes were kept only the session knows.
    Unclear {
        error: DestinationError,
        status: Option<u16>,
    },
    /// The session wants other bytes.
    Misplaced,
    Throttled(DestinationError),
    TooLarge,
    /// The session is gone, or will not take anything any more.
    Useless,
}

/// How an upload goes: what is learnt about fragments, and how much patience is left.
struct Pace {
    fragment: u64,
    /// The size that was asked for.
    wanted: u64,
    /// Failures since the last byte that was new.
    failures: u32,
    waited: Duration,
    /// Farthest byte so far, and answers since it was reached.
    farthest: u64,
    standing: u32,
    clean: u32,
    last_refused: u32,
}

impl Pace {
    fn new(fragment: u64) -> Self {
        Self {
            fragment,
            wanted: fragment,
            failures: 0,
            waited: Duration::ZERO,
            farthest: 0,
            standing: 0,
            clean: 0,
            last_refused: 0,
        }
    }

    /// A session starts at `offset`.
    fn begin(&mut self, offset: u64) {
        (self.farthest, self.standing) = (offset, 0);
        (self.failures, self.last_refused) = (0, 0);
    }

    /// Fragments of half the size, but not below `least`.
    fn shrink(&mut self, least: u64) {
        let half = (self.fragment / 2 / UNIT * UNIT).max(UNIT);
        self.fragment = half.max(least.min(self.fragment));
        self.clean = 0;
    }

    /// After a while without trouble fragments grow back.
    fn went_well(&mut self) {
        self.clean += 1;
        if self.clean >= CLEAN_FRAGMENTS {
            self.fragment = (self.fragment * 2).min(self.wanted);
            self.clean = 0;
        }
    }

    /// Whether the last fragment failed so often that it will do so for ever.
    fn last_refused_again(&mut self) -> bool {
        self.last_refused += 1;
        self.last_refused >= LAST_FRAGMENT_TRIES
    }

    /// Takes note of what is wanted next; false when the session turns in circles.
    fn moves_on(&mut self, offset: u64, next: u64) -> bool {
        if next > offset {
            self.failures = 0;
        }
        if next > self.farthest {
            (self.farthest, self.standing) = (next, 0);
        } else {
            self.standing += 1;
        }
        self.standing <= STANDING
    }
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
        let item = if file.size() <= self.options.unhurried(SMALL) {
            upload.small().await?
        } else {
            upload.large().await?
        };
        upload.verify(item).await
    }
}

impl OneDriveDestination {
    /// An upload that was cut off, in this process or one before.
    fn remembered(&self, name: &str, checkpoints: &dyn CheckpointStore) -> Option<Checkpoint> {
        let saved = checkpoints.load(name);
        let saved = saved.and_then(|text| serde_json::from_str(&text).ok());
        saved.or_else(|| lock(&self.sessions).get(name).cloned())
    }

    pub(super) async fn abandon_upload(&self, name: &str, checkpoints: &dyn CheckpointStore) {
        if let Some(saved) = self.remembered(name, checkpoints) {
            checkpoints.remove(name);
            lock(&self.sessions).remove(name);
            if is_private(&saved.url) {
                self.cancel_session(&saved.url).await;
            }
        }
    }

    /// Tells the service to forget a session; it forgets by itself otherwise.
    async fn cancel_session(&self, url: &str) {
        let request = self.graph.content_request(Method::DELETE, url);
        let _ = tokio::time::timeout(Duration::from_secs(10), request.send()).await;
    }
}

impl Upload<'_> {
    async fn small(&self) -> Result<Item> {
        let graph = &self.destination.graph;
        let mut data = Vec::new();
        let file = self.file.open().map_err(|source| self.local(source))?;
        let mut file = File::from_std(file);
        cancellable(self.cancel, file.read_to_end(&mut data))
            .await?
            .map_err(|source| self.local(source))?;
        // Shared by all tries.
        let data = bytes::Bytes::from(data);
        loop {
            let address = self.destination.file_url(self.name, self.cancel).await?;
            let url = format!("{address}:/content?@microsoft.graph.conflictBehavior=replace");
            let sending = graph.send_with(&url, self.cancel, || {
                let request = graph.request(Method::PUT, &url);
                let request = request.header(CONTENT_TYPE, "application/octet-stream");
                let limit = &self.destination.upload_limit;
                Ok(if limit.is_set() {
                    let body = Arc::clone(limit).metered(pieces(data.clone()));
                    request
                        .header(CONTENT_LENGTH, data.len())
                        .body(Body::wrap_stream(body))
                } else {
                    request.body(data.clone())
                })
            });
            match sending.await? {
                Outcome::Answer(answer) => {
                    let item = read_json(answer, "store", self.name, self.cancel).await?;
                    self.monitor.moved(self.file.size());
                    return Ok(item);
                }
                Outcome::Refused(refusal) => {
                    if !self.destination.moved(&refusal, self.cancel).await? {
                        return Err(self.refused(refusal));
                    }
                }
            }
        }
    }

    async fn large(&self) -> Result<Item> {
        let mut pace = Pace::new(self.destination.options.fragment());
        let mut resumed = match self.resumable().await? {
            Some(Resumed::Stored(item)) => {
                self.forget();
                return Ok(*item);
            }
            Some(Resumed::Session(url, offset)) => Some((url, offset)),
            None => None,
        };
        for _ in 0..SESSIONS {
            let (url, offset) = match resumed.take() {
                Some(session) => session,
                None => (self.create_session().await?, 0),
            };
            pace.begin(offset);
            match self.send_fragments(&url, offset, &mut pace).await {
                Ok(SessionEnd::Stored(item)) => {
                    self.forget();
                    return Ok(*item);
                }
                Ok(SessionEnd::Lost) => {}
                Err(error) => {
                    // A later call, maybe of a later process, goes on where this one stopped.
                    let goes_on = match error {
                        DestinationError::Cancelled => self.is_kept(),
                        _ => error.is_transient(),
                    };
                    if !goes_on {
                        self.cancel_session(&url).await;
                    }
                    return Err(error);
                }
            }
            if let Some(item) = self.arrived().await? {
                self.forget();
                return Ok(item);
            }
            // One that was said to be gone may live on elsewhere in the service, and hold the name.
            self.cancel_session(&url).await;
        }
        let why = "OneDrive lost the upload several times".to_owned();
        Err(DestinationError::Unavailable { why })
    }

    /// What an earlier call left: a session with the first byte that it lacks, or all of the file.
    async fn resumable(&self) -> Result<Option<Resumed>> {
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
            Standing::Wants(offset) => Ok(Some(Resumed::Session(saved.url, offset))),
            Standing::Gone => {
                let arrived = self.arrived().await?;
                self.forget();
                Ok(arrived.map(|item| Resumed::Stored(Box::new(item))))
            }
        }
    }

    async fn create_session(&self) -> Result<String> {
        // Without `replace` the service answers a conflict after the last byte when the name exists.
        let body =
            json!({"item": {"@microsoft.graph.conflictBehavior": "replace", "name": self.name}});
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
                // Somebody's session holds the name; ours would have been continued. It ends by itself.
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
                return Err(self.refused(refusal));
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

    async fn send_fragments(
        &self,
        url: &str,
        mut offset: u64,
        pace: &mut Pace,
    ) -> Result<SessionEnd> {
        let size = self.file.size();
        loop {
            let next = if offset >= size {
                // All bytes are there, but no file yet.
                match self.assembled(url).await? {
                    Ok(next) => next,
                    Err(end) => return Ok(end),
                }
            } else {
                let len = pace.fragment.min(size - offset);
                let answer = self.send_fragment(url, offset, len).await;
                match self.understood(answer, offset, len).await? {
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
                        pace.went_well();
                        next
                    }
                    Sent::Misplaced => match self.settle(url, pace).await? {
                        Standing::Wants(next) => next,
                        Standing::Gone => return Ok(SessionEnd::Lost),
                    },
                    Sent::Unclear { error, status } => {
                        if matches!(status, None | Some(504)) {
                            pace.shrink(4 * UNIT);
                        }
                        let is_last = offset + len == size;
                        if is_last && status == Some(500) && pace.last_refused_again() {
                            // Some bytes cannot be stored as the last fragment; another cut helps.
                            pace.shrink(UNIT);
                            return Ok(SessionEnd::Lost);
                        }
                        pace.failures += 1;
                        self.pause_or(pace.failures, error).await?;
                        match self.settle(url, pace).await? {
                            Standing::Wants(next) => next,
                            Standing::Gone => return Ok(SessionEnd::Lost),
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

    /// What the answer to a fragment of `len` bytes means.
    async fn understood(&self, answer: Result<Outcome>, offset: u64, len: u64) -> Result<Sent> {
        let refusal = match answer {
            Ok(Outcome::Answer(answer)) if answer.status() == StatusCode::ACCEPTED => {
                let status = read_json(answer, "store", self.name, self.cancel).await;
                return match status {
                    Ok(status) => {
                        self.monitor.moved(len);
                        Ok(Sent::Next(first_missing(&status).unwrap_or(offset + len)))
                    }
                    Err(error) => unclear(error, Some(202)),
                };
            }
            Ok(Outcome::Answer(answer)) if answer.status().is_success() => {
                let item = read_json(answer, "store", self.name, self.cancel).await;
                return match item {
                    Ok(item) => {
                        self.monitor.moved(len);
                        Ok(Sent::Stored(Box::new(item)))
                    }
                    Err(error) => unclear(error, Some(200)),
                };
            }
            // A redirect: no upload address does that.
            Ok(Outcome::Answer(_)) => return Ok(Sent::Useless),
            Ok(Outcome::Refused(refusal)) => refusal,
            Err(error) => return unclear(error, None),
        };
        let status = refusal.status.as_u16();
        Ok(match status {
            _ if refusal.is_throttling() => Sent::Throttled(self.refused(refusal)),
            _ if refusal.is_full() => return Err(self.refused(refusal)),
            413 => Sent::TooLarge,
            // Bytes that had arrived already, or not yet: the session knows.
            416 => Sent::Misplaced,
            408 | 423 | 500..=599 => Sent::Unclear {
                error: self.refused(refusal),
                status: Some(status),
            },
            _ => Sent::Useless,
        })
    }

    /// Asks a session what it lacks until it answers.
    async fn settle(&self, url: &str, pace: &mut Pace) -> Result<Standing> {
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

    /// Waits for the file of a session that has all bytes: some services put it together after their answer. `Ok` is
    /// a byte that the session wants after all.
    async fn assembled(&self, url: &str) -> Result<std::result::Result<u64, SessionEnd>> {
        for wait in ASSEMBLY_WAITS {
            let wait = self.destination.options.fragment_delay.saturating_mul(wait);
            cancellable(self.cancel, tokio::time::sleep(wait)).await?;
            match self.status(url).await? {
                Standing::Wants(next) if next < self.file.size() => return Ok(Ok(next)),
                Standing::Wants(_) => {}
                Standing::Gone => return Ok(Err(SessionEnd::Lost)),
            }
            if let Some(item) = self.arrived().await? {
                return Ok(Err(SessionEnd::Stored(Box::new(item))));
            }
        }
        Ok(Err(SessionEnd::Lost))
    }

    /// The gate holds the next request back; all such waits of a file have an end.
    fn rest(&self, pace: &mut Pace, error: DestinationError) -> Result<()> {
        let wait = self.destination.graph.gate.remaining();
        pace.waited += wait;
        if pace.waited > PATIENCE {
            return Err(error);
        }
        self.monitor.waiting(wait, "OneDrive asked to slow down");
        Ok(())
    }

    /// Whether the upload can be continued by another process.
    fn is_kept(&self) -> bool {
        self.checkpoints.load(self.name).is_some()
    }

    fn forget(&self) {
        self.checkpoints.remove(self.name);
        lock(&self.destination.sessions).remove(self.name);
    }

    async fn cancel_session(&self, url: &str) {
        self.forget();
        self.destination.cancel_session(url).await;
    }

    async fn send_fragment(&self, url: &str, offset: u64, len: u64) -> Result<Outcome> {
        let file = self.file.open().map_err(|source| self.local(source))?;
        let mut file = File::from_std(file);
        file.seek(SeekFrom::Start(offset))
            .await
            .map_err(|source| self.local(source))?;
        let limit = &self.destination.upload_limit;
        let piece = if limit.is_set() { PIECE } else { 64 * 1024 };
        let body = ReaderStream::with_capacity(file.take(len), piece);
        let body = Body::wrap_stream(Arc::clone(limit).metered(body));
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

    /// What a session lacks.
    async fn status(&self, url: &str) -> Result<Standing> {
        let request = self.destination.graph.content_request(Method::GET, url);
        let answered = self.destination.graph.dispatch(request, self.cancel);
        match answered.await? {
            Outcome::Answer(answer) if answer.status() == StatusCode::OK => {
                let status = read_json(answer, "store", self.name, self.cancel).await?;
                let next = first_missing(&status).unwrap_or(self.file.size());
                Ok(Standing::Wants(next))
            }
            Outcome::Answer(_) => Ok(Standing::Gone),
            Outcome::Refused(refusal) => match refusal.status.as_u16() {
                408 | 423 | 429 => Err(self.refused(refusal)),
                400..=499 => Ok(Standing::Gone),
                _ => Err(self.refused(refusal)),
            },
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

/// Only the session knows whether bytes arrived when the answer got lost; other failures are final.
fn unclear(error: DestinationError, status: Option<u16>) -> Result<Sent> {
    match error {
        DestinationError::Unavailable { .. } => Ok(Sent::Unclear { error, status }),
        error => Err(error),
    }
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
