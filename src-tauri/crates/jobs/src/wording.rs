//! Messages for people: what happened, and what to do next.

mod destination;
mod engine;
mod files;
mod names;
mod options;
mod parts;
mod problems;
mod reasons;
mod sign_in;
#[cfg(test)]
mod snapshot;
mod steps;
mod volumes;

use coffer_ipc::job::HealthLevel;
use coffer_ipc::{CommandError, ErrorCode};
use coffer_onedrive::Error as OneDriveError;

use crate::keychain;
pub use destination::destination;
pub use engine::engine;
use files::io_words;
use names::folder_problem;
pub use parts::{error, invalid};

pub use problems::problem;
pub use reasons::reason;
use sign_in::{auth_id_problem, registration_problem, sign_in_refusal};
pub use steps::for_command_line;
pub use volumes::fault;

/// Why a run waits: the service named a time before which it takes no request.
pub(crate) const RATE_LIMITED: &str = "OneDrive is limiting requests";
/// The service makes every request wait for a moment.
pub(crate) const SLOWED: &str = "OneDrive is limiting requests, so this takes longer";
/// Nothing has arrived since the run began to connect.
pub(crate) const NO_ANSWER_YET: &str = "No answer yet. Is this computer connected to the internet?";

/// A passphrase without any characters.
pub(crate) fn empty_passphrase() -> CommandError {
    invalid(
        "The passphrase is empty.",
        "Type a passphrase, or turn encryption off.",
    )
}

/// The keychain works and has no passphrase for a job.
pub(crate) fn passphrase_missing() -> CommandError {
    error(
        ErrorCode::WrongPassphrase,
        "The passphrase of this backup is not in this computer's keychain.",
        "Enter it; it is on the recovery sheet. It is checked before it is stored.",
    )
}

/// A passphrase could not be checked, for a reason that says nothing about it.
pub(crate) fn untried(reason: CommandError) -> CommandError {
    match reason.code {
        ErrorCode::WrongPassphrase | ErrorCode::InvalidInput | ErrorCode::Cancelled => reason,
        _ => CommandError {
            hint: format!(
                "The passphrase could not be checked, so nothing was stored or replaced. {}",
                reason.hint
            ),
            ..reason
        },
    }
}

/// One line about the status of all jobs. `name` is the first of those at the worst level.
pub(crate) fn overview(worst: Option<HealthLevel>, name: &str) -> String {
    match worst {
        None => "No backups yet".to_owned(),
        Some(HealthLevel::Bad) => format!("{name} needs your attention"),
        Some(HealthLevel::Warning) => format!("{name} has warnings"),
        Some(HealthLevel::Running) => format!("{name} is running"),
        Some(HealthLevel::Waiting) => format!("{name} is waiting"),
        Some(HealthLevel::New) => format!("{name} has not run yet"),
        Some(HealthLevel::Good) => "Everything is backed up".to_owned(),
    }
}

/// Something that was asked for does not exist.
pub fn not_found(what: &str) -> CommandError {
    error(
        ErrorCode::NotFound,
        format!("{what} no longer exists."),
        "Refresh the list.",
    )
}

/// The user stopped it.
pub fn cancelled() -> CommandError {
    error(
        ErrorCode::Cancelled,
        "Stopped.",
        "Uploaded data is kept; the next run resumes from there.",
    )
}

/// The caller is no longer interested in the answer.
pub(crate) fn withdrawn() -> CommandError {
    error(
        ErrorCode::Cancelled,
        "Canceled before there was an answer.",
        "Try again.",
    )
}

/// The message for an error of the app's database.
pub fn database(source: &coffer_database::Error) -> CommandError {
    match source {
        coffer_database::Error::Full => full_disk("the disk with Coffer's data"),
        coffer_database::Error::Later { .. } => error(
            ErrorCode::Outdated,
            "A newer version of Coffer was used on this computer, and this version cannot read its data.",
            "Update Coffer to the newest version. Your backups and settings were not changed.",
        ),
        other => error(
            ErrorCode::Failed,
            format!("Coffer's own database cannot be used: {}", chain(other)),
            "Restart Coffer. If the problem persists, move the data folder elsewhere and set up the backups again; stored data is not affected.",
        ),
    }
}

