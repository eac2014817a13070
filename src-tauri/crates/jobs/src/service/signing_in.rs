use std::sync::{Arc, Mutex};

use coffer_ipc::account::{
    Account, PendingSignIn, SignInOutcome, SignInRequest, SignInSettings, SignInWay,
};
use coffer_onedrive::{
    AuthId, Credential, DeviceSignIn, DirectSignIn, Drive, Error as OneDriveError, Grant, Handoff,
    PendingDevice, PendingDirect, PendingSignIn as PendingAuthId, Registration, SignIn, TokenStore,
};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::accounts::{credential_name, drive_name};
use crate::credentials::{Entry, NewTokens};
use crate::{Result, blocking, lock, opening, wording};

/// Name of the setting that holds [`SignInSettings`].
const SETTING: &str = "sign-in";
/// Lifetime of an AuthID that contains the refresh token itself: Microsoft ends it, used or not.
const LIFE_OF_SHORT_LIVED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A sign-in that waits for the user, with what is needed to store it.
enum Pending {
    Service {
        pending: PendingAuthId,
        oauth_url: String,
        /// Keeps the page's address, which holds a secret, out of the browser's arguments.
        handoff: Option<Handoff>,
    },
    Browser(PendingDirect, Registration),
    Code(PendingDevice, Registration),
}

/// The credential of a completed sign-in whose account is not known yet.
enum New {
    AuthId {
        auth_id: AuthId,
        /// The service that issued it. It must never be sent to another one, whatever the settings are later.
        oauth_url: String,
    },
    Grant {
        grant: Grant,
        registration: Registration,
        by_code: bool,
    },
}

impl Pending {
    fn page(&self) -> &str {
        match self {
            Self::Service { pending, .. } => pending.page(),
            Self::Browser(pending, _) => pending.page(),
            Self::Code(pending, _) => pending.page(),
        }
    }

    /// Opens the page in the system browser; false when none could be started.
    async fn open_browser(&self) -> bool {
        let address = match self {
            Self::Service { handoff, .. } => handoff.as_ref().map(Handoff::address),
            Self::Browser(pending, _) => Some(pending.page().to_owned()),
            Self::Code(pending, _) => Some(pending.page().to_owned()),
        };
        match address {
            Some(address) => open_browser(address).await,
            None => false,
        }
    }

    /// Describes the pending sign-in for the user.
    fn describe(&self, id: &str, browser_opened: bool) -> PendingSignIn {
        let (patience, user_code) = match self {
            Self::Service { pending, .. } => (pending.patience(), None),
            Self::Browser(pending, _) => (pending.patience(), None),
            Self::Code(pending, _) => (pending.patience(), Some(pending.user_code().to_owned())),
        };
        PendingSignIn {
            id: id.to_owned(),
            url: self.page().to_owned(),
            user_code,
            browser_opened,
            expires_in: u32::try_from(patience.as_secs()).unwrap_or(u32::MAX),
        }
    }

    async fn wait(self, cancel: &CancellationToken) -> std::result::Result<New, OneDriveError> {
        Ok(match self {
            Self::Service {
                pending,
                oauth_url,
                handoff,
            } => {
                let led_on = async {
                    match handoff {
                        Some(handoff) => handoff.serve().await,
                        None => std::future::pending().await,
                    }
                };
                let auth_id = tokio::select! {
                    auth_id = pending.wait(cancel) => auth_id?,
                    () = led_on => return Err(OneDriveError::SignInExpired),
                };
                New::AuthId { auth_id, oauth_url }
            }
            Self::Browser(pending, registration) => New::Grant {
                grant: pending.wait(cancel).await?,
                registration,
                by_code: false,
            },
            Self::Code(pending, registration) => New::Grant {
                grant: pending.wait(cancel).await?,
                registration,
                by_code: true,
            },
        })
    }
}

impl New {
    /// The credential, the service that issued it, the account if known, and the store for new tokens.
    fn credential(
        &self,
    ) -> (
        Credential,
        Option<String>,
        Option<String>,
        Option<Arc<NewTokens>>,
    ) {
        match self {
            Self::AuthId { auth_id, oauth_url } => {
                let service = Some(oauth_url.clone());
                (auth_id.clone().into(), service, None, None)
            }
            Self::Grant {
                grant,
                registration,
                ..
            } => {
                let tokens = Arc::new(NewTokens(Mutex::new(grant.refresh_token.clone())));
                let store: Arc<dyn TokenStore> = tokens.clone();
                let registration = registration.clone();
                let credential = Credential::Direct {
                    registration,
                    store,
                };
                (credential, None, grant.username.clone(), Some(tokens))
            }
        }
    }

    /// The entry for the keychain. Trying the credential may have renewed it.
    fn entry(&self, tokens: Option<&NewTokens>, demo: bool) -> Entry {
        match self {
            Self::AuthId { auth_id, oauth_url } => {
                Entry::of_auth_id(auth_id, Some(oauth_url.clone()), demo)
            }
            Self::Grant {
                grant,
                registration,
                by_code,
            } => {
                let newest = tokens.map(|tokens| lock(&tokens.0).clone());
                let token = newest.as_ref().unwrap_or(&grant.refresh_token);
                Entry::of_grant(registration, token, *by_code, demo)
            }
        }
    }
}

