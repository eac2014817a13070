//! A computer with the app, its jobs, and what is known of them without asking the app.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coffer_ipc::command::SaveJob;
use coffer_ipc::job::{
    DestinationSettings, JobCard, JobDefinition, JobOptions, Retention, Schedule, ScheduleUnit,
};
use coffer_ipc::run::RunSummary;
use coffer_jobs::keychain::SecretStore;
use coffer_jobs::{AppLock, Clock as _, Coffer, Environment, Folders};
use coffer_onedrive_sim::{Options, Simulator};
use jiff::Timestamp;
use tempfile::TempDir;

use super::database;
use super::event::{Disk, Edit};
use super::generate::{Every, Plan};
use super::surroundings::{Cause, OWNER, Surroundings};
use crate::model::Violation;
use crate::random::noise;
use crate::world::{new_folder, shelf};

/// What opens the encrypted backups.
pub(crate) const PASSPHRASE: &str = "an old key, a new door";
/// Bytes of a block, and of a volume: as few as a job takes.
const BLOCK_BYTES: u64 = 1 << 10;
const VOLUME_BYTES: u64 = 1 << 20;

/// Files by their names, which no two sources share.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

pub(crate) type Step<T = String> = Result<T, Violation>;

/// A job, as the simulation knows it.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) id: String,
    pub(crate) view: View,
    /// What was reported as backed up, the newest last.
    pub(crate) reported: Vec<Tree>,
}

/// What the app may know of a job; it goes back with the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The newest backup that was not stopped.
    pub(crate) last: Option<RunSummary>,
    /// When the newest good one was started.
    pub(crate) last_good: Option<Timestamp>,
    /// Looks at the clock by which that lay ahead: the app takes one of these times for it instead.
    pub(crate) set_back: Vec<Timestamp>,
}

/// The app from its start to its end.
pub(crate) struct Life {
    pub(crate) coffer: Coffer,
    pub(crate) data: PathBuf,
    _lock: AppLock,
}

/// A copy of the database.
struct Saved {
    path: PathBuf,
    views: Vec<View>,
}

pub(crate) struct Computer {
    pub(crate) surroundings: Arc<Surroundings>,
    pub(crate) jobs: Vec<Job>,
    life: Option<Life>,
    lives: u32,
    saved: Option<Saved>,
    /// Whether the database is damaged, and the app did not meet that yet.
    pub(crate) is_damaged: bool,
    /// What was done last to the app.
    pub(crate) last: String,
    root: TempDir,
}

impl Computer {
    /// Sets up the app and its jobs; all goes well until then.
    pub(crate) async fn new(plans: &[Plan]) -> Step<Self> {
        let root = new_folder(&shelf());
        let simulator = if plans.iter().any(|plan| plan.is_online) {
            let started = Simulator::start(Options::default()).await;
            Some(started.expect("the simulator starts"))
        } else {
            None
        };
        let surroundings = Surroundings::new(root.path(), simulator);
        let mut computer = Self {
            surroundings,
            jobs: Vec::new(),
            life: None,
            lives: 0,
            saved: None,
            is_damaged: false,
            last: "nothing".to_owned(),
            root,
        };
        for (number, plan) in plans.iter().enumerate() {
            computer.write(number, Disk::Home, 0, number as u64);
            computer.write(number, Disk::Camera, 0, number as u64 + 100);
            computer.jobs.push(Job {
                plan: *plan,
                id: String::new(),
                view: View::default(),
                reported: Vec::new(),
            });
        }
        computer.set_up().await?;
        Ok(computer)
    }

    /// The app that runs.
    pub(crate) fn life(&self) -> &Life {
        self.life
            .as_ref()
            .expect("the app is started after each end")
    }

    pub(crate) fn coffer(&self) -> &Coffer {
        &self.life().coffer
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.life().data.join("coffer.sqlite")
    }

