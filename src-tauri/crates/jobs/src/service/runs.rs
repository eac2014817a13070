use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use coffer_database::{MessageRow, RunRow};
use coffer_ipc::event::Change;
use coffer_ipc::job::JobState;
use coffer_ipc::restore::RestoreRequest;
use coffer_ipc::run::{
    MessageLevel, Operation, Phase, Progress, RunCounts, RunMessage, RunReport, RunResult,
    RunSummary,
};
use coffer_ipc::{CommandError, ErrorCode};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::sign_in_state::account_of;
use crate::maintenance::RetentionSettings;
use crate::operation::{self, BackupSettings, Finished, RestoreSettings, Wanted};
use crate::progress::{Observer, held};
use crate::waiting::telling;
use crate::{Result, local_path, lock, wording};

/// Lines of a report that are kept.
const MAX_MESSAGES: u64 = 10_000;

/// A run that goes on.
pub(super) struct ActiveRun {
    id: String,
    /// Empty for a restore without a job.
    job_id: String,
    cancel: CancellationToken,
    progress: Arc<Mutex<Progress>>,
    done: watch::Receiver<bool>,
}

impl ActiveRun {
    /// How the job stands, when the run is of this job.
    pub(super) fn state_of(&self, job_id: &str) -> Option<JobState> {
        (self.job_id == job_id && !job_id.is_empty()).then(|| JobState::Running {
            run_id: self.id.clone(),
            progress: lock(&self.progress).clone(),
        })
    }

    /// Asks it to stop; the receiver turns true when it has.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.cancel.cancel();
        self.done.clone()
    }
}

impl Coffer {
    /// Starts a backup in the background and returns its run.
    ///
    /// # Errors
    /// While the job runs already.
    pub fn start_backup(&self, job_id: &str) -> Result<String> {
        self.start(job_id, false)
    }

    /// The same where the backup that the job knows is gone from its destination: a new one begins there.
    ///
    /// # Errors
    /// As [`Coffer::start_backup`].
    pub fn start_new_backup(&self, job_id: &str) -> Result<String> {
        self.start(job_id, true)
    }

    fn start(&self, job_id: &str, allow_new_destination: bool) -> Result<String> {
        let definition = self.definition(job_id)?;
        let expected = self.learnt(job_id)?.versions.unwrap_or(0);
        let now = self.now();
        let (run, observer) = self.begin(job_id, Operation::Backup, now)?;
        let id = run.id.clone();
        self.learn(job_id, |learnt| learnt.last_start = Some(now.to_string()))?;
        let (coffer, job) = (self.clone(), job_id.to_owned());
        tokio::spawn(async move {
            // The first request may have to wait already, for what an earlier run was told.
            let tell = |wait: Option<Timestamp>| {
                let start = start_of(Operation::Backup);
                let shown = match wait {
                    Some(until) => held(start, until),
                    None => start,
                };
                (observer.on_progress)(shown);
            };
            let opening = coffer.target_of_job(&job, &run.cancel);
            let opened = telling(coffer.waits_of(&definition).await, tell, opening).await;
            let finished = match opened {
                Err(error) => Finished::failed(error, RunCounts::default()),
                Ok(target) => {
                    let mut settings =
                        BackupSettings::new(definition.sources.iter().map(PathBuf::from).collect());
                    settings.filters = definition.filters;
                    settings.volume_size = definition.options.volume_bytes;
                    settings.expected_versions = expected.into();
                    settings.allow_new_destination = allow_new_destination;
                    settings.retention = RetentionSettings::of_job(&definition.options.retention);
                    // A backup that exists keeps its block size; the engine refuses another.
                    settings.block_size = match operation::content(&target, &run.cancel).await {
                        Ok(coffer_ipc::command::DestinationContent::Backup { .. }) => None,
                        _ => Some(definition.options.block_bytes),
                    };
                    let folders = &coffer.inner.folders;
                    operation::backup(&target, settings, folders, now, observer, &run.cancel).await
                }
            };
            coffer.end(run, finished, now);
        });
        Ok(id)
    }

    /// Starts a restore in the background and returns its run.
    ///
    /// # Errors
    /// When the backup is not open any more, its job runs, or the folder to restore into is no whole path.
    pub fn start_restore(&self, request: RestoreRequest) -> Result<String> {
        let (target, job_id) = self.opened_target(&request.handle)?;
        let folder = request.target.as_deref().map(local_path::whole);
        let folder = folder.transpose()?;
        let now = self.now();
        let (run, observer) = self.begin(&job_id, Operation::Restore, now)?;
        let id = run.id.clone();
        let coffer = self.clone();
        tokio::spawn(async move {
            let settings = RestoreSettings {
                version: request.version as usize,
                wanted: Wanted::Paths(request.paths),
                target: folder,
                existing: request.existing,
                permissions: true,
            };
            let finished = operation::restore(&target, settings, observer, &run.cancel).await;
            coffer.end(run, finished, now);
        });
        Ok(id)
    }

