//! What is known about a job besides its definition.

use coffer_ipc::run::{RunResult, RunSummary};
use coffer_ipc::{CommandError, ErrorCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::causes::needs_attention;
use super::retry::retry_delay;

/// What is known about a job besides its definition, from its runs. Field names are stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct JobStatus {
    pub(super) versions: Option<u32>,
    pub(super) stored_bytes: Option<u64>,
    pub(super) quota: Option<coffer_ipc::account::Quota>,
    pub(super) label: String,
    /// The deepest folder on the path of the destination that existed when the job was saved.
    pub(super) found_in: Option<String>,
    /// Why it cannot run until the user acts.
    pub(super) attention: Option<CommandError>,
    /// Whether a backup failed because of the sign-in and resumes once that is renewed.
    pub(super) stopped_by_sign_in: bool,
    /// When the last backup was started, RFC 3339.
    pub(super) last_start: Option<String>,
    /// When the schedule was set, RFC 3339; earlier planned times do not count as missed.
    pub(super) scheduled_since: Option<String>,
    /// When a backup that did not finish is retried, regardless of the schedule.
    pub(super) retry_at: Option<Timestamp>,
    /// Number of consecutive backups that did not finish and are retried.
    pub(super) tries: u32,
    /// The newest backup that the user did not stop.
    pub(super) last_backup: Option<RunSummary>,
    /// When the newest complete backup was started.
    pub(super) last_good: Option<Timestamp>,
    /// Message about a wrong clock for the report of the next backup.
    pub(super) clock_note: Option<String>,
    /// Fields of another version that this one does not know. They are stored again for that version.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl JobStatus {
    /// Reads a stored status. A field that cannot be read does not affect others, and is kept under another name.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| {
            tracing::error!(%error, "the status of a job cannot be read completely");
            Self::read_parts(text)
        })
    }

    fn read_parts(text: &str) -> Self {
        let parts = match serde_json::from_str(text) {
            Ok(Value::Object(parts)) => parts,
            _ => Map::from_iter([("all".to_owned(), text.into())]),
        };
        let named = parts.into_iter().map(|(name, value)| {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            let is_read = name != "all" && serde_json::from_value::<Self>(alone.into()).is_ok();
            let name = if is_read {
                name
            } else {
                format!("{name} (unreadable)")
            };
            (name, value)
        });
        let named: Map<_, _> = named.collect();
        serde_json::from_value(named.into()).unwrap_or_default()
    }

    /// Records a backup that was started at `start` and that the user did not stop, and plans the next attempt.
    pub(super) fn note_end(&mut self, summary: &RunSummary, start: Timestamp, now: Timestamp) {
        let error = summary.error.as_ref();
        if summary.result == RunResult::Interrupted {
            // The app quit; its next start resumes the backup.
            self.retry_at = Some(now);
            self.tries = 0;
        } else {
            let delay = error.and_then(|error| retry_delay(error, self.tries));
            self.retry_at = delay.and_then(|delay| now.checked_add(delay).ok());
            self.tries = delay.map_or(0, |_| self.tries.saturating_add(1));
        }
        self.note_backup(summary, start);
        self.stopped_by_sign_in =
            error.is_some_and(|error| error.code == ErrorCode::SignInRequired);
        self.attention = error.filter(|error| needs_attention(error)).cloned();
    }

    /// Records a backup that was started at `start` and that the user did not stop.
    fn note_backup(&mut self, summary: &RunSummary, start: Timestamp) {
        if matches!(
            summary.result,
            RunResult::Success | RunResult::Unchanged | RunResult::Warning
        ) {
            self.last_good = Some(start);
        }
        self.last_backup = Some(summary.clone());
    }
}

/// The time from which the schedule counts.
pub(super) fn started_at(status: &JobStatus) -> Option<Timestamp> {
    parse(&status.last_start).max(parse(&status.scheduled_since))
}

pub(super) fn parse(text: &Option<String>) -> Option<Timestamp> {
    text.as_ref().and_then(|text| text.parse().ok())
}
