//! What was learned about a job besides its definition.

use coffer_ipc::run::{RunResult, RunSummary};
use coffer_ipc::{CommandError, ErrorCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::causes::needs_attention;
use super::retry::retry_delay;

/// What was learned about a job besides its definition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Learned {
    pub(super) versions: Option<u32>,
    pub(super) stored_bytes: Option<u64>,
    pub(super) quota: Option<coffer_ipc::account::Quota>,
    pub(super) label: String,
    /// The folder that the destination lay in when the job was saved, as far as there was one.
    pub(super) found_in: Option<String>,
    /// Why it cannot run until somebody acts.
    pub(super) attention: Option<CommandError>,
    /// A backup was stopped by the sign-in, and goes on once that is mended.
    pub(super) stopped_by_sign_in: bool,
    /// When a backup was started last, RFC 3339.
    pub(super) last_start: Option<String>,
    /// When the schedule was set; times before it are nobody's miss.
    pub(super) scheduled_since: Option<String>,
    /// When a backup that did not finish is taken up again, whatever the schedule says.
    pub(super) retry_at: Option<Timestamp>,
    /// Backups in a row that did not finish and are taken up again.
    pub(super) tries: u32,
    /// The newest backup that ended by itself.
    pub(super) last_backup: Option<RunSummary>,
    /// When the newest backup that has everything was started.
    pub(super) last_good: Option<Timestamp>,
    /// What the next report says about the clock.
    pub(super) clock_note: Option<String>,
    /// What another version learned and this one cannot use. It is stored again, for the one that can.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Learned {
    /// What was stored. A part that cannot be read costs no other, and stays beside what takes its place.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| {
            tracing::error!(%error, "what was learned about a job cannot be read as a whole");
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

    /// A backup that was started at `start` ended by itself, and `now` it shows what comes next.
    pub(super) fn note_end(&mut self, summary: &RunSummary, start: Timestamp, now: Timestamp) {
        let error = summary.error.as_ref();
        if summary.result == RunResult::Interrupted {
            // By the end of the app: the next start goes on.
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

    /// A backup that was started at `start` ended by itself.
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

/// What the schedule counts from.
pub(super) fn started_at(learned: &Learned) -> Option<Timestamp> {
    parse(&learned.last_start).max(parse(&learned.scheduled_since))
}

pub(super) fn parse(text: &Option<String>) -> Option<Timestamp> {
    text.as_ref().and_then(|text| text.parse().ok())
}