    /// Where the database is copied to when the app dies.
    pub(crate) fn last_copy(&self) -> PathBuf {
        self.root.path().join("last.sqlite")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn violation(&self, class: &str, detail: impl Into<String>) -> Violation {
        Violation {
            class: format!("{class} / {}", self.last),
            detail: detail.into(),
        }
    }

    /// Somebody sets all jobs up, on a computer where Coffer knows of none.
    async fn set_up(&mut self) -> Step<()> {
        self.begin_life(None)?;
        let account = match &self.surroundings.simulator {
            None => None,
            Some(simulator) => {
                let auth_id = simulator.seed_auth_id(OWNER);
                let added = self.coffer().add_pasted_auth_id(&auth_id, None).await;
                let added =
                    added.map_err(|error| self.violation("a sign-in fails", error.message))?;
                self.surroundings.signed_in();
                Some(added.id)
            }
        };
        for number in 0..self.jobs.len() {
            let request = self.request(number, account.as_deref());
            let created = self.coffer().create_job(request).await;
            let created =
                created.map_err(|error| self.violation("a job cannot be made", error.message))?;
            self.jobs[number].id = created.id;
            self.jobs[number].view = View::default();
        }
        let ids = self.jobs.iter().map(|job| job.id.clone()).collect();
        let stick_jobs = self.jobs.iter().filter(|job| !job.plan.is_online).count();
        self.surroundings.knows(ids, stick_jobs, account);
        Ok(())
    }

    fn request(&self, number: usize, account: Option<&str>) -> SaveJob {
        let plan = self.jobs[number].plan;
        let destination = match account {
            Some(account) if plan.is_online => DestinationSettings::OneDrive {
                account_id: account.to_owned(),
                drive_id: String::new(),
                folder: format!("Backups/{number}"),
            },
            _ => DestinationSettings::Folder {
                path: text(self.surroundings.disk(Disk::Stick).join(number.to_string())),
            },
        };
        let (every, unit) = match plan.every {
            Every::SixHours => (6, ScheduleUnit::Hours),
            Every::Day => (1, ScheduleUnit::Days),
            Every::Week => (1, ScheduleUnit::Weeks),
        };
        SaveJob {
            definition: JobDefinition {
                name: format!("job {number}"),
                encrypted: plan.is_encrypted,
                destination,
                sources: self.sources(number, plan.has_camera),
                filters: Vec::new(),
                schedule: Some(Schedule {
                    first_run: "2026-03-02T13:00".to_owned(),
                    every,
                    unit,
                    days: Vec::new(),
                }),
                options: JobOptions {
                    volume_bytes: VOLUME_BYTES,
                    block_bytes: BLOCK_BYTES,
                    prefix: "duplicati".to_owned(),
                    retention: Retention::All,
                    always_read: JobOptions::usual_always_read(),
                },
            },
            passphrase: plan.is_encrypted.then(|| PASSPHRASE.to_owned()),
        }
    }

    fn sources(&self, number: usize, has_camera: bool) -> Vec<String> {
        let disks: &[Disk] = if has_camera {
            &[Disk::Home, Disk::Camera]
        } else {
            &[Disk::Home]
        };
        let folders = disks
            .iter()
            .map(|disk| text(self.surroundings.disk(*disk).join(number.to_string())));
        folders.collect()
    }

    pub(crate) fn write(&self, job: usize, disk: Disk, file: u8, content: u64) {
        let folder = self.surroundings.place_of(disk).join(job.to_string());
        fs::create_dir_all(&folder).expect("the temp folder can be written");
        let name = format!("{disk:?}-{file}.bin");
        let len = 200 + (content % 9_000) as usize;
        fs::write(folder.join(name), noise(len, content)).expect("the temp folder can be written");
    }

    /// What the sources of a job hold, wherever they are.
    pub(crate) fn content(&self, job: usize, has_camera: bool) -> Tree {
        let mut tree = Tree::new();
        read(
            &self.surroundings.place_of(Disk::Home).join(job.to_string()),
            &mut tree,
        );
        if has_camera {
            let camera = self.surroundings.place_of(Disk::Camera);
            read(&camera.join(job.to_string()), &mut tree);
        }
        tree
    }

    /// Starts the app; `database` takes the place of what it had.
    fn begin_life(&mut self, database: Option<&Path>) -> Step<()> {
        self.lives += 1;
        let data = self.root.path().join(format!("data{}", self.lives));
        if let Some(database) = database {
            let before = self.root.path().join(format!("data{}", self.lives - 1));
            database::move_on(database, &before, &data);
        }
        let folders = Folders::new(&data, self.cache());
        let environment = self.environment();
        let secrets = Arc::clone(&self.surroundings.keychain) as Arc<dyn SecretStore>;
        let clock = self.surroundings.clone();
        let opened = AppLock::take(&folders).and_then(|lock| {
            let coffer = Coffer::open_alone(&lock, folders, environment, secrets, clock)?;
            coffer.resume(&lock)?;
            coffer.app_state()?;
            Ok((coffer, lock))
        });
        let (coffer, lock) = opened.map_err(|error| {
            self.violation(
                "the app does not start",
                format!("{} {}", error.message, error.hint),
            )
        })?;
        self.life = Some(Life {
            coffer,
            data,
            _lock: lock,
        });
        Ok(())
    }

    pub(crate) fn environment(&self) -> Environment {
        let nowhere = "http://localhost:1".to_owned();
        let (graph, oauth) = match &self.surroundings.simulator {
            Some(simulator) => (simulator.api_url().to_owned(), simulator.oauth_url()),
            None => (nowhere.clone(), nowhere),
        };
        let mut environment = Environment::demo(&graph, &oauth);
        // What fails is tried again by the schedule, whose clock is moved.
        environment.retries.retries = 0;
        environment
    }

    /// Ends the app, if it runs, and starts it with a database.
    pub(crate) async fn restart_with(&mut self, database: &Path) -> Step<()> {
        self.end_life().await;
        self.begin_life(Some(database))?;
        // Whatever was damaged is repaired at the start.
        self.is_damaged = false;
        Ok(())
    }

    pub(crate) async fn end_life(&mut self) {
        if let Some(life) = self.life.take() {
            life.coffer.shut_down(Duration::from_secs(30)).await;
        }
    }

    /// The app is quit and started.
    pub(crate) async fn restart(&mut self) -> Step<()> {
        let database = self.database();
        self.restart_with(&database).await
    }

    pub(crate) fn save_database(&mut self) {
        // A copy of damage would be repaired by what is kept of later.
        if self.is_damaged {
            return;
        }
        let path = self.root.path().join("saved.sqlite");
        database::copy(&self.database(), &path);
        let views = self.jobs.iter().map(|job| job.view.clone());
        self.saved = Some(Saved {
            path,
            views: views.collect(),
        });
    }

    pub(crate) async fn roll_back(&mut self) -> Step<bool> {
        let Some(saved) = &self.saved else {
            return Ok(false);
        };
        let path = saved.path.clone();
        for (job, view) in self.jobs.iter_mut().zip(&saved.views) {
            job.view = view.clone();
        }
        self.restart_with(&path).await?;
        Ok(true)
    }

    /// Overwrites a page: an odd one while the app runs, which meets it sooner or later.
    pub(crate) async fn damage(&mut self, page: u32) -> Step<()> {
        let database = self.database();
        let is_running = page % 2 == 1;
        if !is_running {
            self.end_life().await;
        }
        database::damage(&database, page);
        self.is_damaged = !database::is_whole(&database);
        if is_running {
            return Ok(());
        }
        let must_report = self.is_damaged;
        self.restart_with(&database).await?;
        self.judge_repair(must_report)
    }

    /// Sees whether the app met the damage.
    pub(crate) fn look_at_damage(&mut self) -> Step<()> {
        let is_met = self.is_damaged && database::is_whole(&self.database());
        self.is_damaged &= !is_met;
        self.judge_repair(is_met)
    }

    /// What was repaired is reported, unless the clock is wrong, by which it may be long ago.
    fn judge_repair(&self, must_report: bool) -> Step<()> {
        let is_clock_right = self.now() == self.surroundings.time();
        let state = self.coffer().app_state();
        let is_reported = state.is_ok_and(|state| state.database_problem.is_some());
        if must_report && is_clock_right && !is_reported {
            return Err(self.violation("damage is not reported", "the database was repaired"));
        }
        Ok(())
    }

    /// Asks the app, and once more when that met the damage.
    pub(crate) fn ask<T>(
        &self,
        question: impl Fn(&Coffer) -> coffer_jobs::Result<T>,
    ) -> coffer_jobs::Result<T> {
        match question(self.coffer()) {
            Err(_) if self.is_damaged => question(self.coffer()),
            other => other,
        }
    }

    pub(crate) async fn lose_cache(&mut self) -> Step<()> {
        let database = self.database();
        self.end_life().await;
        let _ = fs::remove_dir_all(self.cache());
        self.restart_with(&database).await
    }

    /// Signs in again, if the world lets it; says whether it did.
    pub(crate) async fn sign_in(&self) -> Result<bool, coffer_ipc::CommandError> {
        let (Some(simulator), Some(account)) =
            (&self.surroundings.simulator, self.surroundings.account())
        else {
            return Ok(false);
        };
        let auth_id = simulator.seed_auth_id(OWNER);
        let again = Some(account.as_str());
        self.coffer().add_pasted_auth_id(&auth_id, again).await?;
        self.surroundings.signed_in();
        Ok(true)
    }

    pub(crate) async fn edit(
        &self,
        job: usize,
        edit: Edit,
    ) -> Result<(), coffer_ipc::CommandError> {
        let id = &self.jobs[job].id;
        let Some(card) = self
            .coffer()
            .job_cards()?
            .into_iter()
            .find(|card| card.id == *id)
        else {
            return Ok(());
        };
        let mut definition = card.definition;
        match edit {
            Edit::Rename => definition.name.push('\''),
            Edit::Hour(hour) => {
                if let Some(schedule) = &mut definition.schedule {
                    schedule.first_run = format!("2026-03-02T{hour:02}:00");
                }
            }
            Edit::Camera(has_camera) => definition.sources = self.sources(job, has_camera),
        }
        let request = SaveJob {
            definition,
            passphrase: None,
        };
        self.coffer().update_job(id, request).await.map(drop)
    }

    /// Deletes a job and sets it up again on what it backed up, with the passphrase that stayed in the keychain; says
    /// whether that can be done now.
    pub(crate) async fn replace(&mut self, job: usize) -> Step<bool> {
        let causes = self.surroundings.causes();
        let is_of_another = |cause: &Cause| match cause {
            Cause::Passphrase(of) => *of != job || !self.jobs[job].plan.is_encrypted,
            Cause::Camera | Cause::Clock => true,
            _ => false,
        };
        if self.is_damaged || !causes.iter().all(is_of_another) {
            return Ok(false);
        }
        let definition = self.card(job)?.definition;
        let id = self.jobs[job].id.clone();
        let deleted = self.coffer().delete_job(&id, false).await;
        deleted.map_err(|error| self.violation("a job cannot be deleted", error.message))?;
        if self.cards()?.iter().any(|card| card.id == id) {
            return Err(self.violation("a job is there that was deleted", id));
        }
        let request = SaveJob {
            definition,
            passphrase: None,
        };
        let created = self.coffer().create_job(request).await;
        let created =
            created.map_err(|error| self.violation("a job cannot be made again", error.message))?;
        self.jobs[job].id = created.id;
        self.jobs[job].view = View::default();
        // The copy has the job that is gone.
        self.saved = None;
        let ids = self.jobs.iter().map(|job| job.id.clone()).collect();
        let stick_jobs = self.jobs.iter().filter(|job| !job.plan.is_online).count();
        let account = self.surroundings.account();
        self.surroundings.knows(ids, stick_jobs, account);
        Ok(true)
    }

    /// The card of a job.
    pub(crate) fn card(&self, job: usize) -> Step<JobCard> {
        let cards = self.cards()?;
        let id = &self.jobs[job].id;
        let found = cards.into_iter().find(|card| card.id == *id);
        found.ok_or_else(|| self.violation("a job is gone", format!("job {job} has no card")))
    }

    pub(crate) fn cards(&self) -> Step<Vec<JobCard>> {
        self.ask(Coffer::job_cards)
            .map_err(|error| self.violation("the cards cannot be read", error.message))
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.surroundings.now()
    }
}

/// Reads files below a folder into a tree.
pub(crate) fn read(folder: &Path, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, tree);
        } else if let Ok(content) = fs::read(&path) {
            tree.insert(entry.file_name().to_string_lossy().into_owned(), content);
        }
    }
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}
