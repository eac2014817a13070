//! Runs: progress while one goes on, and what remains of it afterwards.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::CommandError;

/// Which operation a run performs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Files to destination.
    Backup,
    /// Destination to files.
    Restore,
    /// Versions away.
    Delete,
    /// Space given back.
    Compact,
    /// A look at what is stored; nothing is changed.
    Verify,
    /// Putting right what is stored.
    Repair,
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Signing in, listing the destination.
    Connecting,
    /// Reading what the destination holds into the local database.
    ReadingDestination,
    /// Uploading what a run before left.
    SendingLeft,
    /// Walking the sources and reading; nothing is on its way yet.
    LookingForChanges,
    /// Uploading, while the rest of the sources is read.
    Sending,
    /// The file list.
    Finishing,
    /// Deleting versions beyond the retention.
    Deleting,
    /// Giving space back.
    Compacting,
    /// Looking into volumes.
    Checking,
    /// Finding out which volumes are needed.
    Planning,
    /// Downloading volumes and writing files.
    Restoring,
}

/// How far a run is. Sent at most ten times a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Which operation.
    pub operation: Operation,
    /// What it is doing.
    pub phase: Phase,
    /// Files and folders done.
    pub done_files: u64,
    /// All of them, once counted.
    pub total_files: Option<u64>,
    /// Bytes that have arrived: at the destination in a backup, in files in a restore.
    pub done_bytes: u64,
    /// All that there are to arrive, once that is known or can be estimated.
    pub total_bytes: Option<u64>,
    /// 0 to 1, never falls, never 1. Missing while nobody knows how much there is to do.
    pub share: Option<f64>,
    /// Transfer speed over the last half minute, bytes a second.
    pub bytes_per_second: u64,
    /// Seconds left, when it can honestly be said.
    pub seconds_left: Option<u64>,
    /// The path that is worked on.
    pub current: String,
    /// Why nothing goes on at the moment.
    pub wait: Option<Wait>,
}

/// Why a run rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// A sentence for people, without its full stop.
    pub why: String,
    /// When it goes on, if that is known (RFC 3339).
    pub until: Option<String>,
}

/// What a person can allow one backup to do, because it may be meant or may cost data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// The backup that was at the destination is gone; another one begins there.
    NewDestination,
    /// What a source has now is backed up, although it was emptied or is another disk.
    MissingSource,
    /// Retention deletes more than half of all versions at once.
    MassDeletion,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum RunResult {
    /// It still runs.
    Running,
    /// All went well.
    Success,
    /// It went well and there was nothing to do.
    Unchanged,
    /// It finished; some files need a look.
    Warning,
    /// It did not finish.
    Error,
    /// The user stopped it.
    Stopped,
    /// The computer or the app went down while it ran.
    Interrupted,
}

/// One run, as the history lists it. It is stored: a field that is new has a `serde` default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// Identifies the run.
    pub id: String,
    /// What it did.
    pub operation: Operation,
    /// When it started, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub finished: Option<String>,
    /// How it ended.
    pub result: RunResult,
    /// Counts of what was done.
    #[serde(default)]
    pub counts: RunCounts,
    /// How many messages the report has.
    #[serde(default)]
    pub messages: u64,
    /// What failed, when it failed.
    pub error: Option<CommandError>,
    /// Where a restore put things.
    #[serde(default)]
    pub restored: Option<Box<Restored>>,
    /// What a backup held back until a person allows it.
    #[serde(default)]
    pub held_back: Vec<Permission>,
    /// Sources that a backup did not find.
    #[serde(default)]
    pub missing: Vec<MissingSource>,
}

/// A source that was not there, of which the version keeps what the one before had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct MissingSource {
    /// Its whole path.
    pub path: String,
    /// Files of it in the version before, which are kept.
    pub kept_files: u64,
    /// Whether its folder is there, with nothing in it.
    pub is_emptied: bool,
}

/// Where a restore put things.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Restored {
    /// The backup that it came from, for people.
    pub from: String,
    /// The folder that everything is in, if there is one; `open_restored` opens it.
    pub folder: Option<String>,
    /// Whether that folder was chosen; otherwise everything went back where it was.
    pub elsewhere: bool,
    /// Up to 100 files as they are now, those with new names first.
    pub files: Vec<RestoredFile>,
    /// Stored paths of up to 100 that did not come.
    pub failed: Vec<String>,
}

/// A file as a restore left it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoredFile {
    /// Its whole path on this computer.
    pub path: String,
    /// Whether it got another name, because a file that differs has its own.
    pub new_name: bool,
}

/// What a run did, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct RunCounts {
    /// Files looked at (backup), or asked for (restore).
    pub examined_files: u64,
    /// Their content, in bytes.
    pub examined_bytes: u64,
    /// New in this version.
    pub added_files: u64,
    /// Different from the version before.
    pub changed_files: u64,
    /// Gone since the version before.
    pub deleted_files: u64,
    /// Files that a restore wrote, or found right.
    pub restored_files: u64,
    /// Folders and links that it wrote, or found right.
    #[serde(default)]
    pub restored_others: u64,
    /// Could not be read or written.
    pub failed_files: u64,
    /// Sources that were not there; what the version before has of them is kept.
    pub missing_sources: u64,
    /// Sent to the destination.
    pub uploaded_bytes: u64,
    /// Received from the destination.
    pub downloaded_bytes: u64,
    /// Volumes sent.
    pub uploaded_volumes: u64,
    /// Versions deleted by retention.
    pub deleted_versions: u64,
}

/// One line of a run's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunMessage {
    /// How serious.
    pub level: MessageLevel,
    /// The file or volume it is about; empty when about the run.
    pub subject: String,
    /// What happened.
    pub text: String,
}

/// How serious a report line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum MessageLevel {
    /// Good to know.
    Info,
    /// Needs a look.
    Warning,
    /// Failed.
    Error,
}

/// One page of a run's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The run.
    pub summary: RunSummary,
    /// Lines `offset..offset + lines.len()` of `summary.messages`.
    pub lines: Vec<RunMessage>,
}