    /// Asks a run to stop.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn stop_run(&self, run_id: &str) -> Result<()> {
        let runs = lock(&self.inner.runs);
        let run = runs
            .get(run_id)
            .ok_or_else(|| wording::not_found("This run"))?;
        run.cancel.cancel();
        Ok(())
    }

    /// Runs of a job, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn run_history(&self, job_id: &str, offset: u32, limit: u32) -> Result<Vec<RunSummary>> {
        let rows = self.database(|database| database.runs(job_id, offset, limit.min(500)))?;
        Ok(rows
            .iter()
            .filter_map(|row| serde_json::from_str(&row.body).ok())
            .collect())
    }

    /// A page of a run's report.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn run_report(&self, run_id: &str, offset: u32, limit: u32) -> Result<RunReport> {
        let missing = || wording::not_found("This run");
        let row = self
            .database(|database| database.run(run_id))?
            .ok_or_else(missing)?;
        let summary = serde_json::from_str(&row.body).map_err(|_| missing())?;
        let rows = self.database(|database| database.messages(run_id, offset, limit.min(1000)))?;
        let lines = rows.into_iter().map(|row| RunMessage {
            level: match row.level {
                0 => MessageLevel::Info,
                1 => MessageLevel::Warning,
                _ => MessageLevel::Error,
            },
            subject: row.subject,
            text: row.text,
        });
        Ok(RunReport {
            summary,
            lines: lines.collect(),
        })
    }

    /// Runs without an end are those of a process that died.
    pub(super) fn note_interrupted_runs(&self) -> Result<()> {
        for mut row in self.database(|database| database.unfinished_runs())? {
            if let Ok(mut summary) = serde_json::from_str::<RunSummary>(&row.body) {
                summary.result = RunResult::Interrupted;
                summary.finished = Some(self.now().to_string());
                row.body = serde_json::to_string(&summary).unwrap_or_default();
            }
            row.finished = Some(nanoseconds(self.now()));
            self.database(|database| database.put_run(&row))?;
        }
        Ok(())
    }

    /// Notes a new run and returns it with an observer that reports it.
    fn begin(
        &self,
        job_id: &str,
        operation: Operation,
        now: Timestamp,
    ) -> Result<(Begun, Observer)> {
        if !job_id.is_empty() {
            self.check_idle(job_id)?;
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let cancel = CancellationToken::new();
        let progress = Arc::new(Mutex::new(start_of(operation)));
        let (sender, done) = watch::channel(false);
        let summary = RunSummary {
            id: id.clone(),
            operation,
            started: now.to_string(),
            finished: None,
            result: RunResult::Running,
            counts: RunCounts::default(),
            messages: 0,
            error: None,
            restored: None,
        };
        self.put_run(job_id, &summary, now)?;
        let active = ActiveRun {
            id: id.clone(),
            job_id: job_id.to_owned(),
            cancel: cancel.clone(),
            progress: Arc::clone(&progress),
            done,
        };
        lock(&self.inner.runs).insert(id.clone(), active);
        self.emit_progress(job_id, &id, &progress);

        let messages = Arc::new(Mutex::new(Messages::default()));
        let (coffer, job, run) = (self.clone(), job_id.to_owned(), id.clone());
        let (writer, kept) = (self.clone(), Arc::clone(&messages));
        let run_of_messages = id.clone();
        let observer = Observer {
            on_progress: Box::new(move |latest| {
                *lock(&progress) = latest;
                coffer.emit_progress(&job, &run, &progress);
            }),
            on_message: Box::new(move |message| {
                lock(&kept).add(message, |first, lines| {
                    writer.write(&run_of_messages, first, lines);
                });
            }),
            shows_progress: true,
        };
        Ok((
            Begun {
                id,
                job_id: job_id.to_owned(),
                cancel,
                summary,
                messages,
                done: sender,
            },
            observer,
        ))
    }

    fn emit_progress(&self, job_id: &str, run_id: &str, progress: &Mutex<Progress>) {
        if job_id.is_empty() {
            let progress = Some(lock(progress).clone());
            self.emit(Change::Restore {
                run_id: run_id.to_owned(),
                progress,
                summary: None,
            });
        } else {
            self.emit_card(job_id);
        }
    }

    fn end(&self, run: Begun, finished: Finished, started: Timestamp) {
        let Begun {
            id,
            job_id,
            mut summary,
            messages,
            done,
            ..
        } = run;
        if let Some(error) = &finished.error {
            let level = MessageLevel::Error;
            let text = format!("{} {}", error.message, error.hint);
            let message = RunMessage {
                level,
                subject: String::new(),
                text,
            };
            lock(&messages).add(message, |first, lines| self.write(&id, first, lines));
        }
        summary.messages = lock(&messages).flush(|first, lines| self.write(&id, first, lines));
        summary.finished = Some(self.now().to_string());
        summary.result = finished.result;
        summary.counts = finished.counts;
        summary.restored = finished.restored;
        summary.error = finished
            .error
            .clone()
            .filter(|error| error.code != ErrorCode::Cancelled);
        if let Err(error) = self.put_run(&job_id, &summary, started) {
            tracing::error!(message = error.message, "a run could not be noted");
        }
        lock(&self.inner.runs).remove(&id);
        if job_id.is_empty() {
            let summary = Some(Box::new(summary));
            self.emit(Change::Restore {
                run_id: id,
                progress: None,
                summary,
            });
        } else {
            let noted = self.learn(&job_id, |learnt| {
                if let Some((versions, bytes)) = finished.stored {
                    learnt.versions = Some(versions);
                    learnt.stored_bytes = Some(bytes);
                }
                learnt.quota = finished.quota.or(learnt.quota);
                if summary.operation == Operation::Backup {
                    let error = finished.error.as_ref();
                    learnt.offline_since = error
                        .filter(|error| error.code == ErrorCode::Offline)
                        .map(|_| self.now().to_string());
                }
                learnt.stopped_by_sign_in = summary.operation == Operation::Backup
                    && finished.error.as_ref().is_some_and(needs_sign_in);
                learnt.attention = finished.error.clone().filter(needs_attention);
            });
            let noted = noted.and_then(|()| match &finished.error {
                Some(error) if needs_sign_in(error) => self.lose_sign_in_of(&job_id, error),
                _ => Ok(()),
            });
            if let Err(error) = noted {
                tracing::error!(message = error.message, "a job's state could not be noted");
            }
            if summary.operation == Operation::Restore {
                let summary = Some(Box::new(summary));
                self.emit(Change::Restore {
                    run_id: id,
                    progress: None,
                    summary,
                });
            }
        }
        // Nobody may wait any more.
        let _ = done.send(true);
    }

    /// What one run found out about its sign-in holds for all jobs that use it.
    fn lose_sign_in_of(&self, job_id: &str, error: &CommandError) -> Result<()> {
        let definition = self.definition(job_id)?;
        match account_of(&definition) {
            Some(account_id) => self.sign_in_lost(account_id, error),
            None => Ok(()),
        }
    }

    fn put_run(&self, job_id: &str, summary: &RunSummary, started: Timestamp) -> Result<()> {
        let row = RunRow {
            id: summary.id.clone(),
            job: job_id.to_owned(),
            started: nanoseconds(started),
            finished: summary.finished.as_ref().map(|_| nanoseconds(self.now())),
            body: serde_json::to_string(summary).unwrap_or_default(),
        };
        self.database(|database| database.put_run(&row))
    }

    fn write(&self, run_id: &str, first: u64, lines: &[RunMessage]) {
        let rows: Vec<_> = lines
            .iter()
            .map(|line| MessageRow {
                level: match line.level {
                    MessageLevel::Info => 0,
                    MessageLevel::Warning => 1,
                    MessageLevel::Error => 2,
                },
                subject: line.subject.clone(),
                text: line.text.clone(),
            })
            .collect();
        if let Err(error) = self.database(|database| database.add_messages(run_id, first, &rows)) {
            tracing::error!(message = error.message, "a report could not be written");
        }
    }
}

