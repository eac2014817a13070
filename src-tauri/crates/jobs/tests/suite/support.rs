use std::sync::{Arc, Mutex};
use std::time::Duration;

use coffer_ipc::account::{Account, PendingSignIn, SignInRequest, SignInSettings, SignInWay};
use coffer_ipc::command::SaveJob;
use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::{DestinationSettings, JobCard, JobDefinition, JobOptions, Retention};
use coffer_ipc::run::{RunResult, RunSummary};
use coffer_jobs::keychain::{MemoryKeychain, SecretStore};
use coffer_jobs::{AppLock, Clock, Coffer, Environment, Folders};
use coffer_onedrive_sim::{Options, Simulator};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

/// A clock that only tests move.
pub(crate) struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    pub(crate) fn at(time: &str) -> Self {
        Self(Mutex::new(time.parse().expect("a time")))
    }

    pub(crate) fn set(&self, time: &str) {
        *self.0.lock().expect("no panic") = time.parse().expect("a time");
    }

    pub(crate) fn pass_minutes(&self, minutes: i64) {
        let mut now = self.0.lock().expect("no panic");
        *now += minutes.minutes();
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic")
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// A computer with Coffer, a folder to back up, and a simulated OneDrive.
pub(crate) struct Computer {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) simulator: Simulator,
    pub(crate) folder: TempDir,
    pub(crate) keychain: Arc<dyn SecretStore>,
}