impl Coffer {
    /// The settings for signing in: which service or registered app is used.
    pub fn sign_in_settings(&self) -> Result<SignInSettings> {
        self.setting(SETTING)
    }

    /// Changes the settings for signing in; existing sign-ins stay as they are.
    ///
    /// # Errors
    /// When an address, client id or tenant is invalid; nothing is changed then.
    pub fn set_sign_in_settings(&self, settings: &SignInSettings) -> Result<()> {
        let environment = &self.inner.environment;
        environment.endpoints(oauth_url(settings).as_deref())?;
        if !settings.client_id.trim().is_empty() || !settings.tenant.trim().is_empty() {
            environment.registration(settings)?;
        }
        self.set_setting(SETTING, settings)
    }

    /// Opens the sign-in page in the system browser and waits for its end in the background.
    ///
    /// # Errors
    /// When there is no keychain, or no request can be made at all; the outcome of the sign-in itself comes as an
    /// event.
    pub async fn start_sign_in(&self, request: SignInRequest) -> Result<PendingSignIn> {
        let settings = self.sign_in_settings()?;
        let again = request.again.clone();
        let pending = self.begin_sign_in(&request, &settings).await?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let cancel = CancellationToken::new();
        lock(&self.inner.sign_ins).insert(id.clone(), cancel.clone());
        let reply = pending.describe(&id, pending.open_browser().await);
        let coffer = self.clone();
        // Ends when the user is done, when it is cancelled, or after a few minutes.
        tokio::spawn(async move {
            let outcome = coffer
                .finish_sign_in(pending, again.as_deref(), &cancel)
                .await;
            lock(&coffer.inner.sign_ins).remove(&id);
            let outcome = match outcome {
                Ok(account) => SignInOutcome::Done { account },
                Err(error) => SignInOutcome::Failed { error },
            };
            coffer.emit_sign_in(id, outcome);
        });
        Ok(reply)
    }

    /// Signs in from the command line. `announce` gets what the user needs to continue.
    ///
    /// # Errors
    /// When the sign-in failed or its credential could not be stored.
    pub async fn sign_in(
        &self,
        request: &SignInRequest,
        settings: &SignInSettings,
        announce: impl FnOnce(&PendingSignIn),
        cancel: &CancellationToken,
    ) -> Result<Account> {
        let pending = self.begin_sign_in(request, settings).await?;
        // A code is for a computer without a browser.
        let opened = request.way != SignInWay::Code && pending.open_browser().await;
        announce(&pending.describe("", opened));
        self.finish_sign_in(pending, request.again.as_deref(), cancel)
            .await
    }

    async fn begin_sign_in(
        &self,
        request: &SignInRequest,
        settings: &SignInSettings,
    ) -> Result<Pending> {
        // Fail before the user signs in if the credential cannot be stored.
        self.secrets(|secrets| secrets.get("account:")).await?;
        let environment = &self.inner.environment;
        let known = match &request.again {
            Some(id) => self.account(id)?.name,
            None => String::new(),
        };
        let pending = match request.way {
            SignInWay::Service => {
                let endpoints = environment.endpoints(oauth_url(settings).as_deref())?;
                let oauth_url = endpoints.oauth_url().to_owned();
                match SignIn::new(&endpoints) {
                    Ok(sign_in) => {
                        let pending = sign_in.start();
                        let handoff = Handoff::bind(pending.page()).await.ok();
                        Ok(Pending::Service {
                            pending,
                            oauth_url,
                            handoff,
                        })
                    }
                    Err(error) => Err(error),
                }
            }
            SignInWay::Browser => {
                let registration = environment.registration(settings)?;
                let endpoints = environment.endpoints(None)?;
                match DirectSignIn::new(&endpoints, registration.clone()) {
                    Ok(sign_in) => sign_in
                        .start(Some(&known))
                        .await
                        .map(|pending| Pending::Browser(pending, registration)),
                    Err(error) => Err(error),
                }
            }
            SignInWay::Code => {
                let registration = environment.registration(settings)?;
                let endpoints = environment.endpoints(None)?;
                match DeviceSignIn::new(&endpoints, registration.clone()) {
                    Ok(sign_in) => sign_in
                        .start()
                        .await
                        .map(|pending| Pending::Code(pending, registration)),
                    Err(error) => Err(error),
                }
            }
        };
        pending.map_err(|error| wording::onedrive(&error))
    }

