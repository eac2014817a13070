//! Runs of the real app, from their start to their end or to its death.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use coffer_engine::crash;
use coffer_ipc::ErrorCode;
use coffer_ipc::event::{Change as AppChange, Event as AppEvent};
use coffer_ipc::job::JobState;
use coffer_ipc::restore::{BackupRef, ExistingFiles, RestoreRequest};
use coffer_ipc::run::{Operation, RunResult, RunSummary};
use coffer_jobs::Coffer;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::computer::{Computer, Step, Tree, read};
use super::database;
use super::event::{Trouble, What};
use super::hook::RunHook;
use super::surroundings::Cause;

/// No run of this size takes longer unless it waits for itself, however busy the computer is.
const PATIENCE: Duration = Duration::from_secs(120);
/// Starts within one wait; a computer that is off for the rest of it does not matter.
const MOST_STARTS: u32 = 14;
/// Starts at one moment, after which something is started again and again.
const MOST_AT_ONCE: u32 = 12;

/// What starts runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// The schedule.
    Due,
    /// The owner.
    ByHand(usize),
    /// The owner, who wants files back.
    Restore(usize),
    /// The owner, who signs in again.
    SignIn,
}

/// A run that was started.
struct Started {
    job: usize,
    run: String,
    /// What its sources hold, if all are there.
    content: Tree,
    has_camera: bool,
}

/// A run at work with what happens in it.
struct Watched {
    hook: Arc<RunHook>,
    _installed: crash::Installed,
}

impl Computer {
    /// Lets time pass up to `end`, and the app start what is due.
    pub(crate) async fn wait_until(&mut self, end: Timestamp, troubles: &[Trouble]) -> Step {
        let mut troubles = troubles;
        let mut words = Vec::new();
        for _ in 0..MOST_STARTS {
            self.run_due(&mut troubles, &mut words).await?;
            let now = self.now();
            let mut next = None;
            for card in self.cards()? {
                let time = card.next_run.and_then(|time| time.parse().ok());
                if card.state == JobState::Idle
                    && let Some(time) = time.filter(|time: &Timestamp| *time > now)
                {
                    next = Some(next.map_or(time, |next: Timestamp| next.min(time)));
                }
            }
            match next.map(|next| self.surroundings.true_time(next)) {
                Some(next) if next <= end => self.surroundings.pass_to(next),
                _ => break,
            }
        }
        self.surroundings.pass_to(end);
        self.run_due(&mut troubles, &mut words).await?;
        Ok(words.join(", "))
    }

    /// Starts what is due until nothing is due any more; the first start meets `troubles`.
    pub(crate) async fn run_due(
        &mut self,
        troubles: &mut &[Trouble],
        words: &mut Vec<String>,
    ) -> Step<()> {
        for _ in 0..MOST_AT_ONCE {
            let did = self.run(Start::Due, troubles).await?;
            let Some(did) = did else {
                return Ok(());
            };
            *troubles = &[];
            words.push(did);
        }
        let cards = self.cards()?;
        let next: Vec<_> = cards.into_iter().map(|card| card.next_run).collect();
        Err(self.violation(
            "something is started again and again",
            format!("at {} with next runs {next:?}", self.now()),
        ))
    }

    /// Starts what `start` says, and waits for its end; `None` when nothing was started.
    pub(crate) async fn run(&mut self, start: Start, troubles: &[Trouble]) -> Step<Option<String>> {
        // What an app that dies leaves of a damaged database is another story: its next start is one of its own.
        let dies = troubles.iter().any(|trouble| trouble.what == What::Kill);
        let troubles = if self.is_damaged && dies {
            &[]
        } else {
            troubles
        };
        let before = self.cards()?;
        let mut events = self.coffer().subscribe();
        self.surroundings.run_begins();
        if self.is_damaged {
            self.surroundings.meets(Cause::Damaged);
        }
        let watched = self.watch(start, troubles);
        let known = before.iter().filter_map(|card| card.last_run.as_ref());
        let known = known.map(|run| run.id.clone()).collect();
        let attempt = self.begin_and_wait(start, &known, &mut events).await;
        let hook = self.leave(watched);
        let attempt = attempt?;
        let causes = self.surroundings.run_ends();
        let (started, mut words) = match attempt {
            Some(attempt) => attempt,
            None if troubles.is_empty() => return Ok(None),
            None => (Vec::new(), Vec::new()),
        };
        if hook.is_dead() || hook.died_writing() {
            self.die(&hook, &started).await?;
            words.push("the app died".to_owned());
            return Ok(Some(words.join(", ")));
        }
        let late = self.begin_late(&hook, &started, &known).await?;
        for run in &started {
            words.push(self.judge_end(run, &hook, &causes)?);
        }
        self.have_ended(&late, &mut events).await?;
        for run in &late {
            words.push(self.judge_end(run, &hook, &causes)?);
        }
        if matches!(start, Start::Restore(_)) {
            self.judge_restore(&before)?;
        }
        if hook.was_quit() {
            self.restart().await?;
            words.push("the app was quit".to_owned());
        }
        let did_nothing = words.is_empty() && started.is_empty();
        Ok((!did_nothing).then(|| words.join(", ")))
    }

