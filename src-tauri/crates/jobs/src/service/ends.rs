//! The end of a run, and what it means for its job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use coffer_ipc::event::Change;
use coffer_ipc::run::{MessageLevel, Operation, RunMessage, RunResult, RunSummary};
use coffer_ipc::{CommandError, ErrorCode};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::active_run::End;
use super::history::Messages;
use super::ids::{JobId, RunId};
use crate::destinations::account_of;
use crate::operations::Finished;
use crate::{Result, lock};

/// What the task of a run needs until its end.
pub(super) struct RunContext {
    pub(super) id: RunId,
    pub(super) job_id: Option<JobId>,
    pub(super) cancel: CancellationToken,
    pub(super) by_hand: Arc<AtomicBool>,
    pub(super) summary: RunSummary,
    pub(super) messages: Arc<Mutex<Messages>>,
    pub(super) place: Place,
}

/// The entry of a run among the active ones. Dropping it removes the entry, whatever happened to the run.
pub(super) struct Place {
    pub(super) coffer: Coffer,
    pub(super) id: RunId,
    pub(super) done: watch::Sender<bool>,
}

impl Place {
    fn leave(&self) {
        self.coffer.inner.runs.leave(&self.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
        // The receivers may be gone.
        let _ = self.done.send(true);
    }
}

impl Coffer {
    pub(super) fn end(&self, run: RunContext, finished: Finished, started: Timestamp) {
        let RunContext {
            id,
            job_id,
            by_hand,
            mut summary,
            messages,
            place,
            ..
        } = run;
        self.conclude(
            &mut summary,
            &finished,
            &messages,
            by_hand.load(Ordering::SeqCst),
        );
        let end = End {
            job_id: job_id.clone(),
            summary: summary.clone(),
            finished,
            started,
        };
        // If the first attempt found damage in the database, it is repaired by the second.
        if let Err(error) = self.note(&end).or_else(|_| self.note(&end)) {
            tracing::error!(
                message = error.message,
                "the end of a run could not be noted"
            );
            self.inner.runs.note_later(end);
        }
        place.leave();
        if let Some(job_id) = &job_id {
            self.emit_card(job_id);
        }
        if summary.operation == Operation::Restore {
            self.emit(Change::Restore {
                run_id: id.into(),
                progress: None,
                summary: Some(Box::new(summary)),
            });
        }
        self.inner.runs.ended.notify_one();
        // All of this is done before those who wait for the end of the run are notified.
        drop(place);
    }

    /// Completes the summary with the outcome.
    fn conclude(
        &self,
        summary: &mut RunSummary,
        finished: &Finished,
        messages: &Mutex<Messages>,
        by_hand: bool,
    ) {
        let run_id = RunId::from(summary.id.as_str());
        if let Some(error) = &finished.error {
            let level = MessageLevel::Error;
            let text = format!("{} {}", error.message, error.hint);
            let message = RunMessage {
                level,
                subject: String::new(),
                text,
            };
            lock(messages).add(message, |first, lines| {
                self.write(&run_id, first, lines);
            });
        }
        summary.messages = lock(messages).flush(|first, lines| self.write(&run_id, first, lines));
        summary.finished = Some(self.now().to_string());
        summary.result = finished.result;
        summary.counts = finished.counts;
        summary.restored = finished.restored.clone();
        summary.held_back.clone_from(&finished.held_back);
        summary.missing.clone_from(&finished.missing);
        summary.error = finished
            .error
            .clone()
            .filter(|error| error.code != ErrorCode::Cancelled);
        let by_quit = summary.result == RunResult::Stopped && !by_hand;
        if by_quit {
            summary.result = RunResult::Interrupted;
        }
    }

    fn note(&self, end: &End) -> Result<()> {
        self.put_run(end.job_id.as_ref(), &end.summary, end.started)?;
        match &end.job_id {
            Some(job_id) => self.note_end(job_id, &end.summary, &end.finished, end.started),
            None => Ok(()),
        }
    }

    /// Stores the ends of runs that could not be stored at the time, for example because the disk was full.
    pub(super) fn note_late(&self) {
        for end in self.inner.runs.take_unnoted() {
            if self.note(&end).is_err() {
                self.inner.runs.note_later(end);
            } else if let Some(job_id) = &end.job_id {
                self.emit_card(job_id);
            }
        }
    }

    /// Updates the status of a job after a run. Only backups change its health, and only those that the user did not
    /// stop.
    fn note_end(
        &self,
        job_id: &JobId,
        summary: &RunSummary,
        finished: &Finished,
        started: Timestamp,
    ) -> Result<()> {
        let error = finished.error.as_ref();
        let is_backup = summary.operation == Operation::Backup;
        let now = self.now();
        if is_backup {
            self.fold_into_history(job_id, summary)?;
        }
        self.update_status(job_id, |status| {
            if let Some((versions, bytes)) = finished.stored {
                status.versions = Some(versions);
                status.stored_bytes = Some(bytes);
            }
            status.quota = finished.quota.or(status.quota);
            match summary.result {
                _ if !is_backup => {}
                RunResult::Stopped => status.tries = 0,
                _ => status.note_end(summary, started, now),
            }
        })?;
        match error {
            Some(error) if needs_sign_in(error) => self.lose_sign_in_of(job_id, error),
            _ => Ok(()),
        }
    }

    /// Applies a failed sign-in of one run to all jobs that use it.
    fn lose_sign_in_of(&self, job_id: &str, error: &CommandError) -> Result<()> {
        let definition = self.definition(job_id)?;
        match account_of(&definition.destination) {
            Some(account_id) => self.sign_in_lost(account_id, error),
            None => Ok(()),
        }
    }
}

pub(super) fn needs_sign_in(error: &CommandError) -> bool {
    error.code == ErrorCode::SignInRequired
}