/// An entry of the history that another version wrote.
pub(crate) fn run_partly_read() -> CommandError {
    error(
        ErrorCode::Failed,
        "Another version of Coffer saved this entry, and this version cannot read all of it.",
        "Update Coffer to see the rest.",
    )
}

/// The app's own database was damaged and has been repaired. `aside` is where the damaged file is.
pub(crate) fn database_repaired(
    may_lack_jobs: bool,
    lacks_history: bool,
    aside: &str,
) -> CommandError {
    let what = match (may_lack_jobs, lacks_history) {
        (true, _) => "Backups and sign-ins may be missing from the list",
        (false, true) => "Every backup is in the list, but older reports may be missing",
        (false, false) => "Nothing was lost",
    };
    let step = if may_lack_jobs {
        "Check that every backup is in the list, and set up missing ones again; their stored data is still there."
    } else {
        "You do not need to do anything. If it happens again, check the disk with Coffer's data."
    };
    error(
        ErrorCode::Failed,
        format!("Coffer's own database was damaged and has been repaired. {what}."),
        format!("{step} The damaged file is kept as {aside}."),
    )
}

/// An operation failed because the database was damaged; it has been repaired since.
pub(crate) fn database_just_repaired() -> CommandError {
    error(
        ErrorCode::Failed,
        "Coffer's own database was damaged and has just been repaired.",
        "Try again.",
    )
}

/// The app's own database is damaged and cannot be repaired.
pub(crate) fn database_not_repaired(source: &coffer_database::Error) -> CommandError {
    error(
        ErrorCode::Failed,
        format!(
            "Coffer's own database is damaged and could not be repaired, so no backup runs: {}",
            chain(source)
        ),
        "Make sure that the disk with Coffer's data has free space and is writable; backups resume automatically after that. If the \
         problem persists, move the data folder elsewhere and set up the backups again; stored data is not affected.",
    )
}

/// The message for an error of the keychain.
pub fn keychain(source: &keychain::Error) -> CommandError {
    if !matches!(source, keychain::Error::Unavailable { .. }) {
        return error(
            ErrorCode::Failed,
            format!("{source}."),
            "Enter the passphrase of the backup again, or sign in again.",
        );
    }
    let unlock = if cfg!(target_os = "linux") {
        "Unlock the keyring, or install and start one (gnome-keyring or KWallet)."
    } else {
        "Unlock the keychain."
    };
    error(
        ErrorCode::Keychain,
        format!("{source}."),
        format!("{unlock} {}", steps::SECRETS_FROM_ENVIRONMENT.app),
    )
}

