use std::sync::Arc;

use coffer_ipc::ErrorCode;
use coffer_ipc::account::{Account, Drive, RemoteFolder};
use coffer_ipc::event::Change;
use coffer_ipc::job::DestinationSettings;
use coffer_onedrive::{Credential, OneDrive};
use tokio_util::sync::CancellationToken;

use super::settings::stored_text;
use super::{Coffer, computer_name};
use crate::credentials::{self, Entry, KeptSignIn, KeychainTokens};
use crate::destinations::account_of;
use crate::places::Places;
use crate::target::quota_shape;
use crate::{Result, lock, wording};

/// Name of an account's entry in the keychain.
pub(super) fn credential_name(account_id: &str) -> String {
    format!("account:{account_id}")
}

impl Coffer {
    /// All sign-ins.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        let rows = self.database(|database| database.accounts())?;
        let mut accounts: Vec<Account> = rows
            .iter()
            .filter_map(|(_, body)| serde_json::from_str(body).ok())
            .collect();
        accounts.sort_by(|a, b| a.added.cmp(&b.added));
        Ok(accounts)
    }

    pub(super) fn account(&self, account_id: &str) -> Result<Account> {
        let accounts = self.accounts()?;
        accounts
            .into_iter()
            .find(|account| account.id == account_id)
            .ok_or_else(|| wording::not_found("This account"))
    }

    pub(super) fn put_account(&self, account: &Account) -> Result<()> {
        let body = stored_text(account)?;
        self.database(|database| database.put_account(&account.id, &body))?;
        self.emit_newest(|| {
            let accounts = self.accounts().ok()?;
            Some(Change::Accounts { accounts })
        });
        Ok(())
    }

    /// Compares destinations, with what is known now.
    pub(super) fn places(&self) -> Result<Places> {
        Ok(Places::new(self.accounts()?))
    }

    /// Looks up the own drive of a destination's account, which identifies the destination under any name. Sign-ins of
    /// early versions lack it. If the request fails, the next use tries again.
    pub(super) async fn look_up_own_drive(&self, destination: &DestinationSettings) {
        let Some(account_id) = account_of(destination) else {
            return;
        };
        if let Err(error) = self.look_up_own_drive_of(account_id).await {
            tracing::info!(message = error.message, "the own drive is not known yet");
        }
    }

    async fn look_up_own_drive_of(&self, account_id: &str) -> Result<()> {
        if !self.account(account_id)?.drive_id.is_empty() {
            return Ok(());
        }
        let cancel = CancellationToken::new();
        let _ends_with_us = cancel.clone().drop_guard();
        let client = self.client(account_id).await?;
        let drive = client.drive(None, &cancel).await;
        let drive = drive.map_err(|error| wording::destination(&error))?;
        let known = Account {
            drive_id: drive.id,
            ..self.account(account_id)?
        };
        self.put_account(&known)
    }

    /// Removes a sign-in.
    ///
    /// # Errors
    /// When a job uses it.
    pub async fn remove_account(&self, account_id: &str) -> Result<()> {
        let mut cards = self.job_cards()?.into_iter();
        let used = cards.find(|card| account_of(&card.definition.destination) == Some(account_id));
        if let Some(card) = used {
            return Err(wording::error(
                ErrorCode::Busy,
                format!("The backup {:?} uses this sign-in.", card.definition.name),
                "Delete that backup or choose another account for it first.",
            ));
        }
        let name = credential_name(account_id);
        self.secrets(move |secrets| secrets.remove(&name)).await?;
        self.database(|database| database.remove_account(account_id))?;
        lock(&self.inner.clients).remove(account_id);
        self.emit_newest(|| {
            let accounts = self.accounts().ok()?;
            Some(Change::Accounts { accounts })
        });
        Ok(())
    }

    /// Drives that the account can use.
    ///
    /// # Errors
    /// Those of the account.
    pub async fn list_drives(&self, account_id: &str) -> Result<Vec<Drive>> {
        let client = self.client(account_id).await?;
        let drives = client.drives(&CancellationToken::new()).await;
        let drives = drives.map_err(|error| wording::destination(&error))?;
        let shapes = drives.into_iter().map(|drive| Drive {
            name: drive_name(&drive.name, &drive.kind),
            id: drive.id,
            kind: drive.kind,
            owner: drive.owner,
            is_default: drive.is_default,
            quota: drive.quota.map(quota_shape),
        });
        Ok(shapes.collect())
    }

    /// Folders in a folder of a drive.
    ///
    /// # Errors
    /// Those of the account.
    pub async fn list_folders(
        &self,
        account_id: &str,
        drive_id: &str,
        path: &str,
    ) -> Result<Vec<RemoteFolder>> {
        let client = self.client(account_id).await?;
        let names = client
            .folders(Some(drive_id), path, &CancellationToken::new())
            .await;
        let names = names.map_err(|error| wording::destination(&error))?;
        let join = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            }
        };
        Ok(names
            .into_iter()
            .map(|name| RemoteFolder {
                path: join(&name),
                name,
            })
            .collect())
    }

    /// Suggests a folder for a new backup that does not exist yet.
    ///
    /// # Errors
    /// Those of the account.
    pub async fn suggest_folder(&self, account_id: &str, drive_id: &str) -> Result<String> {
        let taken = match self.list_folders(account_id, drive_id, "Backups").await {
            Ok(folders) => folders,
            Err(error) if error.code == ErrorCode::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        let name: String = computer_name().chars().filter(|c| allowed(*c)).collect();
        let name = if name.trim().is_empty() {
            "computer"
        } else {
            name.trim()
        };
        let is_free = |candidate: &str| {
            !taken
                .iter()
                .any(|folder| folder.name.to_lowercase() == candidate.to_lowercase())
        };
        let numbered = (2..1000).map(|number| format!("{name} {number}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| is_free(candidate));
        Ok(format!(
            "Backups/{}",
            free.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string())
        ))
    }

    /// The client of a destination's account, if the destination has one.
    pub(super) async fn client_of(
        &self,
        destination: &DestinationSettings,
    ) -> Result<Option<OneDrive>> {
        match account_of(destination) {
            Some(account_id) => self.client(account_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The client of an account, with its credential from the keychain.
    pub(super) async fn client(&self, account_id: &str) -> Result<OneDrive> {
        if let Some(client) = lock(&self.inner.clients).get(account_id) {
            return Ok(client.clone());
        }
        let KeptSignIn {
            credential,
            oauth_url,
        } = self.kept_sign_in(account_id).await?;
        let client = self.client_with(credential, oauth_url.as_deref())?;
        lock(&self.inner.clients).insert(account_id.to_owned(), client.clone());
        Ok(client)
    }

    pub(super) fn client_with(
        &self,
        credential: Credential,
        oauth_url: Option<&str>,
    ) -> Result<OneDrive> {
        let endpoints = self.inner.environment.endpoints(oauth_url)?;
        let clock = Arc::clone(&self.inner.clock);
        let client = OneDrive::with_clock(&endpoints, credential, Arc::new(move || clock.now()))
            .map_err(|error| wording::onedrive(&error))?;
        Ok(client.with_pacing(&self.inner.folders.pacing()))
    }

    /// The credential of an account.
    async fn kept_sign_in(&self, account_id: &str) -> Result<KeptSignIn> {
        let name = credential_name(account_id);
        let tokens = KeychainTokens {
            secrets: Arc::clone(&self.inner.secrets),
            name: name.clone(),
            lock_file: self.inner.folders.sign_in_lock(account_id),
        };
        let entry = self
            .secrets(move |secrets| Entry::read(secrets, &name))
            .await?
            .ok_or_else(credentials::missing)?;
        entry.open(Arc::new(tokens), self.inner.environment.demo)
    }

    /// The sign-in with this id or name, or the only one there is, for addresses without an AuthID. `None` when there is
    /// no sign-in at all.
    ///
    /// # Errors
    /// When it is not clear which one, and those of the keychain.
    pub async fn choose_sign_in(&self, wanted: Option<&str>) -> Result<Option<KeptSignIn>> {
        let accounts = self.accounts()?;
        let found = match wanted {
            None if accounts.len() > 1 => {
                return Err(wording::several_sign_ins());
            }
            None => accounts.into_iter().next(),
            Some(wanted) => {
                let fits = |account: &Account| {
                    account.id == wanted || account.name.eq_ignore_ascii_case(wanted)
                };
                let found = accounts.into_iter().find(fits);
                Some(found.ok_or_else(|| wording::no_such_sign_in(wanted))?)
            }
        };
        match found {
            Some(account) => self.kept_sign_in(&account.id).await.map(Some),
            None => Ok(None),
        }
    }
}

pub(super) fn drive_name(name: &str, kind: &str) -> String {
    let kind = match kind {
        "personal" => "OneDrive (personal)",
        "business" => "OneDrive (work or school)",
        "documentLibrary" => "SharePoint library",
        other => other,
    };
    match name {
        "" | "OneDrive" => kind.to_owned(),
        name => format!("{name} · {kind}"),
    }
}