impl Computer {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        coffer_testkit::write_files(
            &folder.path().join("source"),
            &[("a.txt", b"first".as_slice()), ("b/c.txt", b"second")],
        );
        Self {
            clock: Arc::new(FakeClock::at("2026-03-02T10:00:00Z")),
            simulator: Simulator::start(Options {
                device_interval: Some(1),
                ..Options::default()
            })
            .await
            .expect("the simulator starts"),
            folder,
            keychain: Arc::new(MemoryKeychain::default()),
        }
    }

    /// Starts the app with the data of earlier starts.
    pub(crate) fn start(&self) -> Coffer {
        let alone = AppLock::take(&self.folders()).expect("no other app runs");
        let (keychain, clock) = (Arc::clone(&self.keychain), self.clock.clone());
        let environment = self.environment();
        let opened = Coffer::open_alone(&alone, self.folders(), environment, keychain, clock);
        let coffer = opened.expect("Coffer starts");
        coffer.resume(&alone).expect("the database is good");
        coffer
    }

    /// Opens Coffer as the command line does, beside an app that may run.
    pub(crate) fn open(&self) -> Coffer {
        self.open_with(Arc::clone(&self.keychain))
    }

    /// The same with another keychain.
    pub(crate) fn open_with(&self, keychain: Arc<dyn SecretStore>) -> Coffer {
        let clock = self.clock.clone();
        Coffer::open(self.folders(), self.environment(), keychain, clock).expect("Coffer starts")
    }

    /// The same with other folders for Coffer's own files.
    #[cfg(unix)]
    pub(crate) fn open_in(&self, folders: Folders) -> Coffer {
        let (keychain, clock) = (Arc::clone(&self.keychain), self.clock.clone());
        Coffer::open(folders, self.environment(), keychain, clock).expect("Coffer starts")
    }

    pub(crate) fn environment(&self) -> Environment {
        let mut environment =
            Environment::demo(self.simulator.api_url(), &self.simulator.oauth_url());
        // Retries would only slow down tests of permanent failures.
        environment.retries.retries = 0;
        environment
    }

    pub(crate) fn folders(&self) -> Folders {
        Folders::new(self.path("data"), self.path("cache"))
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A job that backs `source` up into a folder of this computer.
    pub(crate) fn folder_job(&self, name: &str) -> SaveJob {
        let path = self.path("backups").join(name).display().to_string();
        self.job(name, DestinationSettings::Folder { path })
    }

    /// A job that backs `source` up to OneDrive.
    pub(crate) fn drive_job(&self, name: &str, account_id: &str) -> SaveJob {
        let destination = DestinationSettings::OneDrive {
            account_id: account_id.to_owned(),
            drive_id: String::new(),
            folder: format!("Backups/{name}"),
        };
        self.job(name, destination)
    }

    /// Signs in as Alex.
    pub(crate) async fn sign_in(&self, coffer: &Coffer) -> Account {
        let auth_id = self.simulator.seed_auth_id("alex");
        let added = coffer.add_pasted_auth_id(&auth_id, None).await;
        added.expect("the AuthID is good")
    }

    /// Signs in as Alex and creates a job that backs up to OneDrive; returns its id.
    pub(crate) async fn create_drive_job(&self, coffer: &Coffer) -> String {
        let account = self.sign_in(coffer).await;
        let job = self.drive_job("laptop", &account.id);
        coffer.create_job(job).await.expect("the job is good").id
    }

    /// Signs in as a user, directly at Microsoft, with a code.
    pub(crate) async fn sign_in_directly(
        &self,
        coffer: &Coffer,
        who: &'static str,
        again: Option<&str>,
    ) -> coffer_jobs::Result<Account> {
        let cancel = CancellationToken::new();
        self.sign_in_unless(coffer, who, again, &cancel).await
    }

    /// The same, unless the user cancels.
    pub(crate) async fn sign_in_unless(
        &self,
        coffer: &Coffer,
        who: &'static str,
        again: Option<&str>,
        cancel: &CancellationToken,
    ) -> coffer_jobs::Result<Account> {
        let request = SignInRequest {
            way: SignInWay::Code,
            again: again.map(str::to_owned),
        };
        let settings = SignInSettings {
            client_id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
            ..SignInSettings::default()
        };
        let type_code = |pending: &PendingSignIn| {
            let form = [
                ("user_code", pending.user_code.clone().expect("a code")),
                ("account", who.to_owned()),
            ];
            let typed = reqwest::Client::new().post(&pending.url).form(&form);
            tokio::spawn(typed.send());
        };
        coffer.sign_in(&request, &settings, type_code, cancel).await
    }

    /// Revokes Alex's sign-in at Microsoft.
    pub(crate) fn end_sign_in(&self) {
        self.simulator.revoke("alex");
        self.simulator.kill_access("alex");
    }

    fn job(&self, name: &str, destination: DestinationSettings) -> SaveJob {
        SaveJob {
            definition: JobDefinition {
                name: name.to_owned(),
                encrypted: true,
                destination,
                sources: vec![self.path("source").display().to_string()],
                filters: Vec::new(),
                schedule: None,
                options: JobOptions {
                    volume_bytes: 1 << 20,
                    block_bytes: 1 << 10,
                    prefix: "duplicati".to_owned(),
                    retention: Retention::All,
                    always_read: JobOptions::usual_always_read(),
                },
            },
            passphrase: Some("an old key, a new door".to_owned()),
        }
    }
}

/// A test that waits longer than this fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a run has ended and the job's card shows it.
pub(crate) async fn end_of(run_id: &str, events: &mut Receiver<Event>) -> (JobCard, RunSummary) {
    let waiting = tokio::time::timeout(PATIENCE, wait_for_end(run_id, events));
    waiting.await.expect("the run ends and is reported")
}

async fn wait_for_end(run_id: &str, events: &mut Receiver<Event>) -> (JobCard, RunSummary) {
    loop {
        let event = events
            .recv()
            .await
            .expect("Coffer lives and no event is lost");
        let Change::Job { card } = event.change else {
            continue;
        };
        let run = card.last_run.clone();
        if let Some(run) = run.filter(|run| run.id == run_id && run.result != RunResult::Running)
            && !matches!(card.state, coffer_ipc::job::JobState::Running { .. })
        {
            return (*card, run);
        }
    }
}

/// Runs a backup to its end.
pub(crate) async fn back_up(coffer: &Coffer, job_id: &str) -> (JobCard, RunSummary) {
    let mut events = coffer.subscribe();
    let run = coffer.start_backup(job_id).expect("the backup starts");
    end_of(&run, &mut events).await
}
