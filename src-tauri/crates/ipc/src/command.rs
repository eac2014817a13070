//! The commands of the app, each declared once in [`for_each_command`](crate::for_each_command), and the types that
//! only they use.
//!
//! [`Commands`] documents them. The same table generates the Tauri commands (`src-tauri/src/commands`) and the client
//! in TypeScript (`ui/src/bindings/commands.ts`), whose interface the fake backend in the browser implements, too. So a
//! new command is a line in the table, the method that implements it, and its fake in `ui/src/platform/browser.ts`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use zeroize::ZeroizeOnDrop;

use crate::shapes::*;

/// Expands `$callback!` with the table of all commands, as `by_coffer { … } by_app { … }`.
///
/// Commands in `by_coffer` are methods of `coffer_jobs::Coffer` with the same name, those in `by_app` methods of the
/// app's `Shell`. Code that expands the table imports its types from [`shapes`](crate::shapes). `; question` after the
/// arguments lets the caller cancel the command.
#[macro_export]
macro_rules! for_each_command {
    ($callback:ident) => {
        $callback! {
            by_coffer {
                /// Sets the theme.
                set_theme(theme: Theme) -> ();
                /// Limits transfers with OneDrive, including those in progress.
                set_bandwidth(settings: BandwidthSettings) -> ();

                /// Creates a job.
                create_job(request: SaveJob) -> JobCard;
                /// Changes a job.
                update_job(job_id: String, request: SaveJob) -> JobCard;
                /// Deletes a job; its volumes stay at the destination.
                delete_job(job_id: String, forget_secrets: bool) -> ();
                /// Starts a backup; the reply is the run's id.
                start_backup(job_id: String) -> String;
                /// Starts a backup that may do what earlier runs held back; the reply is the run's id.
                start_backup_with(job_id: String, permission: Permission) -> String;
                /// Stops a backup or a restore at the next block.
                stop_run(run_id: String) -> ();
                /// The runs of a job, newest first; an empty id stands for restores without a job.
                run_history(job_id: String, offset: u32, limit: u32) -> Vec<RunSummary>;
                /// The report of a run.
                run_report(run_id: String, offset: u32, limit: u32) -> RunReport;

                /// Sets which service or registered app is used for new sign-ins.
                set_sign_in_settings(settings: SignInSettings) -> ();
                /// Starts a sign-in; its end comes as an event.
                start_sign_in(request: SignInRequest) -> PendingSignIn;
                /// Cancels a pending sign-in.
                cancel_sign_in(sign_in_id: String) -> ();
                /// Stores an AuthID that the user pasted, as a new sign-in or to renew the account with the id `again`.
                add_pasted_auth_id(auth_id: SecretString, again: Option<String>) -> Account;
                /// Removes a sign-in; refused while a job uses it.
                remove_account(account_id: String) -> ();
                /// The drives of an account.
                list_drives(account_id: String; question) -> Vec<Drive>;
                /// The folders in a folder.
                list_folders(account_id: String, drive_id: String, path: String; question) -> Vec<RemoteFolder>;
                /// Suggests the path of a folder that does not exist yet.
                suggest_folder(account_id: String, drive_id: String) -> String;
                /// Checks what a destination folder holds.
                check_destination(destination: DestinationSettings, prefix: String; question) -> DestinationCheck;
                /// Whether something can be backed up.
                check_source(path: String) -> SourceCheck;
                /// How much of a source would be backed up.
                measure_source(path: String, filters: Vec<FilterRule>; question) -> SourceSize;

                /// Succeeds when the passphrase opens the backup there, or there is no backup; an empty passphrase
                /// stands for the one in the keychain.
                check_passphrase(destination: DestinationSettings, prefix: String, passphrase: SecretString) -> ();
                /// Replaces a job's passphrase. It is tried first; the old one stays when it does not open the backup.
                repair_passphrase(job_id: String, passphrase: SecretString) -> JobCard;
                /// Passphrases of deleted jobs that are still stored.
                left_passphrases() -> Vec<LeftPassphrase>;
                /// Removes a passphrase that a deleted job left.
                remove_left_passphrase(id: String) -> ();
                /// The recovery sheet, to be printed; it contains the passphrase.
                recovery_sheet(of: SheetOf) -> RecoverySheet;

                /// Opens a backup for browsing.
                open_backup(backup: BackupRef; question) -> OpenBackup;
                /// Backups without a job that were opened here, the most recent first.
                opened_places() -> Vec<OpenedPlace>;
                /// Removes a backup from that list.
                forget_opened_place(id: String) -> ();
                /// The entries of a folder in a version; an empty path stands for the roots.
                list_entries(handle: String, version: u32, folder: String, offset: u32, limit: u32) -> EntryPage;
                /// The entries of a version whose name contains a text.
                search_entries(handle: String, version: u32, text: String, offset: u32, limit: u32) -> EntryPage;
                /// Starts a restore; the reply is the run's id.
                start_restore(request: RestoreRequest) -> String;
                /// Shows the target folder of an ended restore in the system's file manager.
                open_restored(run_id: String) -> ();
                /// Closes an opened backup.
                close_backup(handle: String) -> ();

                /// Cancels the command that was called with this question.
                give_up(question: String) -> ();
            }
            by_app {
                /// Everything the UI needs when it starts.
                app_state() -> AppState;
                /// Generates a passphrase.
                generate_passphrase() -> String;
                /// How hard a passphrase is to guess.
                rate_passphrase(passphrase: SecretString) -> PassphraseRating;
                /// Lets the user choose a file for the recovery sheet; the reply is its path, or `null` when cancelled.
                save_recovery_sheet(of: SheetOf) -> Option<String>;
                /// Lets the user choose folders to back up; the reply is their absolute paths, empty when cancelled.
                pick_folders() -> Vec<String>;
                /// Lets the user choose a folder; the reply is its absolute path, or `null` when cancelled.
                pick_folder(title: String) -> Option<String>;
            }
        }
    };
}