    /// Starts runs, waits for their ends, and says which they are.
    async fn begin_and_wait(
        &mut self,
        start: Start,
        known: &BTreeSet<String>,
        events: &mut Receiver<AppEvent>,
    ) -> Step<Option<(Vec<Started>, Vec<String>)>> {
        let attempt = self.begin(start, known).await?;
        if let Some((started, _)) = &attempt {
            self.have_ended(started, events).await?;
        }
        Ok(attempt)
    }

    /// Where the database refused to be written, lets the next look at the clock note what could not be noted, and says
    /// what that started.
    async fn begin_late(
        &mut self,
        hook: &RunHook,
        started: &[Started],
        known: &BTreeSet<String>,
    ) -> Step<Vec<Started>> {
        if !hook.has_refused() && !self.is_damaged {
            return Ok(Vec::new());
        }
        database::accept(&self.database());
        let attempt = self.begin(Start::Due, known).await?;
        let late = attempt.map_or_else(Vec::new, |(started, _)| started);
        self.note_refused_starts(started, &late);
        Ok(late)
    }

    /// Waits until runs have ended.
    async fn have_ended(&self, runs: &[Started], events: &mut Receiver<AppEvent>) -> Step<()> {
        let ids = runs.iter().map(|run| run.run.as_str()).collect();
        let ended = tokio::time::timeout(PATIENCE, ends_of(ids, events)).await;
        ended.map(drop).map_err(|_| {
            let jobs = runs.iter().map(|run| run.job).collect::<Vec<_>>();
            self.violation("a run does not end", format!("jobs {jobs:?}"))
        })
    }

    fn watch(&self, start: Start, troubles: &[Trouble]) -> Watched {
        let hook = RunHook::new(
            Arc::clone(&self.surroundings),
            self.coffer().clone(),
            &self.database(),
            self.last_copy(),
            troubles,
        );
        hook.arm();
        // A death in the window's own use of the keychain is one between two runs.
        if matches!(start, Start::Due | Start::ByHand(_)) {
            let hook = Arc::clone(&hook);
            let witness = Arc::new(move || hook.secret());
            self.surroundings.keychain.report_to(Some(witness));
        }
        let _installed = crash::install(self.cache(), Arc::clone(&hook) as Arc<dyn crash::Hook>);
        Watched { hook, _installed }
    }

    /// Lets nothing more go wrong, and returns what did.
    fn leave(&self, watched: Watched) -> Arc<RunHook> {
        let hook = watched.hook;
        self.surroundings.keychain.report_to(None);
        if hook.has_refused() && !hook.died_writing() {
            database::accept(&self.database());
        }
        hook
    }

    /// Starts runs and says which.
    async fn begin(
        &mut self,
        start: Start,
        known: &BTreeSet<String>,
    ) -> Step<Option<(Vec<Started>, Vec<String>)>> {
        let mut words = Vec::new();
        let started = match start {
            Start::Due => {
                self.look_at_clock();
                let ids = self.ask(Coffer::start_due_jobs);
                let ids = match ids {
                    Ok(ids) => ids,
                    Err(error) => {
                        let class = "nothing can be started";
                        return Err(self.violation(class, error.message));
                    }
                };
                let jobs = ids
                    .iter()
                    .map(|id| self.jobs.iter().position(|job| job.id == *id));
                let mut started = Vec::new();
                for job in jobs.collect::<Vec<_>>().into_iter().flatten() {
                    started.extend(self.newest_run(job)?);
                }
                started
            }
            Start::ByHand(job) => {
                let id = self.jobs[job].id.clone();
                match self.coffer().start_backup(&id) {
                    Ok(run) => vec![self.started(job, run)?],
                    Err(error) => {
                        words.push(format!("not started: {:?}", error.code));
                        Vec::new()
                    }
                }
            }
            Start::SignIn => {
                words.push(match self.sign_in().await {
                    Ok(_) => "signed in".to_owned(),
                    Err(error) => format!("not signed in: {:?}", error.code),
                });
                let mut started = Vec::new();
                for job in 0..self.jobs.len() {
                    let newest = self.newest_run(job)?;
                    started.extend(newest.filter(|run| !known.contains(&run.run)));
                }
                started
            }
            Start::Restore(job) => match self.start_restore(job, 0).await {
                Ok(run) => vec![self.started(job, run)?],
                Err(error) => {
                    words.push(format!("not opened: {:?}", error.code));
                    Vec::new()
                }
            },
        };
        let is_nothing = started.is_empty() && words.is_empty();
        Ok((!is_nothing).then_some((started, words)))
    }

