use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use coffer_destination::{Error as DestinationError, Result};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::destination::OneDriveDestination;
use super::drive::{Drive, DriveJson};
use super::gate::{Allowance, Gate, WallClock, name_of};
use super::graph::{Call, Graph, cancellable};
use super::options::TransferOptions;
use super::pages::list;
use super::{content_client, graph_client, sign_in_client};
use crate::endpoints::Endpoints;
use crate::names::{check_folder, encode, encode_path, folder_problem};
use crate::oauth::{Credential, Now, Tokens};

/// Maximum number of shared items whose drives are listed.
const MAX_SHARED: usize = 100;

/// An account on OneDrive. Cheap to clone; clones share the token and the gate.
#[derive(Clone)]
pub struct OneDrive {
    graph: Arc<Graph>,
    /// Identifies the credential in file names; `None` for one that is not stored.
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SharedJson {
    remote_item: Option<RemoteJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemoteJson {
    parent_reference: Option<RemoteParent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemoteParent {
    drive_id: Option<String>,
}

#[derive(Deserialize)]
struct FolderJson {
    name: String,
    folder: Option<serde_json::Value>,
}

impl OneDrive {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`crate::Error::Setup`] when no HTTP client can be made.
    pub fn new(endpoints: &Endpoints, credential: impl Into<Credential>) -> crate::Result<Self> {
        Self::with_clock(endpoints, credential, Arc::new(Timestamp::now))
    }

    /// As [`OneDrive::new`], with another wall clock.
    ///
    /// # Errors
    /// As [`OneDrive::new`].
    pub fn with_clock(
        endpoints: &Endpoints,
        credential: impl Into<Credential>,
        now: Now,
    ) -> crate::Result<Self> {
        let credential = credential.into();
        let name = match &credential {
            Credential::AuthId(auth_id) => Some(name_of(auth_id.expose())),
            Credential::Direct { store, .. } => store.name().map(|name| name_of(&name)),
        };
        let gate = Arc::new(Gate::new(WallClock::from(Arc::clone(&now))));
        let tokens = Tokens::new(
            sign_in_client()?,
            endpoints.clone(),
            credential,
            now,
            Arc::clone(&gate),
        );
        let (http, content) = (graph_client()?, content_client()?);
        Ok(Self {
            graph: Graph::new(endpoints.clone(), http, content, tokens, gate),
            name,
        })
    }

    /// Shares the service's limits with all processes that use the same folder, and across restarts. The folder is
    /// created when there is something to store; its files contain no secrets.
    #[must_use]
    pub fn with_pacing(self, folder: &Path) -> Self {
        if let Some(name) = &self.name {
            self.graph.gate.share(folder, name);
        }
        self
    }

    /// When the next request may be sent, while a request waits for the service; `None` while that is soon.
    pub fn waits(&self) -> watch::Receiver<Option<Timestamp>> {
        self.graph.gate.waits()
    }

    /// How much of an upload may be sent from now on; `None` if the service sets no limit.
    pub fn allowance(&self) -> Option<Allowance> {
        self.graph.gate.allowance()
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Uses the credential, so that it does not expire for lack of use; Microsoft's expire after 90 days.
    ///
    /// # Errors
    /// [`DestinationError::SignInRequired`], and those of the connection.
    pub async fn renew(&self, cancel: &CancellationToken) -> Result<()> {
        cancellable(cancel, self.graph.renew()).await?
    }

    /// The account's own drive, or the one with this id.
    ///
    /// # Errors
    /// [`DestinationError::SignInRequired`], [`DestinationError::Refused`] for an unknown drive.
    pub async fn drive(&self, drive_id: Option<&str>, cancel: &CancellationToken) -> Result<Drive> {
        let call = Call {
            method: Method::GET,
            url: drive_url(&self.graph, drive_id),
            json: None,
            purpose: ("find the drive", drive_id.unwrap_or("OneDrive")),
        };
        let found: Result<DriveJson> = self.graph.json(call, cancel).await;
        match found {
            Ok(json) => Ok(json.into_drive(drive_id.is_none())),
            Err(DestinationError::NotFound { name }) => Err(DestinationError::Refused {
                operation: "find the drive",
                name,
                why: "there is no such drive, or this sign-in has no access to it".to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// All drives of the account, its own first, and drives of others in which something is shared with it.
    ///
    /// # Errors
    /// Those of the connection and the sign-in.
    pub async fn drives(&self, cancel: &CancellationToken) -> Result<Vec<Drive>> {
        let own = self.drive(None, cancel).await?;
        let url = format!("{}/me/drives", self.graph.endpoints.graph());
        // The list may omit the account's own drive, and some accounts have no list at all.
        let listed: Vec<DriveJson> = match list(&self.graph, url, ("list", "the drives"), cancel)
            .await
        {
            Err(DestinationError::NotFound { .. } | DestinationError::Refused { .. }) => Vec::new(),
            other => other?,
        };
        let mut drives = vec![own];
        for drive in listed.into_iter().map(|json| json.into_drive(false)) {
            if !drives.iter().any(|known| known.id == drive.id) {
                drives.push(drive);
            }
        }
        for id in self.shared_drives(cancel).await? {
            if drives
                .iter()
                .any(|known| known.id.eq_ignore_ascii_case(&id))
            {
                continue;
            }
            // Most sign-ins cover only the user's own files; drives they cannot access are left out.
            match self.drive(Some(&id), cancel).await {
                Err(DestinationError::Refused { .. } | DestinationError::NotFound { .. }) => {}
                drive => drives.push(drive?),
            }
        }
        Ok(drives)
    }

    /// Ids of drives of others in which something is shared with the account.
    async fn shared_drives(&self, cancel: &CancellationToken) -> Result<BTreeSet<String>> {
        let url = format!("{}/me/drive/sharedWithMe", self.graph.endpoints.graph());
        let shared = list(&self.graph, url, ("list", "what is shared"), cancel).await;
        let shared: Vec<SharedJson> = match shared {
            // Microsoft is retiring this list, and some accounts never had it.
            Err(DestinationError::NotFound { .. } | DestinationError::Refused { .. }) => Vec::new(),
            shared => shared?,
        };
        let ids = shared
            .into_iter()
            .filter_map(|item| item.remote_item?.parent_reference?.drive_id);
        Ok(ids.take(MAX_SHARED).collect())
    }

    /// Names of the folders in a folder (`/` between parts, empty for the root), sorted.
    ///
    /// # Errors
    /// [`DestinationError::FolderMissing`] when it does not exist.
    pub async fn folders(
        &self,
        drive_id: Option<&str>,
        path: &str,
        cancel: &CancellationToken,
    ) -> Result<Vec<String>> {
        if let Some(problem) = folder_problem(path) {
            return Err(problem.into_destination(path));
        }
        let root = format!("{}/root", drive_url(&self.graph, drive_id));
        let item = if path.is_empty() {
            root
        } else {
            format!("{root}:{}:", encode_path(path))
        };
        let url = format!("{item}/children?$top=1000&$select=name,folder");
        let items: Vec<FolderJson> = list(&self.graph, url, ("list", path), cancel)
            .await
            .map_err(|error| match error {
                DestinationError::NotFound { name } => {
                    DestinationError::FolderMissing { folder: name }
                }
                error => error,
            })?;
        let folders = items
            .into_iter()
            .filter(|item| item.folder.is_some())
            .map(|item| item.name);
        let mut names: Vec<_> = folders.collect();
        names.sort_by_key(|name| name.to_lowercase());
        Ok(names)
    }

    /// A folder of a drive as a destination (`/` between parts, empty for the root). Nothing is sent yet.
    ///
    /// # Errors
    /// [`crate::Error::InvalidFolder`].
    pub fn destination(
        &self,
        drive_id: Option<&str>,
        folder: &str,
        options: TransferOptions,
    ) -> crate::Result<OneDriveDestination> {
        check_folder(folder)?;
        let drive = drive_url(&self.graph, drive_id);
        Ok(OneDriveDestination::new(
            Arc::clone(&self.graph),
            drive,
            folder,
            options,
        ))
    }
}

/// Base of a drive's addresses.
fn drive_url(graph: &Graph, drive_id: Option<&str>) -> String {
    let base = graph.endpoints.graph();
    match drive_id.map(str::trim).filter(|id| !id.is_empty()) {
        // `!` is part of business drive ids and needs no encoding in a path.
        Some(id) => format!("{base}/drives/{}", encode(&padded(id)).replace("%21", "!")),
        None => format!("{base}/me/drive"),
    }
}

/// Personal drive ids have 16 hex digits, of which some tools drop leading zeros.
fn padded(id: &str) -> String {
    let is_short =
        id.len() < 16 && id.len() > 10 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_short {
        format!("{id:0>16}")
    } else {
        id.to_owned()
    }
}
