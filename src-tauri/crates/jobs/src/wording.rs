//! Words for people: what happened, and what to do next.

mod engine;
mod files;
mod parts;
mod problems;

use coffer_destination::Error as DestinationError;

use coffer_engine::filter::Action;
use coffer_engine::source::Reason;
use coffer_ipc::job::HealthLevel;
use coffer_ipc::{CommandError, ErrorCode};
use coffer_onedrive::Error as OneDriveError;

use crate::keychain;
pub use engine::engine;
use files::{io_words, unusable};
pub use parts::{error, invalid};

pub use problems::{fault, problem};

/// Why a run rests.
pub(crate) const ASKED_TO_WAIT: &str = "OneDrive asked to wait";
/// It makes each request wait for a moment.
pub(crate) const SLOWED: &str = "OneDrive asked to slow down, so this takes longer";
/// Nothing has come since the run began to connect.
pub(crate) const NO_ANSWER_YET: &str = "No answer yet. Is this computer connected to the internet?";

/// A passphrase that is none.
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
        "The passphrase of this backup is not in the keychain of this computer.",
        "Enter it; it is on the recovery sheet. It is tried before it is kept.",
    )
}

/// A passphrase could not be tried, for a reason that says nothing about it.
pub(crate) fn untried(reason: CommandError) -> CommandError {
    match reason.code {
        ErrorCode::WrongPassphrase | ErrorCode::InvalidInput | ErrorCode::Cancelled => reason,
        _ => CommandError {
            hint: format!(
                "The passphrase could not be tried, so nothing was kept or replaced. {}",
                reason.hint
            ),
            ..reason
        },
    }
}

/// One line on how all jobs stand. `name` is the first of those at the worst level.
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

/// Something that was asked for is not there.
pub fn not_found(what: &str) -> CommandError {
    error(
        ErrorCode::NotFound,
        format!("{what} does not exist any more."),
        "Look at the list again.",
    )
}

/// The user stopped it.
pub fn cancelled() -> CommandError {
    error(
        ErrorCode::Cancelled,
        "Stopped.",
        "What was uploaded stays; the next run goes on from there.",
    )
}

/// Nobody waits for the answer any more.
pub(crate) fn given_up() -> CommandError {
    error(
        ErrorCode::Cancelled,
        "Given up before there was an answer.",
        "Ask again.",
    )
}

/// Errors of the app's database.
pub fn database(source: &coffer_database::Error) -> CommandError {
    match source {
        coffer_database::Error::Full => full_disk("the disk with Coffer's data"),
        coffer_database::Error::Later { .. } => error(
            ErrorCode::Outdated,
            "A newer version of Coffer has been used on this computer, and this one cannot read what it saved.",
            "Update Coffer to the newest version. Your backups and settings are as they were; nothing was changed.",
        ),
        other => error(
            ErrorCode::Failed,
            format!("Coffer's own database cannot be used: {}", chain(other)),
            "Restart Coffer. If it stays, move the data folder away and set the jobs up again; backups are not affected.",
        ),
    }
}

/// An entry of the history that another version wrote.
pub(crate) fn run_partly_read() -> CommandError {
    error(
        ErrorCode::Failed,
        "Another version of Coffer saved this entry, and this one cannot read all of it.",
        "Update Coffer to see the rest.",
    )
}

/// The app's own database was damaged and is good again. `aside` is where the damaged file is.
pub(crate) fn database_mended(
    may_lack_jobs: bool,
    lacks_history: bool,
    aside: &str,
) -> CommandError {
    let what = match (may_lack_jobs, lacks_history) {
        (true, _) => "Backups and sign-ins may be missing in the list",
        (false, true) => "Every backup is in the list, but older reports may be missing",
        (false, false) => "Nothing was lost",
    };
    let step = if may_lack_jobs {
        "Look whether every backup is in the list, and set up anew what is missing: what it backed up is still there."
    } else {
        "You need to do nothing. If it happens again, check the disk with Coffer's data."
    };
    error(
        ErrorCode::Failed,
        format!("Coffer's own database was damaged and has been mended. {what}."),
        format!("{step} The damaged file is kept as {aside}."),
    )
}

/// What was to be done met a damaged database, which is good now.
pub(crate) fn database_just_mended() -> CommandError {
    error(
        ErrorCode::Failed,
        "Coffer's own database was damaged and has just been mended.",
        "Try again.",
    )
}

/// The app's own database is damaged and stays so.
pub(crate) fn database_not_mended(source: &coffer_database::Error) -> CommandError {
    error(
        ErrorCode::Failed,
        format!(
            "Coffer's own database is damaged and could not be mended, so no backup runs: {}",
            chain(source)
        ),
        "Make sure that the disk with Coffer's data has room and can be written; Coffer goes on by itself then. If it \
         stays, move the data folder away and set the jobs up again; backups are not affected.",
    )
}

