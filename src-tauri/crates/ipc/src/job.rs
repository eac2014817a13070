//! Jobs: what the user configured, and their status.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::account::Quota;
use crate::error::CommandError;
use crate::run::{Progress, RunSummary};

/// What a job backs up, where to, and when. Secrets are not part of it. It is stored: new fields need a `serde`
/// default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct JobDefinition {
    /// Name to display; unique among the jobs.
    pub name: String,
    /// Whether volumes are encrypted with the job's passphrase. Fixed for the life of a backup.
    pub encrypted: bool,
    /// Where the volumes go.
    pub destination: DestinationSettings,
    /// Absolute paths of folders and files to back up; at least one.
    pub sources: Vec<String>,
    /// Ordered filter rules, first match wins.
    pub filters: Vec<FilterRule>,
    /// When it runs automatically; `None` means only manually.
    pub schedule: Option<Schedule>,
    /// Further options.
    pub options: JobOptions,
}

/// Where a job's volumes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DestinationSettings {
    /// `onedrivev2://<folder>?authid=…`
    #[serde(rename_all = "camelCase")]
    OneDrive {
        /// [`crate::account::Account::id`] of the sign-in.
        account_id: String,
        /// Value of `--drive-id`; empty for the account's own drive.
        drive_id: String,
        /// Folder from the drive's root, separated by `/`, without a leading `/`.
        folder: String,
    },
    /// A folder on this computer or on a disk attached to it.
    #[serde(rename_all = "camelCase")]
    Folder {
        /// Absolute path.
        path: String,
    },
}

/// One filter rule in Duplicati's syntax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FilterRule {
    /// `true` keeps what matches, `false` leaves it out.
    pub include: bool,
    /// Wildcard, literal, `[regular expression]` or `{group}`.
    pub expression: String,
}

/// When a job runs automatically: a first time, then at every interval, on the allowed days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// First run in the computer's time zone, `YYYY-MM-DDTHH:MM`.
    pub first_run: String,
    /// How many [`Schedule::unit`]s between runs; at least 1.
    pub every: u32,
    /// Unit of `every`.
    pub unit: ScheduleUnit,
    /// Days on which it may start; empty means every day.
    pub days: Vec<Weekday>,
}

/// Unit of a schedule's interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ScheduleUnit {
    /// 60 minutes.
    Hours,
    /// The same time next day.
    Days,
    /// Seven days.
    Weeks,
    /// The same day next month, or its last.
    Months,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Options of a job; the names of Duplicati's options are in the field docs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct JobOptions {
    /// `--dblock-size`, in bytes; at least 1 MiB.
    pub volume_bytes: u64,
    /// `--blocksize`, in bytes; fixed for the life of a backup, so it can be set only while the job is new.
    pub block_bytes: u64,
    /// `--prefix`.
    pub prefix: String,
    /// Which versions are kept.
    pub retention: Retention,
    /// Patterns of files that are read in every run, even if their dates did not change (`--always-read`).
    #[serde(default = "JobOptions::usual_always_read")]
    pub always_read: Vec<String>,
}

impl JobOptions {
    /// Containers of VeraCrypt and similar programs, which do not change their dates.
    pub fn usual_always_read() -> Vec<String> {
        vec!["*.hc".to_owned(), "*.tc".to_owned()]
    }
}

/// Which versions a job keeps. The others are deleted after each successful run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Retention {
    /// All of them.
    All,
    /// The newest ones (`--keep-versions`).
    Versions {
        /// How many; at least 1.
        count: u32,
    },
    /// Those no older than a time span (`--keep-time`).
    Time {
        /// Number and unit as Duplicati writes them: `30D`, `4W`, `6M`, `1Y`.
        span: String,
    },
    /// The fewer, the older they are (`--retention-policy`).
    Policy {
        /// Time frames and the interval kept in each: `1W:1D,4W:1W,12M:1M`.
        policy: String,
    },
}

/// A job as the home screen shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct JobCard {
    /// Identifies the job.
    pub id: String,
    /// What it does.
    pub definition: JobDefinition,
    /// What is happening with the job.
    pub state: JobState,
    /// How safe its files are.
    pub health: Health,
    /// The destination to display, e.g. `OneDrive · alex@outlook.example · Backups/laptop`.
    pub destination_label: String,
    /// The newest run of any kind, which may be active.
    pub last_run: Option<RunSummary>,
    /// Next run by schedule, RFC 3339.
    pub next_run: Option<String>,
    /// Number of versions at the destination, as of the last run that listed it.
    pub versions: Option<u32>,
    /// Bytes at the destination, as of the last run that listed it.
    pub stored_bytes: Option<u64>,
    /// Space of the destination, as of the last run that requested it.
    pub quota: Option<Quota>,
}

/// How safe a job's files are, as home screen, tray and command line all show it.
///
/// Only backups change it. A restore, browsing the backup, or a backup that the user stopped does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The summary of the health.
    pub level: HealthLevel,
    /// What the next backup waits for, besides its planned time.
    pub waiting_for: WaitingFor,
    /// What is wrong, and what to do.
    pub problem: Option<CommandError>,
    /// The newest backup that the user did not stop.
    pub last_backup: Option<RunSummary>,
    /// When the newest complete backup was started, RFC 3339.
    pub last_good: Option<String>,
    /// Whether three planned times have passed without a good backup.
    pub overdue: bool,
}

/// Levels of health, from best to worst; several jobs together have the worst of their levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum HealthLevel {
    /// The newest backup is complete.
    Good,
    /// No backup has finished yet.
    New,
    /// The next backup waits for something that needs no action of the user.
    Waiting,
    /// A backup is running.
    Running,
    /// Some files need attention, or there was no backup for a long time.
    Warning,
    /// No backup is possible until the user acts, or the newest one failed.
    Bad,
}

/// The health of all jobs together, which is that of the worst. Home screen and tray show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The worst level; `None` without jobs.
    pub level: Option<HealthLevel>,
    /// Number of jobs at this level.
    pub jobs: u32,
    /// One line about it, which names the first of these jobs.
    pub line: String,
}

/// What a job's next backup waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum WaitingFor {
    /// Only its planned time.
    Nothing,
    /// The user has to sign in again.
    SignIn,
    /// The user has to type the passphrase.
    Passphrase,
    /// The keychain has to be available and unlocked.
    Keychain,
    /// The disk with the backup has to be connected.
    Disk,
    /// The network has to be available.
    Network,
    /// The user has to free space at the destination.
    Quota,
    /// The service limits requests for a while.
    Service,
    /// Another backup uses the same disk or network, or another program uses the destination.
    Turn,
}

/// A stored item that cannot be read, for example after a downgrade. It is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Unreadable {
    /// Its id.
    pub id: String,
    /// Its name, if that can be read.
    pub name: String,
    /// Whether it is a job; otherwise it is a sign-in.
    pub is_job: bool,
}

/// What a job is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum JobState {
    /// Nothing is happening.
    Idle,
    /// An operation is running.
    #[serde(rename_all = "camelCase")]
    Running {
        /// Identifies the run.
        run_id: String,
        /// The progress of the run.
        progress: Progress,
    },
    /// The user must sign in again or enter the passphrase before it can run.
    NeedsAttention {
        /// What is wrong, and what to do.
        error: CommandError,
    },
}
