use std::sync::Arc;
use std::time::Duration;

use coffer_destination::{Error as DestinationError, Result, SignInOutage, SignInProblem};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::AuthId;
use super::credential::{Credential, Registration, TokenStore};
use super::{auth_id_service, token_endpoint};
use crate::client::{Gate, Http};
use crate::endpoints::Endpoints;

/// A token from Microsoft is renewed this long before it expires.
const MARGIN: Duration = Duration::from_secs(300);
/// The same for the AuthID service, which issues tokens that it has cached itself, with little time left.
const MARGIN_OF_SERVICE: Duration = Duration::from_secs(30);
/// A token is used for at least this long, however short its reported lifetime is.
const SHORTEST: Duration = Duration::from_secs(5);

/// Longest wait for the AuthID service that a run sits out; a longer one ends the run.
const SHORT_REST: Duration = Duration::from_secs(600);

/// The wall clock's time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Access tokens of one credential. One refresh at a time; the others wait for its result.
pub(crate) struct Tokens {
    http: Http,
    endpoints: Endpoints,
    credential: Credential,
    now: Now,
    cached: Mutex<Option<CachedToken>>,
    /// Remembers the waits that the AuthID service asks for.
    gate: Arc<Gate>,
}

/// A token that expires by either of two clocks: the monotonic one stops while the computer sleeps, and the wall clock
/// can be set back.
struct CachedToken {
    token: SecretString,
    until: Instant,
    until_by_wall: Timestamp,
    /// Graph refused it, and the service returned it again: there is no other until this one expires.
    came_again: bool,
}

impl Tokens {
    pub(crate) fn new(
        http: Http,
        endpoints: Endpoints,
        credential: Credential,
        now: Now,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            http,
            endpoints,
            credential,
            now,
            cached: Mutex::new(None),
            gate,
        }
    }

    /// A token that is valid now.
    pub(crate) async fn get(&self) -> Result<SecretString> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached.as_ref().filter(|cached| self.is_valid(cached)) {
            return Ok(cached.token.clone());
        }
        self.refresh_into(&mut cached).await
    }

    fn is_valid(&self, cached: &CachedToken) -> bool {
        Instant::now() < cached.until && (self.now)() < cached.until_by_wall
    }

    /// Graph refused this token: the next [`Tokens::get`] requests another. False when the service returns the same
    /// one; it is not asked again then, because it allows only a few requests an hour.
    pub(crate) async fn replace(&self, refused: &SecretString) -> Result<bool> {
        let mut cached = self.cached.lock().await;
        let current = cached
            .as_ref()
            .filter(|cached| cached.token.expose_secret() == refused.expose_secret());
        let Some(current) = current else {
            // Another task replaced it in the meantime.
            return Ok(true);
        };
        if current.came_again && self.is_valid(current) {
            return Ok(false);
        }
        let fresh = self.refresh_into(&mut cached).await?;
        let came_again = fresh.expose_secret() == refused.expose_secret();
        if let Some(cached) = cached.as_mut() {
            cached.came_again = came_again;
        }
        Ok(!came_again)
    }

    /// Uses the credential, so that it does not expire for lack of use.
    pub(crate) async fn renew(&self) -> Result<()> {
        let mut cached = self.cached.lock().await;
        self.refresh_into(&mut cached).await.map(drop)
    }

    async fn refresh_into(&self, cached: &mut Option<CachedToken>) -> Result<SecretString> {
        *cached = None;
        let (token, lifetime, margin) = match &self.credential {
            Credential::AuthId(auth_id) => {
                let (token, lifetime) = self.refresh_at_service(auth_id).await?;
                (token, lifetime, MARGIN_OF_SERVICE)
            }
            Credential::Direct {
                registration,
                store,
            } => {
                let (token, lifetime) = self.refresh_direct(registration, store).await?;
                (token, lifetime, MARGIN)
            }
        };
        let usable = lifetime.saturating_sub(margin).max(SHORTEST);
        *cached = Some(CachedToken {
            token: token.clone(),
            came_again: false,
            until: Instant::now() + usable,
            until_by_wall: (self.now)()
                .saturating_add(SignedDuration::try_from(usable).unwrap_or_default())
                .unwrap_or(Timestamp::MAX),
        });
        Ok(token)
    }

    /// Asks the AuthID service, unless it asked to wait: every request of every job counts against its limit.
    async fn refresh_at_service(&self, auth_id: &AuthId) -> Result<(SecretString, Duration)> {
        if let Some(rest) = self.gate.sign_in_rests() {
            let retry_after = Some(rest);
            return Err(if rest <= SHORT_REST {
                DestinationError::Throttled { retry_after }
            } else {
                DestinationError::SignInUnavailable {
                    why: SignInOutage::Limited,
                    retry_after,
                }
            });
        }
        let refreshed = auth_id_service::refresh(&self.http, &self.endpoints, auth_id).await;
        refreshed.inspect_err(|error| self.remember_wait(error))
    }

    /// Remembers a wait that the service asked for, which applies to all jobs and processes.
    fn remember_wait(&self, error: &DestinationError) {
        if let Some(rest) = error.retry_after() {
            self.gate.rest_sign_in(rest);
        }
    }

    /// Asks Microsoft. A new refresh token is stored before the access token is used, so that the keychain always holds
    /// the newest.
    async fn refresh_direct(
        &self,
        registration: &Registration,
        store: &Arc<dyn TokenStore>,
    ) -> Result<(SecretString, Duration)> {
        if let Some(rest) = self.gate.sign_in_rests() {
            return Err(DestinationError::Throttled {
                retry_after: Some(rest),
            });
        }
        let _alone = blocking(store, |store| store.lock()).await?;
        let old = blocking(store, |store| store.load()).await?;
        let old = old.ok_or(DestinationError::SignInRequired {
            why: SignInProblem::NotStored,
            code: None,
        })?;
        let reply = token_endpoint::post_for_token(
            &self.http,
            &self.endpoints.login(registration.tenant(), "token"),
            &[
                ("client_id", registration.client_id()),
                ("grant_type", "refresh_token"),
                ("refresh_token", old.expose_secret()),
                ("scope", registration.scopes()),
            ],
        )
        .await
        .map_err(token_endpoint::Failure::into_destination)
        .inspect_err(|error| self.remember_wait(error))?;
        let new = reply.refresh_token();
        if let Some(new) = new.filter(|new| new.expose_secret() != old.expose_secret()) {
            let saved = blocking(store, move |store| store.save(&new)).await;
            // Microsoft still accepts the old one.
            if let Err(error) = saved {
                tracing::warn!(%error, "a renewed sign-in could not be stored");
            }
        }
        Ok((reply.access_token(), reply.lifetime()))
    }
}

/// Runs keychain calls, which block, off the async threads.
async fn blocking<T: Send + 'static>(
    store: &Arc<dyn TokenStore>,
    work: impl FnOnce(&dyn TokenStore) -> std::result::Result<T, String> + Send + 'static,
) -> Result<T> {
    let store = Arc::clone(store);
    let done = tokio::task::spawn_blocking(move || work(&*store)).await;
    let done = match done {
        Ok(done) => done.map_err(|said| SignInOutage::Store { said }),
        Err(_) => Err(SignInOutage::StoreFailed),
    };
    done.map_err(|why| DestinationError::SignInUnavailable {
        why,
        retry_after: None,
    })
}
