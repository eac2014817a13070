//! Uploads: small files in one request, others in fragments of an upload session that can be continued.

pub(super) mod checkpoint;
pub(super) mod conflict;
mod fragments;
pub(super) mod pace;
mod progress;
mod session;
mod state;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coffer_destination::{
    CheckpointStore, Error as DestinationError, Result, TransferMonitor, UploadFile,
};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

use super::answer::Refusal;
use super::destination::OneDriveDestination;
use super::graph::{Call, Outcome, cancellable, read_json};
use super::item::Item;
use super::limit::pieces;
use super::moving::Moving;
use crate::quickxor::QuickXor;

use conflict::Conflict;
use fragments::SessionEnd;
use pace::Pace;
use progress::UploadProgress;
use session::PreviousUpload;
#[cfg(feature = "fuzzing")]
pub(super) use session::read_hostile;
use state::Upload;

/// Largest file that is sent in one request, in bytes.
const SMALL: u64 = 4 << 20;
/// Maximum upload sessions for one file.
const SESSIONS: u32 = 3;

impl OneDriveDestination {
    pub(super) async fn upload(
        &self,
        (name, conflict): (&str, Conflict),
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        // Check the name before reading the file.
        self.file_url(name, cancel).await?;
        let hash = cancellable(cancel, quick_xor(file)).await??;
        let upload = Upload {
            destination: self,
            name,
            file,
            conflict,
            hash,
            checkpoints,
            monitor,
            progress: UploadProgress::new(monitor),
            cancel,
        };
        let item = if file.size() <= self.options.limit_to_timeout(SMALL) {
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
        let mut data = Vec::new();
        let file = self.file.open().map_err(|source| self.local(source))?;
        let mut file = File::from_std(file);
        cancellable(self.cancel, file.read_to_end(&mut data))
            .await?
            .map_err(|source| self.local(source))?;
        // Shared by all attempts.
        let data = Bytes::from(data);
        loop {
            let address = self.destination.file_url(self.name, self.cancel).await?;
            let behavior = self.conflict.behavior();
            let url = format!("{address}:/content?@microsoft.graph.conflictBehavior={behavior}");
            let len = data.len() as u64;
            let moving = Moving::new(len);
            let sending = graph.send_with(&url, &moving, self.cancel, || {
                let request = graph.request(Method::PUT, &url);
                let request = request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, len);
                if len == 0 {
                    return Ok(request.body(Bytes::new()));
                }
                let limit = Arc::clone(&self.destination.options.bandwidth.upload);
                let body = moving.feed(limit.metered(pieces(data.clone())));
                Ok(request.body(Body::wrap_stream(body)))
            });
            let report = |sent| self.progress.byte(sent);
            match moving.reporting(report, sending).await? {
                Outcome::Answer(answer) => {
                    let item = read_json(answer, "store", self.name, self.cancel).await?;
                    self.progress.byte(len);
                    return Ok(item);
                }
                Outcome::Refused(refusal) => {
                    if refusal.status == StatusCode::CONFLICT
                        && let Some(item) = self.taken().await?
                    {
                        return Ok(item);
                    }
                    if !self.destination.moved(&refusal, self.cancel).await? {
                        return Err(self.refused_for_now(refusal).await);
                    }
                }
            }
        }
    }

    /// Checks the name of an upload that must not replace anything: returns our own file if it has the name, and an
    /// error if another file has it.
    async fn taken(&self) -> Result<Option<Item>> {
        if self.conflict == Conflict::Replace {
            return Ok(None);
        }
        let found = self.destination.find_file(self.name, self.cancel).await?;
        match found {
            Some(item) if self.is_ours(&item) => Ok(Some(item)),
            Some(_) => Err(DestinationError::AlreadyExists {
                name: self.name.to_owned(),
            }),
            None => Ok(None),
        }
    }

    fn is_ours(&self, item: &Item) -> bool {
        item.size == self.file.size() && item.quick_xor() == Some(self.hash.as_str())
    }

    async fn large(&self) -> Result<Item> {
        // Not every account refuses a session for an existing name, and those that do refuse it only after the last
        // byte.
        if let Some(item) = self.taken().await? {
            return Ok(item);
        }
        let learned = &self.destination.graph.fragments;
        let mut pace = Pace::new(self.destination.options.fragment(), learned);
        let mut resumed = match self.resumable().await? {
            Some(PreviousUpload::Stored(item)) => {
                self.forget();
                return Ok(*item);
            }
            Some(PreviousUpload::Session(url, offset)) => Some((url, offset)),
            None => None,
        };
        for _ in 0..SESSIONS {
            let (url, offset) = match resumed.take() {
                Some(session) => session,
                None => (self.create_session().await?, 0),
            };
            pace.begin(offset);
            self.progress.begin(offset);
            match self.send_fragments(&url, offset, &mut pace).await {
                Ok(SessionEnd::Stored(item)) => {
                    self.forget();
                    return Ok(*item);
                }
                Ok(SessionEnd::Lost) => {}
                Err(error) => {
                    // A later call, maybe in a later process, resumes where this one stopped.
                    let may_resume = match error {
                        DestinationError::Cancelled => self.is_kept(),
                        _ => error.is_transient(),
                    };
                    if !may_resume {
                        self.cancel_session(&url).await;
                    }
                    return Err(error);
                }
            }
            if let Some(item) = self.arrived().await? {
                self.forget();
                return Ok(item);
            }
            self.taken().await?;
            // A session reported as gone may still exist elsewhere in the service and hold the name.
            self.cancel_session(&url).await;
        }
        let why = "OneDrive lost the upload several times".to_owned();
        Err(DestinationError::Unavailable { why })
    }

    /// The file, if it is complete: an upload may succeed although its last answer was lost.
    async fn arrived(&self) -> Result<Option<Item>> {
        let found = self.destination.find_file(self.name, self.cancel).await?;
        Ok(found.filter(|item| self.is_ours(item)))
    }

    /// Compares what was stored with what was sent; a file that differs is removed.
    async fn verify(&self, mut item: Item) -> Result<()> {
        // Business accounts report the hash a little later.
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
        // Whether or not this succeeds, the upload is reported as failed.
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

    /// Like [`Upload::refused`], but looks the folder up first: if it exists, the "not found" was a mistake.
    async fn refused_for_now(&self, refusal: Refusal) -> DestinationError {
        if refusal.is_not_found() && self.destination.has_folder().await {
            return DestinationError::Unavailable {
                why: "OneDrive did not find the folder, although it exists".to_owned(),
            };
        }
        self.refused(refusal)
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