/// Errors of the keychain.
pub fn keychain(source: &keychain::Error) -> CommandError {
    if !matches!(source, keychain::Error::Unavailable { .. }) {
        return error(
            ErrorCode::Failed,
            format!("{source}."),
            "Type the passphrase of the backup again, or sign in again.",
        );
    }
    let hint = if cfg!(target_os = "linux") {
        "Unlock the keyring, or install and start one (gnome-keyring or KWallet). Backups go on by themselves then. \
         The command line can take secrets from the environment instead."
    } else {
        "Unlock the keychain. Backups go on by themselves then."
    };
    error(ErrorCode::Keychain, format!("{source}."), hint)
}

/// Errors of addresses, sign-ins and accounts.
pub fn onedrive(source: &OneDriveError) -> CommandError {
    match source {
        OneDriveError::MissingAuthId { link } => error(
            ErrorCode::SignInRequired,
            "The address has no AuthID.",
            format!(
                "Sign in with `coffer auth login`, or get an AuthID from {link} and pass it as --authid."
            ),
        ),
        OneDriveError::InvalidAuthId { why } => invalid(
            format!("This is not an AuthID: {why}."),
            "Copy the whole text that the sign-in page shows, or sign in again.",
        ),
        OneDriveError::MissingPlace { needed } => invalid(
            format!("The address does not say where: it needs {needed}."),
            "Add it to the address or to the command.",
        ),
        OneDriveError::UnknownScheme { scheme }
            if ["onedrive", "od4b"].contains(&scheme.as_str()) =>
        {
            invalid(
                format!("{scheme}:// belongs to an interface that Microsoft has turned off."),
                "Use onedrivev2://<folder>/<subfolder> and sign in once more.",
            )
        }
        OneDriveError::UnknownScheme { scheme } => invalid(
            format!("{scheme}:// is not a destination that Coffer knows."),
            "Use onedrivev2://<folder>/<subfolder>, sharepoint://, msgroup://, file://<folder> or a folder.",
        ),
        OneDriveError::InvalidFolder { folder, why } => invalid(
            format!("OneDrive cannot have the folder {folder:?}: {why}."),
            "Choose another folder name.",
        ),
        OneDriveError::InsecureEndpoint { url } => invalid(
            format!("{url} is not encrypted."),
            "Use an https address; plain http is for this computer only.",
        ),
        OneDriveError::SignInExpired => error(
            ErrorCode::Failed,
            "The sign-in was not finished in time.",
            "Start it again and finish in the browser within a few minutes.",
        ),
        OneDriveError::SignInRefused { why } => error(
            ErrorCode::Failed,
            format!("The sign-in service answered: {why}."),
            "Start the sign-in again.",
        ),
        OneDriveError::SignInDeclined => error(
            ErrorCode::Cancelled,
            "The sign-in was cancelled in the browser.",
            "Start it again when you want to sign in.",
        ),
        OneDriveError::Registration { why } => invalid(
            format!("Microsoft does not accept the client id: {why}."),
            "Correct it in the settings, or sign in through the AuthID service.",
        ),
        OneDriveError::Loopback { why } => error(
            ErrorCode::Failed,
            format!("No port of this computer can be used for the sign-in: {why}."),
            "Sign in with a code instead.",
        ),
        OneDriveError::Cancelled => cancelled(),
        OneDriveError::Destination(source) => destination(source),
        other => error(
            ErrorCode::Failed,
            format!("{other}."),
            "Check the network settings and try again.",
        ),
    }
}

/// A job that has one run wants no second.
pub fn running() -> CommandError {
    error(
        ErrorCode::Busy,
        "This backup is running.",
        "Wait until it is done, or stop it.",
    )
}

/// A sign-in that nothing can renew ends on `day`.
pub fn sign_in_ends(day: jiff::civil::Date) -> CommandError {
    error(
        ErrorCode::SignInRequired,
        format!(
            "The sign-in of this backup ends on {}.",
            day.strftime("%-d %b %Y")
        ),
        "Sign in again before that day. An AuthID of this kind lasts 90 days and cannot be renewed by itself.",
    )
}

/// What a panic says: nothing a person could do anything about.
pub fn defect() -> CommandError {
    error(
        ErrorCode::Failed,
        "Something in Coffer itself failed.",
        "What was sent is kept; try again. The log in Coffer's data folder says more.",
    )
}

/// The backup was there and its folder is not: its disk is away.
pub fn disk_away(folder: &std::path::Path) -> CommandError {
    error(
        ErrorCode::DiskAway,
        format!(
            "The disk with this backup is not connected: {} is not there.",
            folder.display()
        ),
        "Connect it; Coffer goes on by itself then. Nothing was written.",
    )
}

