//! Messages for errors of the engine.

use coffer_engine::Error as EngineError;
use coffer_ipc::{CommandError, ErrorCode};
use coffer_volume::Error as VolumeError;

use super::files::{damaged, io_words, unusable};
use super::options::{filter_problem, option_problem};
use super::volumes::{read_failure, volume, volume_and_cause};
use super::{cancelled, chain, destination, error, full_disk, invalid, shortened, steps};

/// The message for an error of the engine.
pub fn engine(source: &EngineError) -> CommandError {
    match source {
        EngineError::Destination(source) => destination(source),
        EngineError::Database(coffer_database::Error::Full) => {
            full_disk("the disk with Coffer's cache")
        }
        EngineError::Database(source) => error(
            ErrorCode::Failed,
            format!(
                "The local index of this destination failed: {}.",
                chain(source)
            ),
            "Run again; the index is rebuilt from the destination.",
        ),
        EngineError::WrongPassphrase { destination } => error(
            ErrorCode::WrongPassphrase,
            format!("The passphrase does not open the backup in {destination}."),
            "Type the passphrase that this backup was created with; it is on its recovery sheet. Upper and lower case matter; \
             leading or trailing spaces and other spellings of accents were already tried. Nothing was written.",
        ),
        EngineError::PassphraseRequired { destination } => error(
            ErrorCode::WrongPassphrase,
            format!("The backup in {destination} is encrypted."),
            steps::ENTER_PASSPHRASE.app,
        ),
        EngineError::NotEncrypted { destination } => error(
            ErrorCode::DestinationMismatch,
            format!("The backup in {destination} is not encrypted, but a passphrase was given."),
            steps::NO_ENCRYPTION.app,
        ),
        EngineError::SourceLeft { path } => error(
            ErrorCode::Failed,
            format!(
                "{} disappeared while it was being read, so no version was created.",
                path.display()
            ),
            "Connect its disk and run again; uploaded data is not sent again.",
        ),
        EngineError::UnusableFormat { source } => {
            let what = match source {
                VolumeError::Unsupported { what } => what.clone(),
                other => volume(other),
            };
            invalid(
                format!("A backup cannot be created with {what}."),
                format!(
                    "{} 1 KiB to 2 GiB; hashes are SHA256, SHA384, SHA512, SHA1 or MD5. Leave these options out to use the \
                     defaults.",
                    steps::BLOCK_SIZES.app
                ),
            )
        }
        EngineError::FormatMismatch {
            destination,
            found,
            asked,
        } => error(
            ErrorCode::DestinationMismatch,
            format!("The backup in {destination} has {found}, but this job asks for {asked}."),
            "Keep the block size and hashes of the existing backup, or choose another folder. Nothing was uploaded.",
        ),
        EngineError::VolumesMissing { destination, names } => error(
            ErrorCode::Failed,
            format!(
                "{} uploaded volume(s) are missing from {destination}: {}.",
                names.len(),
                shortened(names)
            ),
            format!(
                "Restore them from the recycle bin of the drive if they are there; nothing was changed. {} All other files \
                 can be restored.",
                steps::PURGE_BROKEN.app
            ),
        ),
        EngineError::DestinationGone {
            destination,
            versions,
        } => error(
            ErrorCode::DestinationGone,
            format!(
                "The backup in {destination} is gone: it had {versions} version(s), and now there is nothing."
            ),
            format!(
                "Connect the disk, mount the share, or move the folder back to where it was, then run again. {}",
                steps::ALLOW_NEW_DESTINATION.app
            ),
        ),
        EngineError::UnreadableModule {
            destination,
            module,
        } => error(
            ErrorCode::DestinationMismatch,
            format!(
                "{destination} contains a backup with volumes of the type .{module}, which Coffer cannot read."
            ),
            "Open it with the version of Duplicati that wrote it, or choose another folder. Nothing was written.",
        ),
        EngineError::ForeignFolder { path } => error(
            ErrorCode::Failed,
            format!("{} belongs to another user.", path.display()),
            "Others could read or change files there. Delete the folder, or set COFFER_CACHE_DIR to another one.",
        ),
        EngineError::Locked { destination } => error(
            ErrorCode::Busy,
            format!("Another operation is using {destination}."),
            "Wait until it is done, or stop it.",
        ),
        EngineError::NoBackup {
            destination,
            prefix,
            others,
        } => error(
            ErrorCode::NotFound,
            format!("There is no backup named {prefix:?} in {destination}."),
            if others.is_empty() {
                "Check the folder.".to_owned()
            } else {
                format!(
                    "There are backups with other prefixes: {}.",
                    shortened(others)
                )
            },
        ),
        EngineError::NoVersion { number, oldest } => error(
            ErrorCode::NotFound,
            format!("There is no version {number}."),
            format!("Choose 0 (the newest) to {oldest} (the oldest)."),
        ),
        EngineError::VersionGone { time } => error(
            ErrorCode::NotFound,
            format!("The version of {time:.0} no longer exists."),
            "It was deleted after the versions were listed. Open the backup again.",
        ),
        EngineError::DataMissing { destination, .. } => error(
            ErrorCode::Failed,
            format!(
                "Some data needed by versions in {destination} is missing. Nothing was deleted."
            ),
            format!(
                "Files that were deleted by hand may be in the recycle bin there. {}",
                steps::PURGE_BROKEN.app
            ),
        ),
        EngineError::Unreadable { name, why } => error(
            ErrorCode::Failed,
            format!(
                "{name} cannot be read right now: {}. Nothing was deleted.",
                read_failure(why)
            ),
            "It may be undamaged. Make it readable again (permissions, disk, share), then retry.",
        ),
        EngineError::VersionUnreadable { number, name } => error(
            ErrorCode::Failed,
            format!(
                "Version {number} cannot be read because {name} is damaged, so the data it needs is unknown. Nothing was \
                 deleted."
            ),
            format!(
                "{} All other versions can be restored.",
                steps::DELETE_UNREADABLE.app
            ),
        ),
        EngineError::Program { program, source } => error(
            ErrorCode::Failed,
            format!("{} cannot be run: {}.", program.display(), io_words(source)),
            steps::GPG_PROGRAM.app,
        ),
        EngineError::NoFreeTime { time } => error(
            ErrorCode::Failed,
            format!(
                "The version of {time} cannot be rewritten, because the next second also has a version."
            ),
            steps::DELETE_ONE_OF_TWO.app,
        ),
        EngineError::FullRemoval => invalid(
            "This would delete every version.",
            steps::ALLOW_FULL_REMOVAL.app,
        ),
        EngineError::OnlyDamagedLeft { time } => error(
            ErrorCode::Failed,
            format!(
                "Only damaged versions would be kept, and the intact version of {time:.0} would be deleted. Nothing was \
                 deleted."
            ),
            steps::DELETE_DAMAGED.app,
        ),
        EngineError::SeveralRetentions => invalid(steps::ONE_RETENTION.app, "Remove the others."),
        EngineError::NothingMatches => error(
            ErrorCode::NotFound,
            "Nothing in this version matches.",
            "List the version's files and check the path.",
        ),
        EngineError::OtherSystem { is_windows: true } => error(
            ErrorCode::Failed,
            "These files come from Windows, whose paths do not exist on this computer.",
            format!(
                "{} Each drive becomes a folder there (C:\\ becomes C). Nothing was restored.",
                steps::CHOOSE_TARGET.app
            ),
        ),
        EngineError::OtherSystem { is_windows: false } => error(
            ErrorCode::Failed,
            "These files come from Linux or macOS, whose paths do not exist on Windows.",
            format!("{} Nothing was restored.", steps::CHOOSE_TARGET.app),
        ),
        EngineError::NoSource { sources } => error(
            ErrorCode::NotFound,
            format!("None of the sources can be read: {}.", shortened(sources)),
            "Check the spelling, attach the disk they are on, and make sure that you have permission to read them. Nothing \
             was written, and all versions are kept.",
        ),
        EngineError::InvalidPrefix { prefix } => invalid(
            format!("{prefix:?} cannot be used as a prefix."),
            "Use letters, digits, underscores and dots, but no hyphen.",
        ),
        EngineError::InvalidFilter { rule, why } => invalid(
            format!("The filter {rule:?} is not valid: {}.", filter_problem(why)),
            "Correct or remove the rule.",
        ),
        EngineError::InvalidOption { option, value, why } => invalid(
            format!(
                "{value:?} {}{option}: {}.",
                steps::INVALID_OPTION.app,
                option_problem(*why)
            ),
            "Correct the value.",
        ),
        EngineError::SpoolFull { path } => full_disk(&format!("the disk with {}", path.display())),
        EngineError::Volume { name, source } if source.is_of_later_version() => error(
            ErrorCode::Outdated,
            format!("{name} was written by a newer version of the backup format."),
            "Update Coffer to the newest version. Nothing was changed.",
        ),
        EngineError::Volume { name, source } => damaged(name, &volume_and_cause(source)),
        EngineError::VolumeNotRead { name, why } => damaged(name, &read_failure(why)),
        EngineError::Io {
            operation,
            path,
            source,
        } => unusable(operation, &path.display().to_string(), source),
        EngineError::Cancelled => cancelled(),
    }
}
