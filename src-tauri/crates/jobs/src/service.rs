//! The app's backend: everything its commands do, and the events that it emits. Methods fail with what the app's
//! database reports; an `# Errors` section names only what is special.

mod accounts;
mod active_run;
mod answers;
mod bandwidth;
mod browsing;
mod cards;
mod causes;
mod database;
mod ends;
mod events;
mod health;
mod history;
mod ids;
mod job_status;
mod jobs;
mod lane;
mod numbered;
mod opened_backup;
mod opened_places;
mod overview;
mod passphrases;
mod plan;
mod questions;
mod recovery_sheets;
mod restore_folder;
mod retry;
mod runs;
mod scheduler;
mod settings;
mod sign_in_state;
mod signing_in;
mod sources;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use coffer_database::AppDatabase;
use coffer_engine::BackupOptions;
use coffer_ipc::account::SignInOutcome;
use coffer_ipc::command::{AppState, NewJobDefaults, Theme, TrayStatus};
use coffer_ipc::event::Change;
use coffer_ipc::job::{FilterRule, JobOptions, Retention};
use coffer_ipc::{CommandError, ErrorCode};
use coffer_onedrive::{Bandwidth, OneDrive};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use crate::app_lock::AppLock;
use crate::environment::Environment;
use crate::folders::Folders;
use crate::keychain::SecretStore;
use crate::target::DEFAULT_PREFIX;
use crate::{Result, blocking, lock, wording};
use active_run::Runs;
use numbered::Events;
use opened_backup::OpenedBackup;
use questions::Questions;

/// Name of the setting that holds the theme.
const THEME: &str = "theme";

/// Groups of files that a new job leaves out.
const LEFT_OUT: [&str; 2] = ["{CacheFiles}", "{TemporaryFiles}"];

/// Source of the current time and the time zone.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// The computer's time zone.
    fn zone(&self) -> TimeZone;
}

/// The computer's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }
}

/// The backend. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub struct Coffer {
    inner: Arc<Inner>,
}

struct Inner {
    folders: Folders,
    environment: Environment,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn SecretStore>,
    database: Mutex<AppDatabase>,
    /// Whether this is the app that owns the database and may repair it.
    is_alone: AtomicBool,
    /// Why the database could not be repaired; `None` when it is intact.
    unrepaired: Mutex<Option<CommandError>>,
    /// Whether the state of the database changed since the last event about it.
    has_database_news: AtomicBool,
    events: Events,
    tray: Mutex<TrayStatus>,
    runs: Runs,
    /// Problem that the last use of the keychain found.
    keychain_problem: Mutex<Option<CommandError>>,
    sign_ins: Mutex<HashMap<String, CancellationToken>>,
    /// Outcomes of the last sign-ins, the newest last.
    ended_sign_ins: Mutex<VecDeque<(String, SignInOutcome)>>,
    questions: Questions,
    opened: Mutex<HashMap<String, OpenedBackup>>,
    /// Clients by account, so that all requests of an account share one token and one gate.
    clients: Mutex<HashMap<String, OneDrive>>,
    /// Limits shared by all transfers with OneDrive.
    bandwidth: Bandwidth,
}

