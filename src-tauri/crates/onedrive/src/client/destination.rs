use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Error as DestinationError, NameProblem, Quota, RemoteFile,
    Result, TransferMonitor, UploadFile,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::answer::{Refusal, has_own_header};
use super::drive::DriveJson;
use super::graph::{Call, Graph, Outcome, PAGE, cancellable, read_json};
use super::item::Item;
use super::options::{Deletion, TransferOptions};
use super::pages::list;
use super::upload::checkpoint::Checkpoint;
use super::upload::conflict::Conflict;
use crate::names::{MAX_PATH, encode, encode_path, problem};

/// A folder of a drive.
pub struct OneDriveDestination {
    pub(super) graph: Arc<Graph>,
    drive: String,
    folder: String,
    pub(super) options: TransferOptions,
    /// The folder's id, once it is known; addresses with it survive a rename of the folder.
    folder_id: Mutex<Option<String>>,
    /// Open upload sessions of this process, by file name.
    pub(super) sessions: std::sync::Mutex<HashMap<String, Checkpoint>>,
    /// Whether the drive does not support permanent deletion.
    permanent_delete_unsupported: AtomicBool,
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
            permanent_delete_unsupported: AtomicBool::new(false),
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

    /// Address of a file in the folder, to which `:/action` can be appended.
    pub(super) async fn file_url(&self, name: &str, cancel: &CancellationToken) -> Result<String> {
        if let Some(why) = problem(name) {
            return Err(DestinationError::InvalidName {
                name: name.to_owned(),
                why,
            });
        }
        let characters = self.folder.chars().count() + 1 + name.chars().count();
        if characters > MAX_PATH {
            return Err(DestinationError::InvalidName {
                name: name.to_owned(),
                why: NameProblem::PathTooLong {
                    characters,
                    longest: MAX_PATH,
                },
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

    /// Whether the folder existed when it was last looked up.
    pub(super) async fn has_folder(&self) -> bool {
        self.folder_id.lock().await.is_some()
    }

    /// Whether a refusal may be due to a folder that was replaced after its id was looked up; the new id is then known,
    /// and the call can be repeated.
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

    /// Sends a call about a file, and repeats it if the folder has a new id.
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

    /// Creates the last part of `path` in its parent; another client may have been faster.
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

    /// Deletes without the recycle bin; false when the drive does not support that.
    async fn delete_permanently(&self, name: &str, cancel: &CancellationToken) -> Result<bool> {
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
            // Personal drives do not support it, and some permissions do not cover it.
            Outcome::Refused(_) => {
                self.permanent_delete_unsupported
                    .store(true, Ordering::Relaxed);
                Ok(false)
            }
        }
    }

    /// The file `name`, if it exists.
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

/// Whether the service itself says that something is gone. If something else answered, a retry decides.
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
                    // It was deleted, and maybe recreated, after its id was looked up.
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
            && !self.permanent_delete_unsupported.load(Ordering::Relaxed)
            && self.delete_permanently(name, cancel).await?
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
            // Some drives do not report it, which is no reason to fail.
            Err(DestinationError::NotFound { .. } | DestinationError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