macro_rules! readable {
    ($($group:ident {$(
        $(#[$doc:meta])*
        $name:ident($($argument:ident: $type:ty),* $(; $question:ident)?) -> $reply:ty;
    )*})*) => {
        /// Every command. This is only documentation: nothing implements it.
        ///
        /// Arguments are passed by their names in camel case. Each command may fail with [`CommandError`]. A `question`
        /// is an id that the caller chooses for a call. [`give_up`](Self::give_up) with this id ends the command with
        /// the code `cancelled`.
        pub trait Commands {$($(
            $(#[$doc])*
            fn $name($($argument: $type,)* $($question: Option<String>)?) -> $reply;
        )*)*}
    };
}

for_each_command!(readable);

/// Everything the UI needs when it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AppState {
    /// Number of the last event that this state includes.
    pub seq: u64,
    /// All jobs, by name.
    pub jobs: Vec<JobCard>,
    /// The overview of all jobs.
    pub overview: Overview,
    /// All sign-ins.
    pub accounts: Vec<Account>,
    /// Stored jobs and sign-ins that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Whether this is the demo, which uses the simulator; the UI shows a badge.
    pub demo: bool,
    /// Why secrets could not be stored the last time. Requesting the state checks again; the answer comes as an event,
    /// because a keychain may take a while.
    pub keychain_problem: Option<CommandError>,
    /// The damage of the app's own database, or a repair in the last days.
    pub database_problem: Option<CommandError>,
    /// Whether the app has a tray icon after its window is closed.
    pub tray: TrayStatus,
    /// Light, dark, or that of the system.
    pub theme: Theme,
    /// Version of the app.
    pub version: String,
    /// Defaults for a new backup.
    pub defaults: NewJobDefaults,
    /// Which service or registered app is used for new sign-ins.
    pub sign_in: SignInSettings,
    /// Limits of transfers with OneDrive.
    pub bandwidth: BandwidthSettings,
    /// Whether there is a client id, so that signing in at Microsoft itself can be offered.
    pub signs_in_directly: bool,
}

/// Defaults for a new backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NewJobDefaults {
    /// Suggested name, e.g. `Backup of laptop`.
    pub name: String,
    /// Existing folders of this user (Documents, Pictures, …), or the home folder when there are none.
    pub sources: Vec<String>,
    /// Rules that leave out caches and temporary files.
    pub filters: Vec<FilterRule>,
    /// The engine's default options.
    pub options: JobOptions,
}

/// Maximum bytes per second on the network, for all backups and restores together; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct BandwidthSettings {
    /// To OneDrive; at least 32,768.
    pub upload_bytes: Option<u64>,
    /// From OneDrive; at least 32,768.
    pub download_bytes: Option<u64>,
}

/// Whether the tray icon is visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum TrayStatus {
    /// The icon is visible.
    Shown,
    /// The desktop does not show tray icons; the window stays in the task bar instead.
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

/// A job with its secrets for the keychain. No `Debug`: it contains the passphrase, which is zeroized on drop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
pub struct SaveJob {
    /// The job.
    #[zeroize(skip)]
    pub definition: JobDefinition,
    /// Its passphrase, tried before it is stored; `None` uses the one in the keychain for this backup.
    pub passphrase: Option<String>,
}

/// The result of checking a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DestinationCheck {
    /// What it holds.
    pub content: DestinationContent,
    /// Account, drive and folder, to display.
    pub label: String,
    /// Space of the destination, if known.
    pub quota: Option<Quota>,
    /// Name of another job that writes to the same folder.
    pub used_by: Option<String>,
    /// Whether the keychain has a passphrase for the backup there, so that the user need not type it.
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
    /// How to improve it; empty if there is no advice.
    pub advice: String,
}

/// Whether something can be backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SourceCheck {
    /// The path as it will be stored.
    pub path: String,
    /// Why it cannot be used; `None` if it can.
    pub problem: Option<String>,
}

/// How much of a source would be backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SourceSize {
    /// Number of files.
    #[ts(type = "number")]
    pub files: u64,
    /// Bytes of their content.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Number of files and folders that cannot be read.
    #[ts(type = "number")]
    pub unreadable: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only while types with secrets zeroize them.
    #[test]
    fn a_job_wipes_its_passphrase() {
        fn wiped<T: ZeroizeOnDrop>() {}

        wiped::<SaveJob>();
    }
}