    /// The app is about to see that backups of the future were made while the clock was wrong.
    fn look_at_clock(&mut self) {
        let now = self.now();
        for job in &mut self.jobs {
            if job.view.last_good > Some(now) {
                job.view.set_back.push(now);
            }
        }
    }

    fn newest_run(&self, job: usize) -> Step<Option<Started>> {
        let id = &self.jobs[job].id;
        let runs = self.ask(|coffer| coffer.run_history(id, 0, 1));
        let runs = runs.unwrap_or_default();
        let Some(run) = runs.into_iter().next() else {
            return Ok(None);
        };
        self.started(job, run.id).map(Some)
    }

    fn started(&self, job: usize, run: String) -> Step<Started> {
        let card = self.card(job)?;
        let has_camera = card.definition.sources.len() > 1;
        Ok(Started {
            job,
            run,
            content: self.content(job, has_camera),
            has_camera,
        })
    }

    async fn start_restore(&mut self, job: usize, version: u32) -> coffer_jobs::Result<String> {
        let job_id = self.jobs[job].id.clone();
        let opened = self.coffer().open_backup(BackupRef::Job { job_id }).await?;
        let target = self.path("restored");
        let _ = std::fs::remove_dir_all(&target);
        self.coffer().start_restore(RestoreRequest {
            handle: opened.handle,
            version,
            paths: Vec::new(),
            target: Some(target.display().to_string()),
            existing: ExistingFiles::KeepBoth,
        })
    }

    /// The app died; what it had in its database at that moment is what it starts with.
    async fn die(&mut self, hook: &RunHook, started: &[Started]) -> Step<()> {
        self.last = "kill".to_owned();
        let copy = self.last_copy();
        if !hook.is_dead() {
            database::copy(&self.database(), &copy);
        }
        for job in 0..self.jobs.len() {
            let Some(mut noted) = database::newest_run(&copy, &self.jobs[job].id) else {
                continue;
            };
            if noted.operation != Operation::Backup {
                continue;
            }
            if noted.result == RunResult::Running {
                noted.result = RunResult::Interrupted;
            }
            let known = self.jobs[job].view.last.as_ref();
            if known.is_some_and(|known| known.id == noted.id) {
                continue;
            }
            match started.iter().find(|run| run.run == noted.id) {
                Some(run) => self.note(run, &noted),
                None if noted.result == RunResult::Interrupted => {
                    self.jobs[job].view.last = Some(noted);
                }
                None => {}
            }
        }
        self.restart_with(&copy).await
    }

    /// A start that the database refused is a backup that failed, and is noted late.
    fn note_refused_starts(&mut self, started: &[Started], late: &[Started]) {
        let database = self.database();
        for job in &mut self.jobs {
            let runs = database::newest_runs(&database, &job.id, 2).into_iter();
            let is_watched =
                |run: &RunSummary| started.iter().chain(late).any(|known| known.run == run.id);
            let mut others = runs.filter(|run| !is_watched(run));
            let known = job.view.last.as_ref().map(|run| &run.id);
            if let Some(run) = others.next().filter(|run| Some(&run.id) != known)
                && run.operation == Operation::Backup
                && run
                    .error
                    .as_ref()
                    .is_some_and(|error| error.code == ErrorCode::Failed)
            {
                job.view.last = Some(run);
            }
        }
    }

    /// What a backup's end means.
    fn note(&mut self, run: &Started, summary: &RunSummary) {
        if summary.result == RunResult::Stopped {
            return;
        }
        let is_camera_away = run.has_camera
            && self.surroundings.place_of(super::event::Disk::Camera)
                != self.surroundings.disk(super::event::Disk::Camera);
        let job = &mut self.jobs[run.job];
        if is_good(summary.result) {
            job.view.last_good = summary.started.parse().ok();
            job.view.set_back.clear();
            if summary.result != RunResult::Warning && !is_camera_away {
                job.reported.push(run.content.clone());
            }
        }
        job.view.last = Some(summary.clone());
    }

