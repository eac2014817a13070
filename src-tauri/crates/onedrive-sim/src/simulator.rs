//! The running simulator and what tests can do to it without HTTP.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::authid::registry;
use crate::error::{Error, Result};
use crate::faults::Fault;
use crate::front::Front;
use crate::graph::folders;
use crate::limits::Limits;
use crate::log::Entry;
use crate::model::account::Account;
use crate::model::token::Revoked;
use crate::options::{Options, Origins};
use crate::request::Origin;
use crate::server::{self, listen};
use crate::state::State;
use crate::tokens::{ANY_CLIENT, scopes};
use crate::world::World;

/// A running simulator. It ends when dropped; [`shutdown`](Self::shutdown) also waits for its ports to be free.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    own: Origins,
    front: Option<Front>,
    tasks: Vec<JoinHandle<()>>,
    /// Holds the files of a simulator without a data folder; gone with it.
    _temporary: Option<tempfile::TempDir>,
}

impl Simulator {
    /// Opens the three ports on 127.0.0.1 and serves them in tasks of the current tokio runtime.
    ///
    /// # Errors
    /// [`Error::Listen`] when a port is taken, [`Error::Data`] when the data folder cannot be used,
    /// [`Error::Certificates`] when the front's could not be made.
    pub async fn start(options: Options) -> Result<Self> {
        let (temporary, folder) = match &options.data {
            Some(folder) => (None, folder.clone()),
            None => {
                let created = tempfile::Builder::new().prefix("onedrive-sim").tempdir();
                let created = created.map_err(|source| Error::Data {
                    folder: std::env::temp_dir(),
                    source,
                })?;
                let folder = created.path().to_owned();
                (Some(created), folder)
            }
        };
        let mut state =
            State::open(folder.clone(), temporary.is_none(), &options).map_err(|source| {
                Error::Data {
                    folder: folder.clone(),
                    source,
                }
            })?;
        let admin_token = options
            .admin_token
            .clone()
            .unwrap_or_else(|| state.random.hex());

        let (api, api_url) = listen(options.api_port).await?;
        let (up, up_url) = listen(options.up_port).await?;
        let (dl, dl_url) = listen(options.dl_port).await?;
        let own = Origins {
            api: api_url,
            up: up_url,
            dl: dl_url,
        };
        let urls = options.public_base.clone().unwrap_or_else(|| own.clone());
        let with_front = options.front;
        let world = Arc::new(World::new(options, urls, admin_token, state));
        let front = match with_front {
            true => Some(Front::start(&world, &folder).await?),
            false => None,
        };
        let tasks = [(Origin::Api, api), (Origin::Up, up), (Origin::Dl, dl)]
            .into_iter()
            .map(|(origin, listener)| {
                tokio::spawn(server::serve(Arc::clone(&world), origin, listener))
            })
            .collect();
        Ok(Self {
            world,
            own,
            front,
            tasks,
            _temporary: temporary,
        })
    }

    /// Base address of sign-in, AuthID service, Graph and admin API, without a trailing slash.
    pub fn api_url(&self) -> &str {
        &self.own.api
    }

    /// Base address of the upload origin.
    pub fn up_url(&self) -> &str {
        &self.own.up
    }

    /// Base address of the download origin.
    pub fn dl_url(&self) -> &str {
        &self.own.dl
    }

    /// Duplicati's `oauth-url`: the AuthID service's refresh address.
    pub fn oauth_url(&self) -> String {
        format!("{}/authid/refresh", self.own.api)
    }

    /// The front under Microsoft's own host names, if [`Options::front`] is set.
    pub fn front(&self) -> Option<&Front> {
        self.front.as_ref()
    }

    /// Bearer of the admin API.
    pub fn admin_token(&self) -> &str {
        &self.world.admin_token
    }

    /// Id of an account's default drive; empty for an account without one.
    pub fn drive_id(&self, account: &str) -> String {
        let state = self.world.state();
        state
            .accounts
            .get(account)
            .and_then(|account| account.drive.clone())
            .unwrap_or_default()
    }

    /// A v1 AuthID of `account` with the rights of Duplicati's OneDrive service.
    pub fn seed_auth_id(&self, account: &str) -> String {
        self.seed_auth_id_for(account, "onedrivev2")
    }

    /// A v1 AuthID for another service: `sharepoint` reaches other people's drives too.
    pub fn seed_auth_id_for(&self, account: &str, service: &str) -> String {
        let state = &mut self.world.state();
        let scopes = registry::scopes_of(service).map(scopes).unwrap_or_default();
        let refresh = state.grant_refresh(account, registry::CLIENT_ID, &scopes);
        registry::store(state, service, refresh)
    }

    /// A refresh token that every client id may use.
    pub fn seed_refresh_token(&self, account: &str, scope: &str) -> String {
        self.world
            .state()
            .grant_refresh(account, ANY_CLIENT, &scopes(scope))
    }

    /// An access token for Graph.
    pub fn seed_access_token(&self, account: &str, scope: &str) -> String {
        self.world.state().grant_access(account, &scopes(scope))
    }

    /// Adds a fault and returns its name.
    ///
    /// # Panics
    /// When the fault's regular expression is broken.
    pub fn add_fault(&self, fault: Fault) -> String {
        self.world
            .state()
            .faults
            .add(fault)
            .expect("the fault's regular expression should be valid")
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.world.state().faults.clear();
    }

