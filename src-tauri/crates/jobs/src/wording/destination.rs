//! Messages for errors of a destination.

use coffer_destination::Error as DestinationError;
use coffer_ipc::{CommandError, ErrorCode};

use super::files::unusable;
use super::names::name_problem;
use super::sign_in::{sign_in_outage, sign_in_problem, sign_in_step};
use super::{cancelled, capital, error, invalid, steps};

/// The message for an error of a destination.
pub fn destination(source: &DestinationError) -> CommandError {
    let retry_after = source.retry_after();
    CommandError {
        retry_after: retry_after.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        ..destination_words(source)
    }
}

fn destination_words(source: &DestinationError) -> CommandError {
    match source {
        DestinationError::SignInRequired { why, code } => error(
            ErrorCode::SignInRequired,
            format!(
                "The sign-in is no longer valid: {}.",
                sign_in_problem(*why, *code)
            ),
            sign_in_step(*why),
        ),
        DestinationError::SignInUnavailable { why, retry_after } => error(
            if retry_after.is_some() {
                ErrorCode::Throttled
            } else {
                ErrorCode::Offline
            },
            format!("{}.", capital(&sign_in_outage(why))),
            "Nothing is lost; a later run resumes.",
        ),
        DestinationError::Locked { name } => error(
            ErrorCode::Failed,
            format!("{name} is in use at the destination."),
            "Close the program that is using it, or wait; the next run resumes from here.",
        ),
        DestinationError::Full => error(
            ErrorCode::Full,
            "The destination is full.",
            format!(
                "Free up space there (the recycle bin also takes up space), {}",
                steps::FREE_SPACE.app
            ),
        ),
        DestinationError::Unavailable { why } => error(
            ErrorCode::Offline,
            format!("{}.", capital(why)),
            "Check the internet connection. Nothing is lost; the next run resumes from here.",
        ),
        DestinationError::Throttled { .. } => error(
            ErrorCode::Throttled,
            "The destination is limiting requests.",
            "Nothing is lost; run again later.",
        ),
        DestinationError::FolderMissing { folder } => error(
            ErrorCode::NotFound,
            format!("The folder {folder:?} does not exist at the destination."),
            "Check the name of the folder; a backup creates it.",
        ),
        DestinationError::FolderLost { folder } => error(
            ErrorCode::DiskAway,
            format!(
                "The disk with this backup was disconnected or unmounted: {folder} no longer exists."
            ),
            "Connect it and run again; uploaded data is kept.",
        ),
        DestinationError::NotFound { name } => error(
            ErrorCode::NotFound,
            format!("{name} is not at the destination."),
            "It may be in the recycle bin there.",
        ),
        DestinationError::InvalidName { name, why } => invalid(
            format!(
                "{name:?} cannot be used as a name: {}.",
                name_problem("it", *why)
            ),
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
                steps::LIST_LOST.app
            } else {
                "Check the drive and folder, and that this account has permission."
            },
        ),
        DestinationError::Corrupted { name, why } => error(
            ErrorCode::Failed,
            format!("{name} was corrupted in transit repeatedly: {why}."),
            "Run again. If the problem persists, check the network or the disk of the destination.",
        ),
        DestinationError::Io {
            operation,
            name,
            source,
        } => unusable(operation, name, source),
        DestinationError::Cancelled => cancelled(),
        other @ DestinationError::AlreadyExists { .. } => error(
            ErrorCode::Failed,
            format!("{}.", clause(other)),
            "Try again.",
        ),
    }
}

/// What happened, as a part of another message.
pub(super) fn clause(source: &DestinationError) -> String {
    match source {
        DestinationError::NotFound { name } => format!("{name} is not in the destination"),
        DestinationError::AlreadyExists { name } => format!("{name} already exists"),
        DestinationError::FolderMissing { folder } => format!("The folder {folder} does not exist"),
        DestinationError::FolderLost { folder } => {
            format!("The folder {folder} no longer exists: its disk was disconnected or unmounted")
        }
        DestinationError::InvalidName { name, why } => {
            format!(
                "{name} cannot be used as a name: {}",
                name_problem("it", *why)
            )
        }
        DestinationError::Throttled { .. } => "The destination is limiting requests".to_owned(),
        DestinationError::Locked { name } => format!("{name} is locked at the destination"),
        DestinationError::SignInRequired { why, code } => format!(
            "The sign-in is no longer valid: {}",
            sign_in_problem(*why, *code)
        ),
        DestinationError::SignInUnavailable { why, .. } => {
            format!(
                "The sign-in service cannot be used now: {}",
                sign_in_outage(why)
            )
        }
        DestinationError::Full => "The destination is full".to_owned(),
        DestinationError::Refused {
            operation,
            name,
            why,
        } => format!("Could not {operation} {name}: {why}"),
        DestinationError::Corrupted { name, why } => {
            format!("{name} was corrupted in transit: {why}")
        }
        DestinationError::Unavailable { why } => format!("The destination does not answer: {why}"),
        DestinationError::Io {
            operation, name, ..
        } => format!("Could not {operation} {name}"),
        DestinationError::Cancelled => "Cancelled".to_owned(),
    }
}