    /// Checks how a run says that it ended against what it met.
    fn judge_end(&mut self, run: &Started, hook: &RunHook, causes: &BTreeSet<Cause>) -> Step {
        let id = &self.jobs[run.job].id;
        let noted = match self.is_damaged {
            false => database::run(&self.database(), &run.run),
            true => {
                let runs = self.ask(|coffer| coffer.run_history(id, 0, 5));
                let mut runs = runs.unwrap_or_default().into_iter();
                runs.find(|noted| noted.id == run.run)
            }
        };
        let noted = noted.filter(|noted| noted.result != RunResult::Running);
        let Some(summary) = noted else {
            let class = "the end of a run is not noted";
            return Err(self.violation(class, format!("job {}", run.job)));
        };
        let words = format!(
            "job {}: {:?}{}",
            run.job,
            summary.result,
            summary
                .error
                .as_ref()
                .map_or(String::new(), |error| format!(" ({:?})", error.code))
        );
        if summary.operation != Operation::Backup {
            return Ok(words);
        }
        let is_online = self.jobs[run.job].plan.is_online;
        let is_explained = match summary.result {
            RunResult::Success | RunResult::Unchanged => true,
            RunResult::Warning => {
                causes.contains(&Cause::Clock) || run.has_camera && causes.contains(&Cause::Camera)
            }
            RunResult::Stopped => hook.was_stopped(),
            RunResult::Interrupted => hook.was_quit(),
            RunResult::Error => summary.error.as_ref().is_some_and(|error| {
                let explains = |cause: &Cause| cause.explains(error.code, run.job, is_online);
                causes.iter().any(explains)
            }),
            RunResult::Running => false,
        };
        if !is_explained {
            let lines = self.coffer().run_report(&summary.id, 0, 20);
            let lines = lines.map(|report| report.lines).unwrap_or_default();
            return Err(self.violation(
                "a run says something else than what was the case",
                format!("{words} met {causes:?}: {:?} {lines:?}", summary.error),
            ));
        }
        self.note(run, &summary);
        Ok(words)
    }

    /// A restore leaves the health of all jobs as it was.
    fn judge_restore(&self, before: &[coffer_ipc::job::JobCard]) -> Step<()> {
        for (before, after) in before.iter().zip(self.cards()?) {
            if before.health != after.health {
                return Err(self.violation(
                    "a restore changes how a job stands",
                    format!("{:?} before, {:?} now", before.health, after.health),
                ));
            }
        }
        Ok(())
    }

    /// Restores a version of a job, 0 being the newest, and says what it holds.
    pub(crate) async fn restored(&mut self, job: usize, version: u32) -> Step<Tree> {
        let mut events = self.coffer().subscribe();
        let started = self.start_restore(job, version).await;
        let run =
            started.map_err(|error| self.violation("a backup cannot be opened", error.message))?;
        let waiting = tokio::time::timeout(PATIENCE, ends_of(vec![&run], &mut events));
        let summary = waiting.await.ok().and_then(|mut ends| ends.remove(&run));
        let result = summary.as_ref().map(|summary| summary.result);
        if result != Some(RunResult::Success) {
            let class = "a backup does not restore";
            return Err(self.violation(class, format!("job {job}: {summary:?}")));
        }
        let mut tree = Tree::new();
        read(&self.path("restored"), &mut tree);
        Ok(tree)
    }

    pub(crate) fn in_minutes(&self, minutes: u32) -> Timestamp {
        let time = self.surroundings.time();
        time.checked_add(i64::from(minutes).minutes())
            .unwrap_or(time)
    }

    /// The same on a moment of the clock.
    pub(crate) fn later(&self, time: SignedDuration) -> Timestamp {
        let now = self.surroundings.time();
        now.checked_add(time).unwrap_or(now)
    }
}

pub(crate) fn is_good(result: RunResult) -> bool {
    matches!(
        result,
        RunResult::Success | RunResult::Unchanged | RunResult::Warning
    )
}

/// Waits until runs are over and returns what the cards of their jobs say of them.
async fn ends_of(
    mut runs: Vec<&str>,
    events: &mut Receiver<AppEvent>,
) -> BTreeMap<String, RunSummary> {
    let mut ended = BTreeMap::new();
    while !runs.is_empty() {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => break,
        };
        let AppChange::Job { card } = event.change else {
            continue;
        };
        let (Some(last), JobState::Idle | JobState::NeedsAttention { .. }) =
            (card.last_run, card.state)
        else {
            continue;
        };
        let position = runs.iter().position(|run| *run == last.id);
        if let Some(position) = position {
            runs.swap_remove(position);
            ended.insert(last.id.clone(), last);
        }
    }
    ended
}