/// Errors of a destination.
pub fn destination(source: &DestinationError) -> CommandError {
    let retry_after = source.retry_after();
    CommandError {
        retry_after: retry_after.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        ..destination_words(source)
    }
}

fn destination_words(source: &DestinationError) -> CommandError {
    match source {
        DestinationError::SignInRequired { why, next } => error(
            ErrorCode::SignInRequired,
            format!("The sign-in is no longer valid: {why}."),
            *next,
        ),
        DestinationError::SignInUnavailable { why, retry_after } => error(
            if retry_after.is_some() {
                ErrorCode::Throttled
            } else {
                ErrorCode::Offline
            },
            format!("{}.", capital(why)),
            "Nothing is lost; a later run goes on.",
        ),
        DestinationError::Locked { name } => error(
            ErrorCode::Failed,
            format!("{name} is in use at the destination."),
            "Close the program that holds it, or wait; the next run goes on from here.",
        ),
        DestinationError::Full => error(
            ErrorCode::Full,
            "The destination is full.",
            "Free some space there (the recycle bin counts, too), or keep fewer versions, then run again. `coffer compact --now` \
             gives back at once what no version needs.",
        ),
        DestinationError::Unavailable { why } => error(
            ErrorCode::Offline,
            format!("{}.", capital(why)),
            "Check the internet connection. Nothing is lost; the next run goes on from here.",
        ),
        DestinationError::Throttled { .. } => error(
            ErrorCode::Throttled,
            "The destination limits how much may be sent now.",
            "Nothing is lost; run again later.",
        ),
        DestinationError::FolderMissing { folder } => error(
            ErrorCode::NotFound,
            format!("The folder {folder:?} does not exist at the destination."),
            "Check the folder's name; a backup creates it.",
        ),
        DestinationError::FolderLost { folder } => error(
            ErrorCode::DiskAway,
            format!(
                "The disk with this backup was unplugged or unmounted: {folder} is not there any more."
            ),
            "Connect it and run again; what was sent is kept.",
        ),
        DestinationError::NotFound { name } => error(
            ErrorCode::NotFound,
            format!("{name} is not at the destination."),
            "It may be in the recycle bin there.",
        ),
        DestinationError::InvalidName { name, why } => invalid(
            format!("{name:?} cannot be used as a name: {why}."),
            "Choose another name.",
        ),
        DestinationError::Refused {
            operation,
            name,
            why,
        } => error(
            ErrorCode::Failed,
            format!("Could not {operation} {name:?}: {why}."),
            if *operation == "read" {
                "Look at the file in OneDrive; `coffer list-broken-files` names what is lost without it."
            } else {
                "Check the drive and folder, and that this account may do that there."
            },
        ),
        DestinationError::Corrupted { name, why } => error(
            ErrorCode::Failed,
            format!("{name} was damaged on its way several times: {why}."),
            "Run again; if it stays, check the network or the disk of the destination.",
        ),
        DestinationError::Io {
            operation,
            name,
            source,
        } => unusable(operation, name, source),
        DestinationError::Cancelled => cancelled(),
        other => error(ErrorCode::Failed, format!("{other}."), "Try again."),
    }
}

fn full_disk(what: &str) -> CommandError {
    error(
        ErrorCode::Full,
        format!("{} is full.", capital(what)),
        "Free some space there and run again.",
    )
}

/// Why a path is stored or left out; `rules` are the filters that were asked.
pub fn reason(reason: &Reason, rules: &[(Action, String)]) -> String {
    match reason {
        Reason::Source => "a source itself".to_owned(),
        Reason::Rule(position) => match rules.get(*position) {
            Some((Action::Include, rule)) => format!("--include={rule}"),
            Some((Action::Exclude, rule)) => format!("--exclude={rule}"),
            None => "a filter".to_owned(),
        },
        Reason::NoRule => "no rule matches".to_owned(),
        Reason::Attributes => "--exclude-files-attributes".to_owned(),
        Reason::TooLarge => "--skip-files-larger-than".to_owned(),
        Reason::Marker(name) => format!("--ignore-filenames: it holds {name}"),
        Reason::Mark(name) => format!("its attribute {name} asks for it"),
        Reason::SymlinkPolicy => "--symlink-policy=Ignore".to_owned(),
        Reason::LinkLoop => "the link leads back to a folder it is in".to_owned(),
        Reason::HardlinkPolicy => "--hardlink-policy".to_owned(),
        Reason::EmptyFolder => "--exclude-empty-folders".to_owned(),
        Reason::SpecialFile => "a device, pipe or socket".to_owned(),
        Reason::OwnFolder => "Coffer's own folder".to_owned(),
    }
}

/// The message with its causes.
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
