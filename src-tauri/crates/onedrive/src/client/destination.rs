use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Error as DestinationError, Quota, RemoteFile, Result,
    TransferMonitor, UploadFile,
};
use jiff::Timestamp;
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::account::{DriveJson, list};
use super::answer::{Refusal, has_own_header};
use super::graph::{Call, Graph, Outcome, PAGE, cancellable, read_json};
use super::limit::Bandwidth;
use super::upload::{Checkpoint, Conflict};
use crate::names::{MAX_PATH, encode, encode_path, problem};

/// Bytes by which fragments are counted.
pub(super) const UNIT: u64 = 327_680;
/// Largest fragment, in bytes; a request must stay below 60 MiB.
const MAX_FRAGMENT: u64 = 191 * UNIT;
/// Seconds that the body of one request takes under a limit, when nothing else is sent.
const LONGEST_BODY: u64 = 10;

/// How files are moved.
#[derive(Debug, Clone)]
pub struct TransferOptions {
    /// Bytes of a fragment (`--fragment-size`); rounded down to a multiple of 320 KiB.
    pub fragment_size: u64,
    /// Tries of a fragment that failed in a way that may pass (`--fragment-retry-count`).
    pub fragment_tries: u32,
    /// First wait between them (`--fragment-retry-delay`); doubles.
    pub fragment_delay: std::time::Duration,
    /// What a deletion does with the file (`--permanent-delete`).
    pub deletion: Deletion,
    /// What may go over the wire (`--throttle-upload`, `--throttle-download`).
    pub bandwidth: Bandwidth,
}

/// Where deleted files go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletion {
    /// Into the recycle bin, which takes space of the drive until Microsoft empties it after 30 or 93 days.
    #[default]
    RecycleBin,
    /// Away for good, where the drive can do that; into the recycle bin where it cannot.
    Permanent,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            fragment_size: 32 * UNIT,
            fragment_tries: 8,
            fragment_delay: std::time::Duration::from_secs(1),
            deletion: Deletion::default(),
            bandwidth: Bandwidth::default(),
        }
    }
}

impl TransferOptions {
    /// The fragment size that is really used.
    pub(super) fn fragment(&self) -> u64 {
        (self.unhurried(self.fragment_size) / UNIT * UNIT).clamp(UNIT, MAX_FRAGMENT)
    }

    /// As many of `bytes` as one request carries in good time: whoever answers is silent until all of it has arrived,
    /// and is taken for dead after a while.
    pub(super) fn unhurried(&self, bytes: u64) -> u64 {
        let limit = self.bandwidth.upload();
        limit.map_or(bytes, |limit| bytes.min(limit.saturating_mul(LONGEST_BODY)))
    }
}

/// A folder of a drive.
pub struct OneDriveDestination {
    pub(super) graph: Arc<Graph>,
    drive: String,
    folder: String,
    pub(super) options: TransferOptions,
    /// The folder's id, once it is known; addresses with it survive a rename of the folder.
    folder_id: Mutex<Option<String>>,
    /// Upload sessions of this process that are not over, by file name.
    pub(super) sessions: std::sync::Mutex<HashMap<String, Checkpoint>>,
    /// The drive has a recycle bin only.
    only_recycles: AtomicBool,
}

