use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coffer_destination::Rests;
use coffer_engine::{BackupOptions, Existing, Permissions, RestoreOptions, Selection};
use coffer_ipc::event::Change;
use coffer_ipc::job::JobDefinition;
use coffer_ipc::restore::{ExistingFiles, RestoreRequest};
use coffer_ipc::run::{
    MessageLevel, Operation, Permission, Phase, Progress, RunCounts, RunMessage, RunResult,
    RunSummary,
};
use coffer_ipc::{CommandError, ErrorCode};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::active_run::ActiveRun;
use super::ends::{Place, RunContext};
use super::history::Messages;
use super::ids::{JobId, RunId};
use super::lane::Lane;
use crate::destinations::local_folder;
use crate::operations::{Finished, backup, restore};
use crate::options;
use crate::progress::{Observer, waiting};
use crate::waiting::{Wait, report_waits};
use crate::{Result, blocking, local_path, lock, wording};

/// A backup that was started.
struct Work {
    job: JobId,
    definition: JobDefinition,
    permission: Option<Permission>,
    /// Number of versions at the end of the previous run.
    expected: u32,
    found_in: Option<String>,
    now: Timestamp,
}

impl Coffer {
    /// Starts a backup in the background and returns its run.
    ///
    /// # Errors
    /// When the job is running already.
    pub fn start_backup(&self, job_id: &str) -> Result<String> {
        self.start(job_id, None)
    }

    /// The same, with a permission for this run only.
    ///
    /// # Errors
    /// As [`Coffer::start_backup`].
    pub fn start_backup_with(&self, job_id: &str, permission: Permission) -> Result<String> {
        self.start(job_id, Some(permission))
    }

    fn start(&self, job_id: &str, permission: Option<Permission>) -> Result<String> {
        // The runs of a job are stored in order.
        self.note_late();
        let definition = self.definition(job_id)?;
        let status = self.job_status(job_id)?;
        let now = self.now();
        let lane = Some(Lane::of(&definition));
        let job = JobId::from(job_id);
        let (run, observer) = self.begin(Some(&job), Operation::Backup, lane, now)?;
        let id = run.id.clone().into();
        let noted = self.update_status(job_id, |status| {
            status.last_start = Some(now.to_string());
            status.retry_at = None;
            status.clock_note = None;
        });
        if let Err(error) = noted {
            self.end(
                run,
                Finished::failed(error.clone(), RunCounts::default()),
                now,
            );
            return Err(error);
        }
        if let Some(text) = status.clock_note {
            let level = MessageLevel::Info;
            let subject = String::new();
            (observer.on_message)(RunMessage {
                level,
                subject,
                text,
            });
        }
        let work = Work {
            job,
            definition,
            permission,
            expected: status.versions.unwrap_or(0),
            found_in: status.found_in,
            now,
        };
        let (coffer, cancel) = (self.clone(), run.cancel.clone());
        self.watch(run, now, async move {
            coffer.back_up(work, observer, &cancel).await
        });
        Ok(id)
    }

