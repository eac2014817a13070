use std::sync::Arc;

use coffer_ipc::account::{Account, PendingSignIn, SignInOutcome};
use coffer_ipc::event::Change;
use coffer_onedrive::SignIn;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use crate::{Result, blocking, lock, wording};

impl Coffer {
    /// Opens the sign-in page in the system browser and waits for its end in the background.
    ///
    /// # Errors
    /// When there is no keychain, or no request can be made at all; how the sign-in itself ends comes as an event.
    pub async fn start_sign_in(&self) -> Result<PendingSignIn> {
        let endpoints = self.inner.environment.endpoints(None)?;
        self.require_keychain().await?;
        let pending = SignIn::new(&endpoints)
            .map_err(|error| wording::onedrive(&error))?
            .start();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let cancel = CancellationToken::new();
        lock(&self.inner.sign_ins).insert(id.clone(), cancel.clone());
        let reply = PendingSignIn {
            id: id.clone(),
            url: pending.page().to_owned(),
            browser_opened: open_browser(pending.page()).await,
            expires_in: u32::try_from(pending.patience().as_secs()).unwrap_or(u32::MAX),
        };
        let coffer = self.clone();
        // Ends by itself after a few minutes, when the person is done, or when it is cancelled.
        tokio::spawn(async move {
            let outcome = match pending.wait(&cancel).await {
                Ok(auth_id) => coffer.add_account(auth_id).await,
                Err(error) => Err(wording::onedrive(&error)),
            };
            lock(&coffer.inner.sign_ins).remove(&id);
            let outcome = match outcome {
                Ok(account) => SignInOutcome::Done { account },
                Err(error) => SignInOutcome::Failed { error },
            };
            coffer.emit(Change::SignIn {
                sign_in_id: id,
                outcome,
            });
        });
        Ok(reply)
    }

    /// Nobody should sign in only to hear that the credential cannot be kept.
    async fn require_keychain(&self) -> Result<()> {
        let looked = self.secrets(|secrets| secrets.get("account:")).await;
        looked.map(drop)
    }

    /// Gives up waiting for a sign-in; its end comes as an event.
    pub fn cancel_sign_in(&self, sign_in_id: &str) {
        if let Some(cancel) = lock(&self.inner.sign_ins).get(sign_in_id) {
            cancel.cancel();
        }
    }
}

/// The whole sign-in of the command line: page, browser, wait, keychain. `tell` gets the page and whether a browser
/// was opened.
///
/// # Errors
/// How it failed.
pub async fn sign_in_and_keep(
    coffer: &Coffer,
    tell: impl FnOnce(&str, bool),
    cancel: &CancellationToken,
) -> Result<Account> {
    let endpoints = coffer.inner.environment.endpoints(None)?;
    coffer.require_keychain().await?;
    let pending = SignIn::new(&endpoints)
        .map_err(|error| wording::onedrive(&error))?
        .start();
    let opened = open_browser(pending.page()).await;
    tell(pending.page(), opened);
    let auth_id = pending
        .wait(cancel)
        .await
        .map_err(|error| wording::onedrive(&error))?;
    coffer.add_account(auth_id).await
}

/// Opens a page in the system browser; false when none could be started.
async fn open_browser(page: &str) -> bool {
    let page: Arc<str> = page.into();
    blocking(move || match open::that_detached(&*page) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "no browser could be opened");
            false
        }
    })
    .await
}
