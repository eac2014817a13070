//! Runs that ended, with their reports.

use coffer_database::{MessageRow, RunRow};
use coffer_ipc::run::{MessageLevel, Operation, RunMessage, RunReport, RunResult, RunSummary};
use coffer_ipc::{CommandError, ErrorCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Coffer;
use super::cards::LOOKED_THROUGH;
use super::causes::waits;
use super::ids::{JobId, RunId};
use super::retry::resume_delay;
use super::settings::stored_text;
use crate::app_lock::AppLock;
use crate::{Result, wording};

/// Maximum number of stored lines per report, apart from errors.
const MAX_MESSAGES: u64 = 10_000;

impl Coffer {
    /// Runs of a job, newest first. Of runs that another version stored, the parts that this one can read.
    pub fn run_history(&self, job_id: &str, offset: u32, limit: u32) -> Result<Vec<RunSummary>> {
        let job_id = JobId::named(job_id);
        let rows =
            self.database(|database| database.runs(job_id.as_deref(), offset, limit.min(500)))?;
        Ok(rows.iter().map(summary_of).collect())
    }

    /// The same without runs that are only partly readable, because decisions must not rest on guesses.
    pub(super) fn readable_runs(
        &self,
        job_id: Option<&JobId>,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<RunSummary>> {
        let job_id = job_id.map(|id| &**id);
        let rows = self.database(|database| database.runs(job_id, offset, limit))?;
        let read = rows
            .iter()
            .filter_map(|row| serde_json::from_str(&row.body).ok());
        Ok(read.collect())
    }

    /// A page of a run's report, the most serious lines first.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn run_report(&self, run_id: &str, offset: u32, limit: u32) -> Result<RunReport> {
        let missing = || wording::not_found("This run");
        let row = self
            .database(|database| database.run(run_id))?
            .ok_or_else(missing)?;
        let mut summary = summary_of(&row);
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
        let mut lines: Vec<_> = lines.collect();
        let is_cleared = summary.messages > 0
            && row.finished.is_some()
            && self.database(|database| database.message_count(run_id))? == 0;
        if is_cleared {
            summary.messages = 1;
            if offset == 0 {
                lines.push(RunMessage {
                    level: MessageLevel::Info,
                    subject: String::new(),
                    text: "The messages of this report were removed to make room for newer runs."
                        .to_owned(),
                });
            }
        }
        Ok(RunReport { summary, lines })
    }

    /// Continues where the previous app process ended: its unfinished runs are marked as interrupted and resumed, and
    /// jobs that only waited are retried. Only the app that owns a data folder may decide that a run is over.
    pub fn resume(&self, _alone: &AppLock) -> Result<()> {
        let now = self.now();
        let jobs = self.definitions()?;
        // First, because interrupted runs are newer.
        for (id, _) in &jobs {
            self.apply_missed_end(id)?;
        }
        for row in self.database(|database| database.unfinished_runs())? {
            self.note_interrupted(row)?;
        }
        for (id, _) in jobs {
            self.update_status(&id, |status| {
                let waited = status
                    .attention
                    .take_if(|error| may_have_passed(error))
                    .or_else(|| status.last_backup.as_ref()?.error.clone());
                let may_retry = waited
                    .as_ref()
                    .is_some_and(|error| may_have_passed(error) && error.retry_after.is_none());
                if may_retry {
                    status.retry_at = Some(status.retry_at.map_or(now, |time| time.min(now)));
                }
            })?;
        }
        Ok(())
    }

    /// Updates the status of a job whose newest backup ended in the history but not in the status: the app may have
    /// crashed between the two.
    fn apply_missed_end(&self, job_id: &JobId) -> Result<()> {
        let runs = self.readable_runs(Some(job_id), 0, LOOKED_THROUGH)?;
        let history: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
        let ended = runs.into_iter().find(|run| {
            run.operation == Operation::Backup
                && !matches!(run.result, RunResult::Running | RunResult::Stopped)
        });
        let mut before = self.job_status(job_id)?;
        let known = before.last_backup.as_ref();
        let Some(run) = ended.filter(|run| known.is_none_or(|known| run.id != known.id)) else {
            return Ok(());
        };
        // The last backup in the status may be missing in the history because of a damaged page; the runs that are left
        // are older then.
        let time = |run: &RunSummary| run.started.parse::<Timestamp>().ok();
        let is_in_history = |known: &RunSummary| history.contains(&known.id);
        if known.is_some_and(|known| !is_in_history(known) && time(known) >= time(&run)) {
            return Ok(());
        }
        let Ok(started) = run.started.parse() else {
            return Ok(());
        };
        if known.is_none() {
            self.look_for_last_backup(job_id, &mut before)?;
        }
        let now = self.now();
        self.update_status(job_id, |status| {
            status.last_good = before.last_good;
            status.note_end(&run, started, now);
        })
    }

    fn note_interrupted(&self, mut row: RunRow) -> Result<()> {
        let now = self.now();
        row.finished = Some(nanoseconds(now));
        let mut summary = serde_json::from_str::<RunSummary>(&row.body).ok();
        if let Some(summary) = &mut summary {
            summary.result = RunResult::Interrupted;
            summary.finished = Some(now.to_string());
            row.body = stored_text(summary)?;
        }
        self.database(|database| database.put_run(&row))?;
        let backup = summary.filter(|summary| summary.operation == Operation::Backup);
        let (Some(summary), Some(job_id)) = (backup, row.job) else {
            return Ok(());
        };
        self.update_status(&job_id, |status| {
            status.last_backup = Some(summary);
            status.retry_at = now.checked_add(resume_delay(status.tries)).ok();
            status.tries = status.tries.saturating_add(1);
        })
    }

    pub(super) fn put_run(
        &self,
        job_id: Option<&JobId>,
        summary: &RunSummary,
        started: Timestamp,
    ) -> Result<()> {
        let row = RunRow {
            id: summary.id.clone(),
            job: job_id.map(ToString::to_string),
            started: nanoseconds(started),
            finished: summary.finished.as_ref().map(|_| nanoseconds(self.now())),
            body: stored_text(summary)?,
        };
        self.database(|database| database.put_run(&row))
    }

    /// Removes the previous attempt from the history when both it and this one only had to wait. Otherwise days without
    /// a network would push everything else out of the history.
    pub(super) fn fold_into_history(&self, job_id: &JobId, summary: &RunSummary) -> Result<()> {
        let waited = |run: &RunSummary| {
            run.operation == Operation::Backup
                && run.finished.is_some()
                && run.error.as_ref().is_some_and(waits)
        };
        if !waited(summary) {
            return Ok(());
        }
        let newest = self.readable_runs(Some(job_id), 0, 2)?;
        match &newest[..] {
            [this, before] if this.id == summary.id && waited(before) => {
                self.database(|database| database.remove_run(&before.id))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn write(&self, run_id: &RunId, first: u64, lines: &[RunMessage]) {
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

/// Buffers lines of a report, which are written to the database a hundred at a time.
#[derive(Default)]
pub(super) struct Messages {
    written: u64,
    pending: Vec<RunMessage>,
}

impl Messages {
    pub(super) fn add(&mut self, message: RunMessage, write: impl FnOnce(u64, &[RunMessage])) {
        let count = self.written + self.pending.len() as u64;
        if count == MAX_MESSAGES && message.level != MessageLevel::Error {
            self.pending.push(RunMessage {
                level: MessageLevel::Warning,
                subject: String::new(),
                text: "There were more messages than are stored.".to_owned(),
            });
        } else if count < MAX_MESSAGES || message.level == MessageLevel::Error {
            self.pending.push(message);
        }
        if self.pending.len() >= 100 {
            self.flush(write);
        }
    }

    /// Writes what is pending and returns how many lines there are.
    pub(super) fn flush(&mut self, write: impl FnOnce(u64, &[RunMessage])) -> u64 {
        if !self.pending.is_empty() {
            write(self.written, &self.pending);
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        self.written
    }
}

/// Reads a stored run. Parts that another version stored in an unknown form are left out, which the summary reports.
fn summary_of(row: &RunRow) -> RunSummary {
    serde_json::from_str(&row.body).unwrap_or_else(|error| {
        tracing::error!(run = row.id, %error, "a run cannot be read as a whole");
        let stored = serde_json::from_str(&row.body).unwrap_or_default();
        partly_read(row, &stored)
    })
}

fn partly_read(row: &RunRow, stored: &Value) -> RunSummary {
    fn part<T: DeserializeOwned>(stored: &Value, name: &str) -> Option<T> {
        serde_json::from_value(stored[name].clone()).ok()
    }
    let time = |nanoseconds: i64| Timestamp::from_nanosecond(nanoseconds.into()).ok();
    let started = time(row.started).unwrap_or_default();
    let finished = row.finished.and_then(time);
    let result = match (part(stored, "result"), finished) {
        (Some(RunResult::Running), Some(_)) => RunResult::Interrupted,
        (known, _) => known.unwrap_or(RunResult::Warning),
    };
    RunSummary {
        id: row.id.clone(),
        operation: part(stored, "operation").unwrap_or(Operation::Backup),
        started: started.to_string(),
        finished: finished.map(|time| time.to_string()),
        result,
        counts: part(stored, "counts").unwrap_or_default(),
        messages: part(stored, "messages").unwrap_or_default(),
        error: Some(wording::run_partly_read()),
        restored: part(stored, "restored").flatten(),
        held_back: part(stored, "heldBack").unwrap_or_default(),
        missing: part(stored, "missing").unwrap_or_default(),
    }
}

fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// Whether a restart of the app is a reason to retry. A keychain may be available again, or have its entries again,
/// without any notification.
fn may_have_passed(error: &CommandError) -> bool {
    waits(error) || error.code == ErrorCode::WrongPassphrase
}