    async fn finish_sign_in(
        &self,
        pending: Pending,
        again: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Account> {
        let new = pending.wait(cancel).await;
        let new = new.map_err(|error| wording::onedrive(&error))?;
        self.keep(new, again, cancel).await
    }

    /// Stops waiting for a sign-in; its end comes as an event.
    pub fn cancel_sign_in(&self, sign_in_id: &str) {
        if let Some(cancel) = lock(&self.inner.sign_ins).get(sign_in_id) {
            cancel.cancel();
        }
    }

    /// Stores an AuthID that the user pasted, after trying it. `again` is the account that signs in again.
    ///
    /// # Errors
    /// When it is not an AuthID, or is refused.
    pub async fn add_pasted_auth_id(&self, auth_id: &str, again: Option<&str>) -> Result<Account> {
        let auth_id = AuthId::parse(auth_id).map_err(|error| wording::onedrive(&error))?;
        let oauth_url = oauth_url(&self.sign_in_settings()?);
        let endpoints = self.inner.environment.endpoints(oauth_url.as_deref())?;
        let oauth_url = endpoints.oauth_url().to_owned();
        let new = New::AuthId { auth_id, oauth_url };
        self.keep(new, again, &CancellationToken::new()).await
    }

    /// Tries a credential, stores it in the keychain, and records its account. Nothing is stored when the user cancels
    /// before.
    async fn keep(
        &self,
        new: New,
        again: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Account> {
        let demo = self.inner.environment.demo;
        let (credential, service, username, tokens) = new.credential();
        let client = self.client_with(credential, service.as_deref())?;
        let drive = client
            .drive(None, cancel)
            .await
            .map_err(|error| wording::destination(&error))?;
        if cancel.is_cancelled() {
            return Err(wording::onedrive(&coffer_onedrive::Error::Cancelled));
        }
        let name = Some(drive.owner.clone()).filter(|owner| !owner.is_empty());
        let name = name.or(username).unwrap_or_default();
        let known = self.known_account(&drive, &name, again)?;
        let entry = new.entry(tokens.as_deref(), demo);
        let account = Account {
            id: known.map_or_else(
                || uuid::Uuid::new_v4().simple().to_string(),
                |known| known.id,
            ),
            name,
            drive: drive_name(&drive.name, &drive.kind),
            added: self.now().to_string(),
            demo,
            drive_id: drive.id,
            way: entry.way(),
            problem: None,
            expires: self.end_of(&new),
        };
        let entry_name = credential_name(&account.id);
        self.secrets(move |secrets| entry.write(secrets, &entry_name))
            .await?;
        // The next use creates a client with the stored credential.
        lock(&self.inner.clients).remove(&account.id);
        self.put_account(&account)?;
        self.sign_in_renewed(&account.id)?;
        self.resume_jobs_of(&account.id)?;
        Ok(account)
    }

    /// When a sign-in that cannot be renewed expires.
    fn end_of(&self, new: &New) -> Option<String> {
        match new {
            New::AuthId { auth_id, .. } if auth_id.is_short_lived() => {
                let end = self.now().checked_add(LIFE_OF_SHORT_LIVED).ok()?;
                Some(end.to_string())
            }
            _ => None,
        }
    }

    /// The existing account that a sign-in replaces, so that its jobs continue: the one that signs in again, otherwise
    /// the one with the same drive.
    ///
    /// # Errors
    /// When a different account was expected: its jobs would be stored on another drive.
    fn known_account(
        &self,
        drive: &Drive,
        name: &str,
        again: Option<&str>,
    ) -> Result<Option<Account>> {
        let is_same = |account: &Account| match account.drive_id.as_str() {
            "" => !name.is_empty() && account.name == name,
            id => id.eq_ignore_ascii_case(&drive.id),
        };
        if let Some(again) = again {
            let wanted = self.account(again)?;
            let is_unknown = wanted.drive_id.is_empty() && wanted.name.is_empty();
            if !is_same(&wanted) && !is_unknown {
                return Err(wording::invalid(
                    format!(
                        "You signed in as {}, but the backups here belong to {}.",
                        shown(name, &drive.id),
                        shown(&wanted.name, &wanted.drive_id)
                    ),
                    "Sign in again and choose the other account in the browser. Nothing was changed.",
                ));
            }
            return Ok(Some(wanted));
        }
        let demo = self.inner.environment.demo;
        let mut accounts = self.accounts()?.into_iter();
        Ok(accounts.find(|account| account.demo == demo && is_same(account)))
    }
}

/// The name of an account, or its drive if it has no name.
fn shown(name: &str, drive_id: &str) -> String {
    if name.is_empty() {
        format!("the owner of the drive {drive_id}")
    } else {
        name.to_owned()
    }
}

fn oauth_url(settings: &SignInSettings) -> Option<String> {
    let url = settings.oauth_url.trim();
    (!url.is_empty()).then(|| url.to_owned())
}

/// Opens a page in the system browser; false when none could be started.
async fn open_browser(address: String) -> bool {
    blocking(move || match opening::open(&address) {
        Ok(()) => true,
        // Never the address: with it, anyone could fetch the credential.
        Err(error) => {
            tracing::warn!(kind = %error.kind(), "no browser could be opened");
            false
        }
    })
    .await
}