    /// Limits what each account may do from now on.
    ///
    /// # Panics
    /// When the window has no length, or is longer than a day.
    pub fn set_limits(&self, limits: Limits) {
        let state = &mut self.world.state();
        let now = state.now();
        state
            .limits
            .set(limits, now)
            .expect("the window should have a length of a day at most");
    }

    /// Every request answered so far, oldest first; requests to the admin API are not among them.
    pub fn log(&self) -> Vec<Entry> {
        self.log_since(0)
    }

    /// Requests numbered above `seq`.
    pub fn log_since(&self, seq: u64) -> Vec<Entry> {
        self.world.state().log.since(seq)
    }

    /// Paths of all files and folders of a drive with their sizes (folders: `None`), sorted by path.
    pub fn tree(&self, drive: &str) -> Vec<(String, Option<u64>)> {
        folders::tree_of(&self.world.state(), drive)
    }

    /// The bytes of a file, or `None` when there is none at that path (`/folder/name`).
    pub fn file_bytes(&self, drive: &str, path: &str) -> Option<Vec<u8>> {
        let blob = {
            let state = self.world.state();
            let item = folders::find(&state, drive, path)?;
            state.blob(&item.content.as_ref()?.blob)
        };
        std::fs::read(blob).ok()
    }

    /// Stores a file without HTTP, replacing one of the same name and creating the folders above; `false` when the
    /// drive or the path is impossible.
    pub fn put_file(&self, drive: &str, path: &str, bytes: &[u8]) -> bool {
        folders::put_file(&mut self.world.state(), drive, path, bytes).is_ok()
    }

    /// Creates a folder and those above it; `false` when the drive or the path is impossible.
    pub fn create_folder(&self, drive: &str, path: &str) -> bool {
        folders::create(&mut self.world.state(), drive, path).is_ok()
    }

    /// Upload sessions that are neither finished nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.world.state().uploads.len()
    }

    /// Ends all of an account's sign-ins, as the user can at Microsoft.
    pub fn revoke(&self, account: &str) {
        self.world.state().revoke(account, Revoked::ByUser);
    }

    /// Ends all of an account's sign-ins the way a new password does.
    pub fn change_password(&self, account: &str) {
        self.world.state().revoke(account, Revoked::PasswordChanged);
    }

    /// Lets the account's access tokens run out; refresh tokens and AuthIDs keep working.
    pub fn expire_access(&self, account: &str) {
        self.world.state().expire_access(account);
    }

    /// Breaks the account's access tokens while the AuthID service still hands out its cached ones.
    pub fn kill_access(&self, account: &str) {
        self.world.state().kill_access(account);
    }

    /// Lets the account's refresh tokens run out.
    pub fn expire_refresh(&self, account: &str) {
        self.world.state().expire_refresh(account);
    }

    /// Whether a refresh answers with a new refresh token.
    pub fn set_rotation(&self, account: &str, rotate: bool) {
        self.change_account(account, |account| account.rotate = rotate);
    }

    /// Disables an account or enables it again.
    pub fn set_disabled(&self, account: &str, disabled: bool) {
        self.change_account(account, |account| account.disabled = disabled);
    }

    /// Makes every token request of an account fail until a second factor was given.
    pub fn require_mfa(&self, account: &str, required: bool) {
        self.change_account(account, |account| account.require_mfa = required);
    }

    /// Sets the size of a drive.
    pub fn set_quota(&self, drive: &str, total: u64) {
        self.world
            .state()
            .change_drive(drive, |drive| drive.total = total);
    }

    /// Uses up this many bytes of a drive's quota.
    pub fn fill(&self, drive: &str, bytes: u64) {
        self.world
            .state()
            .change_drive(drive, |drive| drive.fill = bytes);
    }

    /// Leaves the quota out of a drive's answers, or puts it back.
    pub fn hide_quota(&self, drive: &str, hidden: bool) {
        self.world
            .state()
            .change_drive(drive, |drive| drive.hide_quota = hidden);
    }

    /// Refuses every change of a drive, or allows them again.
    pub fn set_readonly(&self, drive: &str, readonly: bool) {
        self.world
            .state()
            .change_drive(drive, |drive| drive.readonly = readonly);
    }

    /// Puts empty pages between the pages of listings, or stops doing so.
    pub fn set_empty_pages(&self, empty: bool) {
        self.world.state().empty_pages = empty;
    }

    /// Account that signs in without a page being shown; `None` shows the pages.
    pub fn set_auto_consent(&self, account: Option<&str>) {
        self.world.state().auto_consent = account.map(str::to_owned);
    }

    /// Turns the simulator's clock forward: tokens, sessions and download addresses grow older.
    pub fn advance(&self, by: Duration) {
        self.world.state().clock.advance(by);
    }

    /// Stops serving, ends all connections and waits until the ports are free.
    pub async fn shutdown(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
        if let Some(front) = self.front.take() {
            front.shutdown().await;
        }
    }

    fn change_account(&self, id: &str, change: impl FnOnce(&mut Account)) {
        let state = &mut self.world.state();
        if let Some(mut account) = state.accounts.get(id).cloned() {
            change(&mut account);
            state.put_account(account);
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
