//! The commands of the app, each declared once in [`for_each_command`](crate::for_each_command), and the shapes that
//! only they use.
//!
//! [`Commands`] is the page to read them on. From the same table come Tauri's side of the border (`src-tauri/src/commands`)
//! and the client in TypeScript (`ui/src/bindings/commands.ts`), whose interface the backend in the browser implements
//! too. A new command is therefore a line in the table, the method that does it, and the method that plays it in
//! `ui/src/platform/browser.ts`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use zeroize::ZeroizeOnDrop;

use crate::shapes::*;

/// Expands `$callback!` with the table of all commands, as `by_coffer { … } by_app { … }`.
///
/// What stands under `by_coffer` is a method of `coffer_jobs::Coffer` with the same name, what stands under `by_app` one of
/// the app's `Shell`. The types are those that cross the border; whoever expands the table imports them from
/// [`shapes`](crate::shapes). `; question` after the arguments lets the asker give the command up.
#[macro_export]
macro_rules! for_each_command {
    ($callback:ident) => {
        $callback! {
            by_coffer {
                /// Chooses the colors.
                set_theme(theme: Theme) -> ();
                /// Limits OneDrive's transfers; what is under way obeys at once.
                set_bandwidth(settings: BandwidthSettings) -> ();

                /// Keeps a new job.
                create_job(request: SaveJob) -> JobCard;
                /// Changes a job.
                update_job(job_id: String, request: SaveJob) -> JobCard;
                /// Forgets a job; remote volumes are never touched.
                delete_job(job_id: String, forget_secrets: bool) -> ();
                /// Starts a backup; the reply is the run's id.
                start_backup(job_id: String) -> String;
                /// Starts a backup that does what the runs before held back; the reply is the run's id.
                start_backup_with(job_id: String, permission: Permission) -> String;
                /// Ends a backup or a restore at the next block.
                stop_run(run_id: String) -> ();
                /// The runs of a job, newest first; an empty id stands for restores from backups of no job.
                run_history(job_id: String, offset: u32, limit: u32) -> Vec<RunSummary>;
                /// What a run had to say.
                run_report(run_id: String, offset: u32, limit: u32) -> RunReport;

                /// Chooses who signs in.
                set_sign_in_settings(settings: SignInSettings) -> ();
                /// Starts a sign-in; its end comes as an event.
                start_sign_in(request: SignInRequest) -> PendingSignIn;
                /// Ends a sign-in that goes on.
                cancel_sign_in(sign_in_id: String) -> ();
                /// Keeps a sign-in that was pasted, as a new one or again for the account with the id `again`.
                add_pasted_auth_id(auth_id: SecretString, again: Option<String>) -> Account;
                /// Forgets a sign-in; refused while a job uses it.
                remove_account(account_id: String) -> ();
                /// The drives of an account.
                list_drives(account_id: String; question) -> Vec<Drive>;
                /// The folders in a folder.
                list_folders(account_id: String, drive_id: String, path: String; question) -> Vec<RemoteFolder>;
                /// A folder path that does not exist yet.
                suggest_folder(account_id: String, drive_id: String) -> String;
                /// What a destination folder turns out to be.
                check_destination(destination: DestinationSettings, prefix: String; question) -> DestinationCheck;
                /// Whether something can be backed up.
                check_source(path: String) -> SourceCheck;

                /// Succeeds when the passphrase opens the backup there, or there is none; an empty one stands for the one
                /// that the keychain has.
                check_passphrase(destination: DestinationSettings, prefix: String, passphrase: SecretString) -> ();
                /// Replaces a job's passphrase. It is tried first; the old one stays when it does not open the backup.
                repair_passphrase(job_id: String, passphrase: SecretString) -> JobCard;
                /// Passphrases of deleted jobs that are still kept.
                left_passphrases() -> Vec<LeftPassphrase>;
                /// Forgets a passphrase that a deleted job left.
                remove_left_passphrase(id: String) -> ();
                /// The recovery sheet, to be printed; it holds the passphrase.
                recovery_sheet(of: SheetOf) -> RecoverySheet;

                /// Opens a backup for looking around.
                open_backup(backup: BackupRef; question) -> OpenBackup;
                /// Backups that were opened here and that no job has, the last first.
                opened_places() -> Vec<OpenedPlace>;
                /// Forgets a backup that was opened here.
                forget_opened_place(id: String) -> ();
                /// What a folder holds in a version; an empty path stands for the roots.
                list_entries(handle: String, version: u32, folder: String, offset: u32, limit: u32) -> EntryPage;
                /// What has this text in its name, in a version.
                search_entries(handle: String, version: u32, text: String, offset: u32, limit: u32) -> EntryPage;
                /// Starts a restore; the reply is the run's id.
                start_restore(request: RestoreRequest) -> String;
                /// Shows the folder of a restore that ended in the system's file manager.
                open_restored(run_id: String) -> ();
                /// Closes a backup that was opened.
                close_backup(handle: String) -> ();

                /// Ends the command that was asked with this question.
                give_up(question: String) -> ();
            }
            by_app {
                /// Everything the UI needs when it starts.
                app_state() -> AppState;
                /// A new passphrase.
                generate_passphrase() -> String;
                /// How hard a passphrase is to guess.
                rate_passphrase(passphrase: SecretString) -> PassphraseRating;
                /// Lets the person choose a file for the recovery sheet; the reply is its path, or `null` when cancelled.
                save_recovery_sheet(of: SheetOf) -> Option<String>;
                /// Lets the person choose folders to back up; the reply is their absolute paths, none when cancelled.
                pick_folders() -> Vec<String>;
                /// Lets the person choose a folder; the reply is its absolute path, or `null` when cancelled.
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
        /// Every command. This is made to be read: nothing implements it.
        ///
        /// Arguments go by their names in camel case. Each command may also fail with [`CommandError`]. A `question` is
        /// something that the asker makes up, once for each call, for [`give_up`](Self::give_up): what has it ends with
        /// the code `cancelled` then.
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
    /// Events up to this one are already in here.
    pub seq: u64,
    /// All jobs, by name.
    pub jobs: Vec<JobCard>,
    /// How they stand together.
    pub overview: Overview,
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
    pub options: JobOptions,
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
