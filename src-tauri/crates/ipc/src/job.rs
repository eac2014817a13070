//! Jobs: what a person configured, and how each one stands.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::account::Quota;
use crate::error::CommandError;
use crate::run::{Progress, RunSummary};

/// What a job backs up, where to, and when. Secrets are not part of it. It is stored: a field that is new has a `serde`
/// default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct JobDefinition {
    /// Name for people; unique among the jobs.
    pub name: String,
    /// Whether volumes are encrypted with the job's passphrase. Fixed for the life of a backup.
    pub encrypted: bool,
    /// Where the volumes go.
    pub destination: DestinationSettings,
    /// Absolute paths of folders and files to back up; at least one.
    pub sources: Vec<String>,
    /// Ordered filter rules, first match wins.
    pub filters: Vec<FilterRule>,
    /// When it runs by itself; `None` means only by hand.
    pub schedule: Option<Schedule>,
    /// The rest.
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
        /// Folder from the drive's root, `/` between, no leading `/`.
        folder: String,
    },
    /// A folder of this computer or of a disk attached to it.
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

/// When a job runs by itself: a first time, then every interval, on the allowed days.
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
    /// Patterns of files that are read whatever their dates say (`--always-read`).
    #[serde(default = "JobOptions::usual_always_read")]
    pub always_read: Vec<String>,
}

impl JobOptions {
    /// Containers of VeraCrypt and its like, which keep their dates.
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
    /// Those that are not older than a time span (`--keep-time`).
    Time {
        /// Number and unit as Duplicati writes them: `30D`, `4W`, `6M`, `1Y`.
        span: String,
    },
    /// Fewer and fewer, the older they are (`--retention-policy`).
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
    /// What goes on.
    pub state: JobState,
    /// How safe its files are.
    pub health: Health,
    /// Where it goes, for people, e.g. `OneDrive · alex@outlook.example · Backups/laptop`.
    pub destination_label: String,
    /// The newest run of any kind, also while it runs.
    pub last_run: Option<RunSummary>,
    /// Next run by schedule, RFC 3339.
    pub next_run: Option<String>,
    /// Versions in the destination, as of the last run that listed it.
    pub versions: Option<u32>,
    /// Bytes in the destination, as of the last run that listed it.
    pub stored_bytes: Option<u64>,
    /// Space of the destination, as of the last run that asked.
    pub quota: Option<Quota>,
}

/// How safe a job's files are: the one answer that home screen, tray and command line show.
///
/// Only backups change it. A restore, a look into the backup, or a backup that its owner stopped does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// In one word.
    pub level: HealthLevel,
    /// What the next backup waits for, besides its time.
    pub waiting_for: WaitingFor,
    /// Why it is not as it should be, and what to do.
    pub problem: Option<CommandError>,
    /// The newest backup that ended by itself.
    pub last_backup: Option<RunSummary>,
    /// When the newest backup that has everything was started, RFC 3339.
    pub last_good: Option<String>,
    /// Whether three planned times went by without a good backup.
    pub overdue: bool,
}

/// How things stand in one word, from the best to the worst: of several jobs the worst one speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum HealthLevel {
    /// The newest backup has everything.
    Good,
    /// No backup ended yet.
    New,
    /// The next backup waits for something that comes by itself.
    Waiting,
    /// A backup runs.
    Running,
    /// Some files need a look, or there was no backup for long.
    Warning,
    /// No backup is possible until somebody acts, or the newest one failed.
    Bad,
}

/// How all jobs together stand: the worst of them speaks. Home screen and tray show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The worst level; none without jobs.
    pub level: Option<HealthLevel>,
    /// How many jobs are at it.
    pub jobs: u32,
    /// One line on it, which names the first of them.
    pub line: String,
}

/// What a job's next backup waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum WaitingFor {
    /// Nothing but its time.
    Nothing,
    /// Somebody has to sign in again.
    SignIn,
    /// Somebody has to type the passphrase.
    Passphrase,
    /// The keychain has to be there and unlocked.
    Keychain,
    /// The disk with the backup has to be connected.
    Disk,
    /// The network has to be there.
    Network,
    /// Somebody has to make room at the destination.
    Quota,
    /// The service asked for a rest.
    Service,
    /// Another backup runs on the same line, or another program works on the destination.
    Turn,
}

/// Something that is kept here and cannot be read, as after a return to an earlier version. It is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Unreadable {
    /// Its id.
    pub id: String,
    /// Its name, as far as that can be made out.
    pub name: String,
    /// Whether it is a job; otherwise it is a sign-in.
    pub is_job: bool,
}

/// What goes on with a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum JobState {
    /// Nothing is going on.
    Idle,
    /// An operation runs.
    #[serde(rename_all = "camelCase")]
    Running {
        /// Identifies the run.
        run_id: String,
        /// How far it is.
        progress: Progress,
    },
    /// The sign-in or passphrase must be given again before it can run.
    NeedsAttention {
        /// Why, and what to do.
        error: CommandError,
    },
}