    /// Does the work of a backup.
    async fn back_up(
        &self,
        work: Work,
        observer: Observer,
        cancel: &CancellationToken,
    ) -> Finished {
        let Work {
            job,
            definition,
            permission,
            expected,
            found_in,
            now,
        } = work;
        // Even the first request may have to wait, because of a limit that an earlier run reached.
        let report = |wait: Option<Wait>| {
            let start = start_of(Operation::Backup);
            let shown = match wait {
                Some(wait) => waiting(start, wait),
                None => start,
            };
            (observer.on_progress)(shown);
        };
        let disk = match permission {
            Some(Permission::NewDestination) => None,
            _ => disk_of(&definition, expected > 0, found_in),
        };
        let opening = async {
            check_disk(&definition, disk.clone()).await?;
            let rests = Rests::default();
            let waits = self.waits_of(&definition, &rests).await;
            let opening = self.target_of_job_in(&job, disk.clone(), rests, cancel);
            report_waits(waits, report, opening).await
        };
        let target = match until_stopped(cancel, opening).await {
            Err(error) => return Finished::failed(error, RunCounts::default()),
            Ok(target) => target,
        };
        let options = match options::of_job(&definition, now) {
            Err(error) => return Finished::failed(error, RunCounts::default()),
            Ok(options) => BackupOptions {
                expected_versions: expected.into(),
                allow_new_destination: permission == Some(Permission::NewDestination),
                allow_missing_source: permission == Some(Permission::MissingSource),
                allow_mass_deletion: permission == Some(Permission::MassDeletion),
                ..options
            },
        };
        let ended = backup(&target, options, &self.inner.folders, observer, cancel);
        let mut finished = ended.await;
        // The disk may have been disconnected after the check and before anything was written to it.
        let has_sent = finished.counts.uploaded_volumes > 0;
        let is_missing = |error: &CommandError| error.code == ErrorCode::NotFound && !has_sent;
        if finished.error.as_ref().is_some_and(is_missing)
            && let Err(away) = check_disk(&definition, disk).await
        {
            finished.error = Some(away);
        }
        finished
    }

    /// Does the work of a run in the background and ends the run in any case: after a panic, as failed.
    fn watch(
        &self,
        run: RunContext,
        started: Timestamp,
        work: impl Future<Output = Finished> + Send + 'static,
    ) {
        let coffer = self.clone();
        tokio::spawn(async move {
            let finished = tokio::spawn(work).await.unwrap_or_else(|panic| {
                tracing::error!(%panic, run = %run.id, "a run failed");
                Finished::failed(wording::defect(), RunCounts::default())
            });
            coffer.end(run, finished, started);
        });
    }

    /// Starts a restore in the background and returns its run.
    ///
    /// # Errors
    /// When the backup is no longer open, its job is running, or the target folder is not an absolute path.
    pub fn start_restore(&self, request: RestoreRequest) -> Result<String> {
        let (target, job_id, opened) = self.opened(&request.handle)?;
        let folder = request.target.as_deref().map(local_path::whole);
        let folder = folder.transpose()?;
        let now = self.now();
        let (run, observer) = self.begin(job_id.as_ref(), Operation::Restore, None, now)?;
        let id = run.id.clone().into();
        let cancel = run.cancel.clone();
        self.watch(run, now, async move {
            let options = RestoreOptions {
                version: request.version as usize,
                selection: if request.paths.is_empty() {
                    Selection::all()
                } else {
                    Selection::paths(request.paths)
                },
                target: folder,
                existing: match request.existing {
                    ExistingFiles::KeepBoth => Existing::KeepBoth,
                    ExistingFiles::Overwrite => Existing::Overwrite,
                },
                permissions: Permissions::Restore,
            };
            restore(&target, Some(opened), options, observer, &cancel).await
        });
        Ok(id)
    }