/// A run as its task holds it.
struct Begun {
    id: String,
    job_id: String,
    cancel: CancellationToken,
    summary: RunSummary,
    messages: Arc<Mutex<Messages>>,
    done: watch::Sender<bool>,
}

/// Lines of a report on their way into the database, a hundred at a time.
#[derive(Default)]
struct Messages {
    written: u64,
    pending: Vec<RunMessage>,
}

impl Messages {
    fn add(&mut self, message: RunMessage, write: impl FnOnce(u64, &[RunMessage])) {
        let count = self.written + self.pending.len() as u64;
        if count == MAX_MESSAGES && message.level != MessageLevel::Error {
            self.pending.push(RunMessage {
                level: MessageLevel::Warning,
                subject: String::new(),
                text: "There were more messages than are kept.".to_owned(),
            });
        } else if count < MAX_MESSAGES || message.level == MessageLevel::Error {
            self.pending.push(message);
        }
        if self.pending.len() >= 100 {
            self.flush(write);
        }
    }

    /// Writes what is pending and returns how many lines there are.
    fn flush(&mut self, write: impl FnOnce(u64, &[RunMessage])) -> u64 {
        if !self.pending.is_empty() {
            write(self.written, &self.pending);
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        self.written
    }
}

/// Errors that will come again until somebody acts.
fn needs_attention(error: &CommandError) -> bool {
    matches!(
        error.code,
        ErrorCode::SignInRequired | ErrorCode::WrongPassphrase | ErrorCode::Keychain
    )
}

fn needs_sign_in(error: &CommandError) -> bool {
    error.code == ErrorCode::SignInRequired
}

fn start_of(operation: Operation) -> Progress {
    Progress {
        operation,
        phase: Phase::Connecting,
        done_files: 0,
        total_files: None,
        done_bytes: 0,
        total_bytes: None,
        transferred_bytes: 0,
        bytes_per_second: 0,
        seconds_left: None,
        current: String::new(),
    }
}

fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}
