//! Every command of the app: its name, what it takes and what it gives. All of them may fail with
//! [`CommandError`].
//!
//! | name | arguments | reply |
//! |---|---|---|
//! | `app_state` | – | [`AppState`] |
//! | `set_theme` | `theme: Theme` | – |
//! | `create_job` | `request: SaveJob` | [`JobCard`] |
//! | `update_job` | `jobId`, `request: SaveJob` | [`JobCard`] |
//! | `delete_job` | `jobId`, `forgetSecrets: bool` | – (remote volumes are never touched) |
//! | `start_backup` | `jobId` | run id |
//! | `start_backup_with` | `jobId`, `permission` | run id (does what the runs before held back) |
//! | `stop_run` | `runId` | – (ends at the next block; also for restores) |
//! | `run_history` | `jobId` (empty: restores from backups of no job), `offset`, `limit` | list of [`RunSummary`](crate::run::RunSummary), newest first |
//! | `run_report` | `runId`, `offset`, `limit` | [`RunReport`](crate::run::RunReport) |
//! | `set_bandwidth` | `settings: BandwidthSettings` | – (what is under way obeys at once) |
//! | `set_sign_in_settings` | `settings: SignInSettings` | – |
//! | `start_sign_in` | `request: SignInRequest` | [`PendingSignIn`](crate::account::PendingSignIn); its end comes as an event |
//! | `cancel_sign_in` | `signInId` | – |
//! | `add_pasted_auth_id` | `authId`, `again: string or null` | [`Account`] |
//! | `remove_account` | `accountId` | – (refused while a job uses it) |
//! | `list_drives` | `accountId`, `question` | list of [`Drive`](crate::account::Drive) |
//! | `list_folders` | `accountId`, `driveId`, `path`, `question` | list of [`RemoteFolder`](crate::account::RemoteFolder) |
//! | `suggest_folder` | `accountId`, `driveId` | a folder path that does not exist yet |
//! | `check_destination` | `destination`, `prefix`, `question` | [`DestinationCheck`] |
//! | `check_passphrase` | `destination`, `prefix`, `passphrase` (empty: one that the keychain has) | – (it opens the backup there, or there is none) |
//! | `repair_passphrase` | `jobId`, `passphrase` | [`JobCard`] (tried first; else nothing is replaced) |
//! | `left_passphrases` | – | list of [`LeftPassphrase`](crate::passphrase::LeftPassphrase) |
//! | `remove_left_passphrase` | `id` | – |
//! | `generate_passphrase` | – | a passphrase |
//! | `rate_passphrase` | `passphrase` | [`PassphraseRating`] |
//! | `recovery_sheet` | `of: SheetOf` | [`RecoverySheet`](crate::sheet::RecoverySheet), to be printed |
//! | `save_recovery_sheet` | `of: SheetOf` | path it was saved to, or `null` when the person cancelled |
//! | `pick_folders` | – | absolute paths, empty when cancelled |
//! | `pick_folder` | `title` | absolute path, or `null` when cancelled |
//! | `check_source` | `path` | [`SourceCheck`] |
//! | `open_backup` | `backup: BackupRef`, `question` | [`OpenBackup`](crate::restore::OpenBackup) |
//! | `opened_places` | – | list of [`OpenedPlace`](crate::restore::OpenedPlace), the last first |
//! | `forget_opened_place` | `id` | – |
//! | `list_entries` | `handle`, `version`, `folder` (empty: roots), `offset`, `limit` | [`EntryPage`](crate::restore::EntryPage) |
//! | `search_entries` | `handle`, `version`, `text`, `offset`, `limit` | [`EntryPage`](crate::restore::EntryPage) |
//! | `start_restore` | `request: RestoreRequest` | run id |
//! | `open_restored` | `runId` | – (shows the folder of a restore that ended in the system's file manager) |
//! | `close_backup` | `handle` | – |
//! | `give_up` | `question` | – (what had that number ends with `cancelled`) |
//!
//! A `question` is a number that the asker makes up, once for each call, or `null`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use zeroize::ZeroizeOnDrop;