    /// Asks a run to stop.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn stop_run(&self, run_id: &str) -> Result<()> {
        if self.inner.runs.stop_by_hand(&run_id.into()) {
            Ok(())
        } else {
            Err(wording::not_found("This run"))
        }
    }

    /// Stops all runs before the app quits, and waits for their ends for at most `patience`. A run that does not end,
    /// for example because a disk hangs, ends with the process and is resumed by the next one.
    pub async fn shut_down(&self, patience: Duration) {
        let waiting = self.inner.runs.close();
        let all = async {
            for mut done in waiting {
                // An error means that the run is gone, too.
                let _ = done.wait_for(|done| *done).await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("a run did not stop in time");
        }
    }

    /// Stores a new run and returns it with an observer that reports its progress.
    fn begin(
        &self,
        job_id: Option<&JobId>,
        operation: Operation,
        lane: Option<Lane>,
        now: Timestamp,
    ) -> Result<(RunContext, Observer)> {
        let id = RunId::new();
        let cancel = CancellationToken::new();
        let by_hand = Arc::new(AtomicBool::new(false));
        let progress = Arc::new(Mutex::new(start_of(operation)));
        let (sender, done) = watch::channel(false);
        let summary = running(&id, operation, now);
        let active = ActiveRun {
            id: id.clone(),
            job_id: job_id.cloned(),
            lane,
            cancel: cancel.clone(),
            by_hand: Arc::clone(&by_hand),
            progress: Arc::clone(&progress),
            done,
        };
        let note = || self.put_run(job_id, &summary, now);
        self.inner.runs.enter(active, note)?;
        let place = Place {
            coffer: self.clone(),
            id: id.clone(),
            done: sender,
        };
        match job_id {
            Some(job_id) => self.emit_card(job_id),
            None => self.emit_progress(None, &id, &progress),
        }

        let messages = Arc::new(Mutex::new(Messages::default()));
        let observer = self.observer(job_id, &id, progress, &messages);
        Ok((
            RunContext {
                id,
                job_id: job_id.cloned(),
                cancel,
                by_hand,
                summary,
                messages,
                place,
            },
            observer,
        ))
    }

    /// The observer that emits the progress of a run and stores its report.
    fn observer(
        &self,
        job_id: Option<&JobId>,
        run_id: &RunId,
        progress: Arc<Mutex<Progress>>,
        messages: &Arc<Mutex<Messages>>,
    ) -> Observer {
        let (coffer, job, run) = (self.clone(), job_id.cloned(), run_id.clone());
        let (writer, kept) = (self.clone(), Arc::clone(messages));
        let run_of_messages = run_id.clone();
        Observer {
            on_progress: Box::new(move |latest| {
                let phase = latest.phase;
                let before = std::mem::replace(&mut *lock(&progress), latest);
                match &job {
                    Some(job) if before.phase != phase => coffer.emit_card(job),
                    job => coffer.emit_progress(job.as_ref(), &run, &progress),
                }
            }),
            on_message: Box::new(move |message| {
                lock(&kept).add(message, |first, lines| {
                    writer.write(&run_of_messages, first, lines);
                });
            }),
            shows_progress: true,
        }
    }

    /// Emits the progress of a run. This is so frequent that it must not use the database.
    fn emit_progress(&self, job_id: Option<&JobId>, run_id: &RunId, progress: &Mutex<Progress>) {
        let run_id = run_id.to_string();
        self.emit_newest(|| {
            let progress = lock(progress).clone();
            Some(match job_id {
                Some(job_id) => Change::Progress {
                    job_id: job_id.to_string(),
                    run_id,
                    progress,
                },
                None => Change::Restore {
                    run_id,
                    progress: Some(progress),
                    summary: None,
                },
            })
        });
    }
}

/// Does `work` until it is done or `cancel` is triggered. A keychain that shows a prompt does not return before the
/// user responds.
async fn until_stopped<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(wording::cancelled()),
        done = work => done,
    }
}

/// The folder that must exist when a backup starts, so that it is not written to another disk: the destination or,
/// before the first backup, the folder in which it was to be created.
fn disk_of(
    definition: &JobDefinition,
    has_backup: bool,
    found_in: Option<String>,
) -> Option<PathBuf> {
    let folder = local_folder(&definition.destination)?;
    if has_backup {
        Some(folder.to_owned())
    } else {
        found_in.map(PathBuf::from)
    }
}

/// Checks that `disk` exists.
async fn check_disk(definition: &JobDefinition, disk: Option<PathBuf>) -> Result<()> {
    let (Some(folder), Some(disk)) = (local_folder(&definition.destination), disk) else {
        return Ok(());
    };
    let folder = folder.to_owned();
    blocking(move || match disk.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(wording::disk_away(&folder))
        }
        // The backup itself reports other problems.
        _ => Ok(()),
    })
    .await
}

fn running(id: &RunId, operation: Operation, now: Timestamp) -> RunSummary {
    RunSummary {
        id: id.to_string(),
        operation,
        started: now.to_string(),
        finished: None,
        result: RunResult::Running,
        counts: RunCounts::default(),
        messages: 0,
        error: None,
        restored: None,
        held_back: Vec::new(),
        missing: Vec::new(),
    }
}