impl Coffer {
    /// Opens the app's database for a process that may run beside the app: it touches neither the app's runs nor
    /// damage.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub fn open(
        folders: Folders,
        environment: Environment,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let database = AppDatabase::open(&folders.database());
        let database = database.map_err(|error| wording::database(&error))?;
        Self::with_database(database, folders, environment, secrets, clock)
    }

    /// Opens the app's database for the app that owns it, which then calls [`Coffer::resume`]. Damage is repaired now
    /// and whenever it is found, and [`AppState::database_problem`] reports it.
    ///
    /// # Errors
    /// When the database can be neither used nor repaired.
    pub fn open_alone(
        _alone: &AppLock,
        folders: Folders,
        environment: Environment,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let opened = AppDatabase::open_mending(&folders.database());
        let (database, repair) = opened.map_err(|error| wording::database(&error))?;
        let coffer = Self::with_database(database, folders, environment, secrets, clock)?;
        if let Some(repair) = repair {
            coffer.record_repair(&lock(&coffer.inner.database), &repair);
        }
        coffer.inner.is_alone.store(true, Ordering::SeqCst);
        Ok(coffer)
    }

    fn with_database(
        database: AppDatabase,
        folders: Folders,
        environment: Environment,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        coffer_onedrive::install_tls_provider();
        let coffer = Self {
            inner: Arc::new(Inner {
                folders,
                environment,
                clock,
                secrets,
                database: Mutex::new(database),
                is_alone: AtomicBool::new(false),
                unrepaired: Mutex::default(),
                has_database_news: AtomicBool::new(false),
                events: Events::new(),
                tray: Mutex::new(TrayStatus::Shown),
                runs: Runs::default(),
                keychain_problem: Mutex::default(),
                sign_ins: Mutex::default(),
                ended_sign_ins: Mutex::default(),
                questions: Questions::default(),
                opened: Mutex::default(),
                clients: Mutex::default(),
                bandwidth: Bandwidth::default(),
            }),
        };
        coffer.apply_bandwidth()?;
        Ok(coffer)
    }

    /// Everything the UI needs when it starts. Does nothing that may wait.
    pub fn app_state(&self) -> Result<AppState> {
        // What happens in the meantime comes as an event with a higher number.
        self.inner.events.hold(|seq| self.state_at(seq))
    }

    /// The state as of event `seq`. The caller holds the number of the last event, so that none is emitted in the
    /// meantime.
    fn state_at(&self, seq: u64) -> Result<AppState> {
        let sign_in = self.sign_in_settings()?;
        let jobs = self.job_cards()?;
        let unreadable = self.unreadable()?;
        let overview = self.inner.events.overview_of(&jobs, &unreadable);
        Ok(AppState {
            seq,
            jobs,
            overview,
            accounts: self.accounts()?,
            unreadable,
            demo: self.inner.environment.demo,
            keychain_problem: lock(&self.inner.keychain_problem).clone(),
            database_problem: self.database_problem(),
            tray: *lock(&self.inner.tray),
            theme: self.theme()?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            defaults: defaults(),
            signs_in_directly: self.inner.environment.registration(&sign_in).is_ok(),
            sign_in,
            bandwidth: self.bandwidth()?,
        })
    }

    /// Sets the theme: light, dark or that of the system.
    pub fn set_theme(&self, theme: Theme) -> Result<()> {
        self.set_setting(THEME, &theme)
    }

    fn theme(&self) -> Result<Theme> {
        self.setting(THEME)
    }

    /// Records whether the app's tray icon is visible.
    pub fn set_tray(&self, status: TrayStatus) {
        let before = std::mem::replace(&mut *lock(&self.inner.tray), status);
        if before != status {
            self.emit(Change::Tray { status });
        }
    }

    /// Whether the app's tray icon is visible.
    pub fn tray(&self) -> TrayStatus {
        *lock(&self.inner.tray)
    }

    /// Asks the window to show a job.
    pub fn show(&self, job_id: &str) {
        self.emit(Change::Show {
            job_id: job_id.to_owned(),
        });
    }

    /// Checks whether the keychain can be used, which may take until the user has unlocked it. The answer comes as an
    /// event.
    pub async fn look_at_keychain(&self) {
        let secrets = Arc::clone(&self.inner.secrets);
        let looked = blocking(move || secrets.get("journal-key")).await;
        self.note_keychain(looked.err().map(|error| wording::keychain(&error)));
    }

    /// Records a problem of the keychain. A damaged entry is not one.
    fn note_keychain(&self, problem: Option<CommandError>) {
        let problem = problem.filter(|error| error.code == ErrorCode::Keychain);
        let before = lock(&self.inner.keychain_problem).clone();
        if before != problem {
            lock(&self.inner.keychain_problem).clone_from(&problem);
            self.emit(Change::Keychain { problem });
        }
    }

    /// Runs keychain work off the async threads.
    async fn secrets<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn SecretStore) -> std::result::Result<T, crate::keychain::Error>
        + Send
        + 'static,
    ) -> Result<T> {
        let secrets = Arc::clone(&self.inner.secrets);
        let done = blocking(move || work(&*secrets)).await;
        let done = done.map_err(|error| wording::keychain(&error));
        // Each use shows its state, so that the user need not check it by hand.
        self.note_keychain(done.as_ref().err().cloned());
        done
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

fn defaults() -> NewJobDefaults {
    let computer = computer_name();
    let folders = [
        dirs::document_dir(),
        dirs::picture_dir(),
        dirs::desktop_dir(),
        dirs::video_dir(),
        dirs::audio_dir(),
    ];
    let existing = folders
        .into_iter()
        .flatten()
        .filter(|folder| folder.is_dir());
    let mut sources: Vec<_> = existing
        .filter_map(|folder| folder.into_os_string().into_string().ok())
        .collect();
    sources.dedup();
    if sources.is_empty() {
        let home = dirs::home_dir().and_then(|home| home.into_os_string().into_string().ok());
        sources.extend(home);
    }
    NewJobDefaults {
        name: format!("Backup of {computer}"),
        sources,
        filters: LEFT_OUT.map(left_out).to_vec(),
        options: JobOptions {
            volume_bytes: BackupOptions::VOLUME_SIZE,
            block_bytes: coffer_volume::Format::default().block_size(),
            prefix: DEFAULT_PREFIX.to_owned(),
            retention: Retention::All,
            always_read: BackupOptions::ALWAYS_READ.map(str::to_owned).to_vec(),
        },
    }
}

fn left_out(group: &str) -> FilterRule {
    FilterRule {
        include: false,
        expression: group.to_owned(),
    }
}

/// The name of this computer.
fn computer_name() -> String {
    let variable = |name| std::env::var(name).ok();
    let file = || std::fs::read_to_string("/etc/hostname").ok();
    let name = variable("COMPUTERNAME")
        .or_else(|| variable("HOSTNAME"))
        .or_else(file);
    let name = name
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "this computer".to_owned())
}