/// A file or folder, as far as it is of interest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) size: u64,
    pub(super) file: Option<FileFacet>,
    folder: Option<serde_json::Value>,
    root: Option<serde_json::Value>,
    file_system_info: Option<FileSystemInfo>,
    last_modified_date_time: Option<String>,
    parent_reference: Option<ParentReference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParentReference {
    drive_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileFacet {
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hashes {
    quick_xor_hash: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileSystemInfo {
    last_modified_date_time: Option<String>,
}

impl Item {
    /// The hash of its content, when the service has it already.
    pub(super) fn quick_xor(&self) -> Option<&str> {
        self.file.as_ref()?.hashes.quick_xor_hash.as_deref()
    }

    /// Whether both are the same state of a file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.id, self.size, self.quick_xor()) == (&other.id, other.size, other.quick_xor())
    }

    fn is_folder(&self) -> bool {
        self.folder.is_some() || self.root.is_some()
    }

    pub(super) fn modified(&self) -> Option<Timestamp> {
        let of_file = self
            .file_system_info
            .as_ref()
            .and_then(|info| info.last_modified_date_time.as_ref());
        of_file
            .or(self.last_modified_date_time.as_ref())?
            .parse()
            .ok()
    }
}

impl OneDriveDestination {
    pub(super) fn new(
        graph: Arc<Graph>,
        drive: String,
        folder: &str,
        options: TransferOptions,
    ) -> Self {
        let folder = folder.to_owned();
        Self {
            graph,
            drive,
            folder,
            options,
            folder_id: Mutex::new(None),
            sessions: std::sync::Mutex::default(),
            only_recycles: AtomicBool::new(false),
        }
    }

    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    fn root_item(&self) -> String {
        format!("{}/root", self.drive)
    }

    /// Address of a path from the drive's root.
    fn by_path(&self, path: &str) -> String {
        if path.is_empty() {
            self.root_item()
        } else {
            format!("{}:{}", self.root_item(), encode_path(path))
        }
    }

    /// Address of a file in the folder, to which `:/action` or nothing is added.
    pub(super) async fn file_url(&self, name: &str, cancel: &CancellationToken) -> Result<String> {
        if let Some(why) = problem(name) {
            return Err(DestinationError::InvalidName {
                name: name.to_owned(),
                why: why.to_owned(),
            });
        }
        let whole = self.folder.chars().count() + 1 + name.chars().count();
        if whole > MAX_PATH {
            return Err(DestinationError::InvalidName {
                name: name.to_owned(),
                why: format!("its path has {whole} characters; OneDrive takes {MAX_PATH}"),
            });
        }
        let id = self.folder_id(cancel).await?;
        Ok(format!(
            "{}/items/{}:/{}",
            self.drive,
            encode(&id).replace("%21", "!"),
            encode(name)
        ))
    }

    async fn folder_id(&self, cancel: &CancellationToken) -> Result<String> {
        let mut known = self.folder_id.lock().await;
        if let Some(id) = known.as_ref() {
            return Ok(id.clone());
        }
        let found = self.find_folder(&self.folder, cancel).await?;
        let missing = || DestinationError::FolderMissing {
            folder: self.folder.clone(),
        };
        let id = found.ok_or_else(missing)?.id;
        *known = Some(id.clone());
        Ok(id)
    }

    /// Whether the folder was there when it was looked for last.
    pub(super) async fn has_folder(&self) -> bool {
        self.folder_id.lock().await.is_some()
    }

    /// Whether a refusal may come from a folder that was replaced since its id was learned; the new id is then known,
    /// and the call may be made once more.
    pub(super) async fn moved(
        &self,
        refusal: &Refusal,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        if !refusal.is_not_found() && !refusal.has_code("invalidResourceId") {
            return Ok(false);
        }
        let Some(before) = self.folder_id.lock().await.clone() else {
            return Ok(false);
        };
        let now = self.find_folder(&self.folder, cancel).await?;
        let now = now.map(|folder| folder.id);
        let has_moved = now.as_ref().is_some_and(|now| *now != before);
        *self.folder_id.lock().await = now;
        Ok(has_moved)
    }

    /// Sends a call about a file; a second time when the folder has another id now.
    pub(super) async fn send_about(
        &self,
        (method, action): (Method, &str),
        (operation, name): (&'static str, &str),
        cancel: &CancellationToken,
    ) -> Result<Outcome> {
        loop {
            let url = format!("{}{action}", self.file_url(name, cancel).await?);
            let call = Call {
                method: method.clone(),
                url,
                json: None,
                purpose: (operation, name),
            };
            match self.graph.send(&call, cancel).await? {
                Outcome::Refused(refusal) if self.moved(&refusal, cancel).await? => {}
                outcome => return Ok(outcome),
            }
        }
    }

    /// The folder at `path`, if there is one.
    async fn find_folder(&self, path: &str, cancel: &CancellationToken) -> Result<Option<Item>> {
        let purpose = ("find the folder", path);
        let call = Call {
            method: Method::GET,
            url: self.by_path(path),
            json: None,
            purpose,
        };
        let item: Item = match self.graph.send(&call, cancel).await? {
            Outcome::Answer(answer) => read_json(answer, purpose.0, path, cancel).await?,
            Outcome::Refused(refusal) if refusal.is_not_found() => return Ok(None),
            Outcome::Refused(refusal) => return Err(refusal.into_error(purpose.0, path)),
        };
        if item.is_folder() {
            return Ok(Some(item));
        }
        let why = "it is a file".to_owned();
        Err(DestinationError::Refused {
            operation: "use the folder",
            name: path.to_owned(),
            why,
        })
    }

    /// Creates the last part of `path` in its parent; somebody else may have been faster.
    async fn create(&self, parent: &str, path: &str, cancel: &CancellationToken) -> Result<Item> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let parent = encode(parent).replace("%21", "!");
        let body = json!({"name": name, "folder": {}, "@microsoft.graph.conflictBehavior": "fail"});
        let purpose = ("create the folder", path);
        let url = format!("{}/items/{parent}/children", self.drive);
        let call = Call {
            method: Method::POST,
            url,
            json: Some(&body),
            purpose,
        };
        match self.graph.send(&call, cancel).await? {
            Outcome::Answer(answer) => read_json(answer, purpose.0, path, cancel).await,
            Outcome::Refused(refusal) if refusal.is_own() && refusal.status.as_u16() == 409 => {
                let found = self.find_folder(path, cancel).await?;
                found.ok_or_else(|| refusal.into_error(purpose.0, path))
            }
            Outcome::Refused(refusal) => Err(refusal.into_error(purpose.0, path)),
        }
    }

    /// Deletes past the recycle bin; false when the drive cannot.
    async fn delete_for_good(&self, name: &str, cancel: &CancellationToken) -> Result<bool> {
        let missing = || DestinationError::NotFound {
            name: name.to_owned(),
        };
        let item = self.find_file(name, cancel).await?.ok_or_else(missing)?;
        let Some(drive) = item.parent_reference.and_then(|parent| parent.drive_id) else {
            return Ok(false);
        };
        let base = self.graph.endpoints.graph();
        let bang = |id: &str| encode(id).replace("%21", "!");
        let call = Call {
            method: Method::POST,
            url: format!(
                "{base}/drives/{}/items/{}/permanentDelete",
                bang(&drive),
                bang(&item.id)
            ),
            json: None,
            purpose: ("delete", name),
        };
        match self.graph.send(&call, cancel).await? {
            Outcome::Answer(answer) => done(&answer).map(|()| true),
            Outcome::Refused(refusal)
                if refusal.status.is_server_error()
                    || refusal.is_throttling()
                    || !refusal.is_own() =>
            {
                Err(refusal.into_error("delete", name))
            }
            // Personal drives have no such thing, and some rights do not cover it.
            Outcome::Refused(_) => {
                self.only_recycles.store(true, Ordering::Relaxed);
                Ok(false)
            }
        }
    }

    /// The file `name`, if it is there.
    pub(super) async fn find_file(
        &self,
        name: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Item>> {
        let asked = self.send_about((Method::GET, ""), ("look at", name), cancel);
        match asked.await? {
            Outcome::Answer(answer) => read_json(answer, "look at", name, cancel).await.map(Some),
            Outcome::Refused(refusal) if refusal.is_not_found() => Ok(None),
            Outcome::Refused(refusal) => Err(refusal.into_error("look at", name)),
        }
    }
}

/// Whether the service itself says that something is gone. When it does not, asking again tells.
fn done(answer: &Response) -> Result<()> {
    let is_done = answer.status() == StatusCode::NO_CONTENT && has_own_header(answer.headers());
    is_done
        .then_some(())
        .ok_or_else(|| DestinationError::Unavailable {
            why: PAGE.to_owned(),
        })
}

#[async_trait]
impl Destination for OneDriveDestination {
    fn label(&self) -> String {
        format!("OneDrive/{}", self.folder)
    }

    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>> {
        let mut tried = None;
        let mut items = loop {
            let id = self.folder_id(cancel).await?;
            let escaped = encode(&id).replace("%21", "!");
            let url = format!(
                "{}/items/{escaped}/children?$top=1000&$select=id,name,size,file,fileSystemInfo,lastModifiedDateTime",
                self.drive
            );
            match list::<Item>(&self.graph, url, ("list", &self.folder), cancel).await {
                Err(DestinationError::NotFound { .. }) if tried.as_ref() != Some(&id) => {
                    // Deleted, and maybe made anew, since its id was learned.
                    *self.folder_id.lock().await = None;
                    tried = Some(id);
                }
                Err(DestinationError::NotFound { .. }) => {
                    return Err(DestinationError::FolderMissing {
                        folder: self.folder.clone(),
                    });
                }
                other => break other?,
            }
        };
        // A folder that changes while it is listed may show an item on two pages.
        items.sort_by(|a, b| a.id.cmp(&b.id));
        items.dedup_by(|a, b| a.id == b.id);
        let files = items.into_iter().filter(|item| item.file.is_some());
        Ok(files
            .map(|item| RemoteFile {
                modified: item.modified(),
                size: item.size,
                name: item.name,
            })
            .collect())
    }

    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let name = (name, Conflict::Replace);
        self.upload(name, file, checkpoints, monitor, cancel).await
    }

    async fn put_new(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let name = (name, Conflict::Fail);
        self.upload(name, file, checkpoints, monitor, cancel).await
    }

    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        self.download(name, target, monitor, cancel).await
    }

    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        self.download_range(name, range, cancel).await
    }

    async fn delete(&self, name: &str, cancel: &CancellationToken) -> Result<()> {
        let purpose = ("delete", name);
        if self.options.deletion == Deletion::Permanent
            && !self.only_recycles.load(Ordering::Relaxed)
            && self.delete_for_good(name, cancel).await?
        {
            return Ok(());
        }
        match self
            .send_about((Method::DELETE, ""), purpose, cancel)
            .await?
        {
            Outcome::Answer(answer) => done(&answer),
            Outcome::Refused(refusal) => Err(refusal.into_error("delete", name)),
        }
    }

    async fn abandon(&self, name: &str, checkpoints: &dyn CheckpointStore) {
        self.abandon_upload(name, checkpoints).await;
    }

    async fn create_folder(&self, cancel: &CancellationToken) -> Result<()> {
        let mut parent = "root".to_owned();
        let mut path = String::new();
        for part in self.folder.split('/').filter(|part| !part.is_empty()) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
            parent = match self.find_folder(&path, cancel).await? {
                Some(found) => found.id,
                None => self.create(&parent, &path, cancel).await?.id,
            };
        }
        Ok(())
    }

    async fn quota(&self, cancel: &CancellationToken) -> Result<Option<Quota>> {
        let call = Call {
            method: Method::GET,
            url: self.drive.clone(),
            json: None,
            purpose: ("ask for the space of", "OneDrive"),
        };
        let asked: Result<DriveJson> = cancellable(cancel, self.graph.json(call, cancel)).await?;
        match asked {
            Ok(drive) => Ok(drive.into_quota()),
            // Some drives do not say; that is no reason for anything to fail.
            Err(DestinationError::NotFound { .. } | DestinationError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