fn start_of(operation: Operation) -> Progress {
    Progress {
        operation,
        phase: Phase::Connecting,
        done_files: 0,
        total_files: None,
        done_bytes: 0,
        total_bytes: None,
        share: None,
        bytes_per_second: 0,
        seconds_left: None,
        current: String::new(),
        wait: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use coffer_ipc::job::JobState;

    use super::*;
    use crate::keychain::MemoryKeychain;
    use crate::{Environment, Folders, SystemClock};

    fn coffer(folder: &Path) -> Coffer {
        Coffer::open(
            Folders::new(folder.join("data"), folder.join("cache")),
            Environment::demo("http://localhost:1", "http://localhost:1"),
            Arc::new(MemoryKeychain::default()),
            Arc::new(SystemClock),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn quitting_does_not_wait_for_ever_for_a_run_that_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let coffer = coffer(folder.path());
        let now = coffer.now();
        let (hangs, _) = coffer.begin(None, Operation::Restore, None, now).unwrap();

        coffer.shut_down(Duration::from_millis(1)).await;

        assert!(hangs.cancel.is_cancelled());
    }

    /// Stores a minimal job.
    fn put_job(coffer: &Coffer, id: &str) {
        let folder = r#"{"kind":"folder","path":"/stick"}"#;
        let options = r#"{"volumeBytes":1,"blockBytes":1,"prefix":"p","retention":{"kind":"all"}}"#;
        let definition = format!(
            r#"{{"name":"a","encrypted":false,"destination":{folder},"sources":[],"filters":[],"options":{options}}}"#
        );
        let definition = serde_json::from_str(&definition).unwrap();
        coffer.put_job(id, &definition).unwrap();
    }

    #[test]
    fn progress_is_emitted_without_a_look_at_the_database() {
        const TICKS: u64 = 20;
        let folder = tempfile::tempdir().unwrap();
        let coffer = coffer(folder.path());
        put_job(&coffer, "j");
        coffer.app_state().unwrap();
        let now = coffer.now();
        let job = JobId::from("j");
        let (run, observer) = coffer
            .begin(Some(&job), Operation::Backup, None, now)
            .unwrap();
        let (loose, of_loose) = coffer.begin(None, Operation::Restore, None, now).unwrap();
        let mut events = coffer.subscribe();

        let database = lock(&coffer.inner.database);
        let (done, all_emitted) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for observer in [observer, of_loose] {
                for done_bytes in 0..TICKS {
                    (observer.on_progress)(Progress {
                        done_bytes,
                        ..start_of(Operation::Backup)
                    });
                }
            }
            let _ = done.send(());
        });
        // If it used the database, this would wait forever.
        all_emitted.recv_timeout(Duration::from_secs(60)).unwrap();
        drop(database);

        for done_bytes in 0..TICKS {
            let Change::Progress {
                job_id,
                run_id,
                progress,
            } = events.try_recv().unwrap().change
            else {
                panic!("a card is more than is needed");
            };
            assert_eq!((&*job_id, &*run_id), ("j", &*run.id));
            assert_eq!(progress.done_bytes, done_bytes);
        }
        for _ in 0..TICKS {
            let change = events.try_recv().unwrap().change;
            assert!(matches!(change, Change::Restore { run_id, .. } if *run_id == *loose.id));
        }
    }

    #[test]
    fn a_new_phase_is_emitted_with_the_card() {
        let folder = tempfile::tempdir().unwrap();
        let coffer = coffer(folder.path());
        put_job(&coffer, "j");
        let now = coffer.now();
        let job = JobId::from("j");
        let (_run, observer) = coffer
            .begin(Some(&job), Operation::Backup, None, now)
            .unwrap();
        let mut events = coffer.subscribe();

        (observer.on_progress)(Progress {
            phase: Phase::Sending,
            ..start_of(Operation::Backup)
        });

        let Change::Job { card } = events.try_recv().unwrap().change else {
            panic!("no card");
        };
        let JobState::Running { progress, .. } = card.state else {
            panic!("{card:?}");
        };
        assert_eq!(progress.phase, Phase::Sending);
    }
}