use crate::account::{Account, Quota, SignInSettings};
use crate::error::CommandError;
use crate::job::{JobCard, JobDefinition, Unreadable};
use crate::restore::Version;

/// Everything the UI needs when it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AppState {
    /// Events up to this one are already in here.
    pub seq: u64,
    /// All jobs, by name.
    pub jobs: Vec<JobCard>,
    /// All sign-ins.
    pub accounts: Vec<Account>,
    /// Jobs and sign-ins that are kept here and cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Wired to the simulator; the badge is shown.
    pub demo: bool,
    /// Why secrets cannot be kept, when they could not the last time. Asking for the state looks again; the answer comes
    /// as an event, because a keychain may take its time.
    pub keychain_problem: Option<CommandError>,
    /// What is wrong with the app's own database, or was until it was mended a few days ago.
    pub database_problem: Option<CommandError>,
    /// Whether closing the window leaves an icon to come back by.
    pub tray: TrayStatus,
    /// Light, dark, or as the system says.
    pub theme: Theme,
    /// Version of the app.
    pub version: String,
    /// What a new backup starts with.
    pub defaults: NewJobDefaults,
    /// Who signs in.
    pub sign_in: SignInSettings,
    /// What OneDrive's transfers may use.
    pub bandwidth: BandwidthSettings,
    /// Whether there is a client id, so that signing in at Microsoft itself can be offered.
    pub signs_in_directly: bool,
}

/// What a new backup starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NewJobDefaults {
    /// Suggested name, e.g. `Backup of laptop`.
    pub name: String,
    /// Folders of this person that exist (Documents, Pictures, …).
    pub sources: Vec<String>,
    /// Options as the engine has them.
    pub options: crate::job::JobOptions,
}

/// Most bytes that go over the wire in a second, by all backups and restores together; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct BandwidthSettings {
    /// To OneDrive; at least 32,768.
    pub upload_bytes: Option<u64>,
    /// From OneDrive; at least 32,768.
    pub download_bytes: Option<u64>,
}

/// How the tray stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum TrayStatus {
    /// The icon can be seen.
    Shown,
    /// Nothing on this desktop shows tray icons; the window stays in the task bar instead.
    Unavailable,
}

/// Colors of the UI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// A job with what belongs in the keychain. No `Debug`: it holds the passphrase, which is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
pub struct SaveJob {
    /// The job.
    #[zeroize(skip)]
    pub definition: JobDefinition,
    /// Its passphrase, tried before it is kept; `None` takes the one that the keychain has for this backup.
    pub passphrase: Option<String>,
}

/// What a destination folder turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DestinationCheck {
    /// What it holds.
    pub content: DestinationContent,
    /// Account, drive and folder, for people.
    pub label: String,
    /// Its space, when known.
    pub quota: Option<Quota>,
    /// Name of another job that writes to the same folder.
    pub used_by: Option<String>,
    /// Whether the keychain has a passphrase for the backup there, so that none needs to be typed.
    pub passphrase_kept: bool,
}

/// What a destination folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DestinationContent {
    /// It does not exist yet and will be created.
    New,
    /// It exists and is empty.
    Empty,
    /// It holds files, none of them a volume with this prefix.
    OtherFiles,
    /// It holds a backup.
    Backup {
        /// Newest first.
        versions: Vec<Version>,
        /// Whether a passphrase is needed.
        encrypted: bool,
    },
}

/// How hard a passphrase is to guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PassphraseRating {
    /// 0 (no protection) to 4 (strong).
    pub score: u8,
    /// The score in words.
    pub label: String,
    /// How to make it better; empty when there is nothing to say.
    pub advice: String,
}

/// Whether something can be backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SourceCheck {
    /// The path as it will be stored.
    pub path: String,
    /// Why it cannot be used, when it cannot.
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only as long as what holds a secret wipes it.
    #[test]
    fn a_job_wipes_its_passphrase() {
        fn wiped<T: ZeroizeOnDrop>() {}

        wiped::<SaveJob>();
    }
}
