use coffer_ipc::account::{Account, Drive, RemoteFolder};
use coffer_ipc::event::Change;
use coffer_ipc::{CommandError, ErrorCode};
use coffer_onedrive::{AuthId, OneDrive};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Coffer, computer_name};
use crate::target::quota_shape;
use crate::{Result, lock, wording};

/// A credential as the keychain keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct Credential {
    v: u32,
    kind: String,
    authid: String,
    #[serde(default)]
    demo: bool,
}

/// Name of an account's entry in the keychain.
pub(super) fn credential_name(account_id: &str) -> String {
    format!("account:{account_id}")
}

impl Coffer {
    /// All sign-ins.
    ///
    /// # Errors
    /// Those of the database.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        let rows = self.database(|database| database.accounts())?;
        let mut accounts: Vec<Account> = rows
            .iter()
            .filter_map(|(_, body)| serde_json::from_str(body).ok())
            .collect();
        accounts.sort_by(|a, b| a.added.cmp(&b.added));
        Ok(accounts)
    }

    /// Keeps an AuthID that the person pasted, after trying it.
    ///
    /// # Errors
    /// When it is none, or is refused.
    pub async fn add_pasted_auth_id(&self, auth_id: &str) -> Result<Account> {
        let auth_id = AuthId::parse(auth_id).map_err(|error| wording::onedrive(&error))?;
        self.add_account(auth_id).await
    }

    /// Tries a credential, puts it into the keychain, and notes whose it is.
    pub(super) async fn add_account(&self, auth_id: AuthId) -> Result<Account> {
        let endpoints = self.inner.environment.endpoints(None)?;
        let client = OneDrive::new(&endpoints, auth_id.clone())
            .map_err(|e| wording::onedrive(&e))?
            .with_pacing(&self.inner.folders.pacing());
        let drive = client
            .drive(None, &CancellationToken::new())
            .await
            .map_err(|error| wording::destination(&error))?;
        // The same account signed in again takes the place of its old sign-in, so that its jobs go on.
        let known = self.accounts()?.into_iter().find(|account| {
            !drive.owner.is_empty()
                && account.name == drive.owner
                && account.demo == self.inner.environment.demo
        });
        let account = Account {
            id: known.map_or_else(
                || uuid::Uuid::new_v4().simple().to_string(),
                |known| known.id,
            ),
            name: drive.owner,
            drive: drive_name(&drive.name, &drive.kind),
            added: self.now().to_string(),
            demo: self.inner.environment.demo,
        };
        let credential = Credential {
            v: 1,
            kind: "authid".to_owned(),
            authid: auth_id.expose().to_owned(),
            demo: account.demo,
        };
        let text = serde_json::to_string(&credential).unwrap_or_default();
        let name = credential_name(&account.id);
        self.secrets(move |secrets| secrets.set(&name, &text))
            .await?;
        let body = serde_json::to_string(&account).unwrap_or_default();
        self.database(|database| database.put_account(&account.id, &body))?;
        lock(&self.inner.clients).insert(account.id.clone(), client);
        self.emit(Change::Accounts {
            accounts: self.accounts()?,
        });
        self.sign_in_mended(&account.id)?;
        Ok(account)
    }

    /// Forgets a sign-in.
    ///
    /// # Errors
    /// While a job uses it.
    pub async fn remove_account(&self, account_id: &str) -> Result<()> {
        let used = self.job_cards()?.into_iter().find(|card| {
            matches!(
                &card.definition.destination,
                coffer_ipc::job::DestinationSettings::OneDrive { account_id: used, .. } if used == account_id
            )
        });
        if let Some(card) = used {
            return Err(wording::error(
                ErrorCode::Busy,
                format!("The backup {:?} uses this sign-in.", card.definition.name),
                "Delete that backup or give it another account first.",
            ));
        }
        let name = credential_name(account_id);
        self.secrets(move |secrets| secrets.remove(&name)).await?;
        self.database(|database| database.remove_account(account_id))?;
        lock(&self.inner.clients).remove(account_id);
        self.emit(Change::Accounts {
            accounts: self.accounts()?,
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

    /// A folder for a new backup that does not exist yet.
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

    /// The client of an account, with its credential from the keychain.
    pub(super) async fn client(&self, account_id: &str) -> Result<OneDrive> {
        if let Some(client) = lock(&self.inner.clients).get(account_id) {
            return Ok(client.clone());
        }
        let auth_id = self.auth_id(account_id).await?;
        let endpoints = self.inner.environment.endpoints(None)?;
        let client = OneDrive::new(&endpoints, auth_id)
            .map_err(|error| wording::onedrive(&error))?
            .with_pacing(&self.inner.folders.pacing());
        lock(&self.inner.clients).insert(account_id.to_owned(), client.clone());
        Ok(client)
    }

    /// The credential of an account.
    pub(super) async fn auth_id(&self, account_id: &str) -> Result<AuthId> {
        let name = credential_name(account_id);
        let stored = self.secrets(move |secrets| secrets.get(&name)).await?;
        let credential = stored.and_then(|text| serde_json::from_str::<Credential>(&text).ok());
        let credential = credential.ok_or_else(sign_in_missing)?;
        if credential.demo != self.inner.environment.demo {
            return Err(wording::error(
                ErrorCode::SignInRequired,
                "This sign-in belongs to the demo.",
                "Sign in with a Microsoft account.",
            ));
        }
        AuthId::parse(&credential.authid).map_err(|error| wording::onedrive(&error))
    }

    /// The AuthID of the only account there is, for addresses without one.
    ///
    /// # Errors
    /// Those of the keychain.
    pub async fn only_auth_id(&self) -> Result<Option<String>> {
        match &self.accounts()?[..] {
            [only] => Ok(Some(self.auth_id(&only.id).await?.expose().to_owned())),
            _ => Ok(None),
        }
    }
}

fn sign_in_missing() -> CommandError {
    wording::error(
        ErrorCode::SignInRequired,
        "The sign-in is not in the keychain of this computer.",
        "Sign in again.",
    )
}

fn drive_name(name: &str, kind: &str) -> String {
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