/// The message for an error of an address, a sign-in or an account.
pub fn onedrive(source: &OneDriveError) -> CommandError {
    match source {
        OneDriveError::MissingAuthId { link } => error(
            ErrorCode::SignInRequired,
            "The address has no AuthID.",
            format!("{} {link}.", steps::SIGN_IN.app),
        ),
        OneDriveError::InvalidAuthId { why } => invalid(
            format!("This is not an AuthID: {}.", auth_id_problem(*why)),
            "Copy the whole text shown on the sign-in page, or sign in again.",
        ),
        OneDriveError::MissingPlace { needed } => invalid(
            format!("The address is incomplete: {needed} is missing."),
            "Add it to the address, or pass it as an option.",
        ),
        OneDriveError::UnknownScheme { scheme }
            if ["onedrive", "od4b"].contains(&scheme.as_str()) =>
        {
            invalid(
                format!("{scheme}:// belongs to an API that Microsoft has shut down."),
                "Use onedrivev2://<folder>/<subfolder> and sign in again.",
            )
        }
        OneDriveError::UnknownScheme { scheme } => invalid(
            format!("{scheme}:// is not a destination that Coffer supports."),
            "Use onedrivev2://<folder>/<subfolder>, sharepoint://, msgroup://, file://<folder> or a folder.",
        ),
        OneDriveError::InvalidFolder { folder, why } => invalid(
            format!(
                "OneDrive does not allow the folder {folder:?}: {}.",
                folder_problem(why)
            ),
            "Choose another folder name.",
        ),
        OneDriveError::InsecureEndpoint { url } => invalid(
            format!("{url} is not encrypted."),
            "Use an https address; plain http is only allowed for this computer.",
        ),
        OneDriveError::SignInExpired => error(
            ErrorCode::Failed,
            "The sign-in was not completed in time.",
            "Start again and finish in the browser within a few minutes.",
        ),
        OneDriveError::SignInRefused { why } => error(
            ErrorCode::Failed,
            format!("The sign-in service answered: {}.", sign_in_refusal(why)),
            "Start the sign-in again.",
        ),
        OneDriveError::SignInDeclined => error(
            ErrorCode::Cancelled,
            "The sign-in was canceled in the browser.",
            "Start again when you want to sign in.",
        ),
        OneDriveError::Registration { why, code } => invalid(
            format!(
                "Microsoft does not accept the client ID: {}.",
                registration_problem(*why, *code)
            ),
            "Correct it in the settings, or sign in through the AuthID service.",
        ),
        OneDriveError::Loopback { said } => error(
            ErrorCode::Failed,
            format!("No port on this computer can be used for the sign-in: {said}."),
            "Use a device code instead.",
        ),
        OneDriveError::Cancelled => cancelled(),
        OneDriveError::Destination(source) => destination(source),
        OneDriveError::Setup { said } => error(
            ErrorCode::Failed,
            format!("The network cannot be used: {said}."),
            "Check the network settings and try again.",
        ),
    }
}

/// The address of a destination does not say which of several sign-ins to use.
pub(crate) fn several_sign_ins() -> CommandError {
    invalid("There are several sign-ins.", steps::CHOOSE_SIGN_IN.app)
}

/// No stored sign-in has this id or name.
pub(crate) fn no_such_sign_in(wanted: &str) -> CommandError {
    error(
        ErrorCode::NotFound,
        format!("There is no sign-in {wanted:?}."),
        steps::STORED_SIGN_INS.app,
    )
}

/// A job has at most one run at a time.
pub fn running() -> CommandError {
    error(
        ErrorCode::Busy,
        "This backup is already running.",
        "Wait until it is done, or stop it.",
    )
}

/// A sign-in that cannot be renewed expires on `day`.
pub fn sign_in_ends(day: jiff::civil::Date) -> CommandError {
    error(
        ErrorCode::SignInRequired,
        format!(
            "The sign-in of this backup expires on {}.",
            day.strftime("%-d %b %Y")
        ),
        "Sign in again before then. An AuthID of this kind lasts 90 days and cannot be renewed automatically.",
    )
}

/// Coffer itself failed, as in a panic.
pub fn defect() -> CommandError {
    error(
        ErrorCode::Failed,
        "An internal error occurred in Coffer.",
        "Uploaded data is kept; try again. The log in Coffer's data folder has details.",
    )
}

/// The backup existed and its folder is gone, so its disk must be disconnected.
pub fn disk_away(folder: &std::path::Path) -> CommandError {
    error(
        ErrorCode::DiskAway,
        format!(
            "The disk with this backup is not connected: {} does not exist.",
            folder.display()
        ),
        "Connect it, and the backup resumes automatically. Nothing was written.",
    )
}

fn full_disk(what: &str) -> CommandError {
    error(
        ErrorCode::Full,
        format!("{} is full.", capital(what)),
        "Free up space there and run again.",
    )
}

/// The message of an error, followed by its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn shortened(names: &[String]) -> String {
    match names {
        [first, second, third, _, ..] => format!("{first}, {second}, {third}, …"),
        _ => names.join(", "),
    }
}
