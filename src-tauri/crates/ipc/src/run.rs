//! Runs: their progress, and their summary and report afterwards.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::CommandError;

/// Which operation a run performs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Backs up files to the destination.
    Backup,
    /// Restores files from the destination.
    Restore,
    /// Deletes versions.
    Delete,
    /// Reclaims space at the destination.
    Compact,
    /// Checks what is stored; nothing is changed.
    Verify,
    /// Repairs what is stored.
    Repair,
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Signing in, listing the destination.
    Connecting,
    /// Reading what the destination holds into the index.
    ReadingDestination,
    /// Uploading what an earlier run left.
    SendingLeft,
    /// Scanning and reading the sources; nothing is being sent yet.
    LookingForChanges,
    /// Uploading, while the rest of the sources is read.
    Sending,
    /// Uploading the file list.
    Finishing,
    /// Deleting versions beyond the retention.
    Deleting,
    /// Reclaiming space.
    Compacting,
    /// Checking volumes.
    Checking,
    /// Determining which volumes are needed.
    Planning,
    /// Downloading volumes and writing files.
    Restoring,
}

/// The progress of a run. Sent at most ten times per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Which operation.
    pub operation: Operation,
    /// What it is doing.
    pub phase: Phase,
    /// Number of files and folders that are done.
    pub done_files: u64,
    /// Total number of files and folders, once counted.
    pub total_files: Option<u64>,
    /// Bytes that have arrived: at the destination in a backup, in files in a restore.
    pub done_bytes: u64,
    /// Total bytes that have to arrive, once that is known or can be estimated.
    pub total_bytes: Option<u64>,
    /// Finished share, from 0 to less than 1; it never decreases. `None` while the amount of work is unknown.
    pub share: Option<f64>,
    /// Transfer speed over the last half minute, in bytes per second.
    pub bytes_per_second: u64,
    /// Seconds left, if they can be estimated.
    pub seconds_left: Option<u64>,
    /// The path that is being processed.
    pub current: String,
    /// Why the run is waiting at the moment.
    pub wait: Option<Wait>,
}

/// Why a run is waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// A message for the user, without a period.
    pub why: String,
    /// When it resumes, if that is known (RFC 3339).
    pub until: Option<String>,
}

/// What the user can allow for one backup, because it may be intended or may lose data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// Start a new backup although the one that was at the destination is gone.
    NewDestination,
    /// Back up the current content of a source although it was emptied or is another disk.
    MissingSource,
    /// Let retention delete more than half of all versions at once.
    MassDeletion,
}

/// The outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum RunResult {
    /// It is still running.
    Running,
    /// It succeeded.
    Success,
    /// It succeeded and there was nothing to do.
    Unchanged,
    /// It finished; some files need attention.
    Warning,
    /// It did not finish.
    Error,
    /// The user stopped it.
    Stopped,
    /// The computer or the app stopped while it was running.
    Interrupted,
}

/// One run, as the history lists it. It is stored: new fields need a `serde` default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// Identifies the run.
    pub id: String,
    /// The operation.
    pub operation: Operation,
    /// When it started, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub finished: Option<String>,
    /// The outcome.
    pub result: RunResult,
    /// Counts of what was done.
    #[serde(default)]
    pub counts: RunCounts,
    /// Number of lines of the report.
    #[serde(default)]
    pub messages: u64,
    /// What failed, and what to do.
    pub error: Option<CommandError>,
    /// What a restore wrote, and where.
    #[serde(default)]
    pub restored: Option<Box<Restored>>,
    /// What a backup held back until the user allows it.
    #[serde(default)]
    pub held_back: Vec<Permission>,
    /// Sources that a backup did not find.
    #[serde(default)]
    pub missing: Vec<MissingSource>,
}

/// A source that was missing or empty; the version keeps what the previous one had of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct MissingSource {
    /// Its absolute path.
    pub path: String,
    /// Number of its files in the previous version, which are kept.
    pub kept_files: u64,
    /// Whether the folder exists but is empty.
    pub is_emptied: bool,
}

/// What a restore wrote, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Restored {
    /// The backup that it came from, to display.
    pub from: String,
    /// The folder that contains everything, if there is one; `open_restored` opens it.
    pub folder: Option<String>,
    /// Whether that folder was chosen; otherwise everything was restored to its original place.
    pub elsewhere: bool,
    /// Up to 100 restored files, those with new names first.
    pub files: Vec<RestoredFile>,
    /// Stored paths of up to 100 files that could not be restored.
    pub failed: Vec<String>,
}

/// A restored file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoredFile {
    /// Its absolute path on this computer.
    pub path: String,
    /// Whether it got another name, because a different file has its original name.
    pub new_name: bool,
}

/// Counts of what a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct RunCounts {
    /// Files examined (backup) or requested (restore).
    pub examined_files: u64,
    /// Size of their content in bytes.
    pub examined_bytes: u64,
    /// Files that are new in this version.
    pub added_files: u64,
    /// Files that differ from the previous version.
    pub changed_files: u64,
    /// Files that were deleted since the previous version.
    pub deleted_files: u64,
    /// Files that a restore wrote or that were already correct.
    pub restored_files: u64,
    /// Folders and links that a restore wrote or that were already correct.
    #[serde(default)]
    pub restored_others: u64,
    /// Files that could not be read or written.
    pub failed_files: u64,
    /// Missing sources; what the previous version has of them is kept.
    pub missing_sources: u64,
    /// Bytes sent to the destination.
    pub uploaded_bytes: u64,
    /// Bytes received from the destination.
    pub downloaded_bytes: u64,
    /// Number of volumes sent.
    pub uploaded_volumes: u64,
    /// Versions deleted by retention.
    pub deleted_versions: u64,
}

/// One line of a run's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunMessage {
    /// Severity of the line.
    pub level: MessageLevel,
    /// The file or volume it is about; empty when about the run.
    pub subject: String,
    /// What happened.
    pub text: String,
}

/// Severity of a report line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum MessageLevel {
    /// Information only.
    Info,
    /// Needs attention.
    Warning,
    /// Something failed.
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
