//! Words for what an operation of the engine could not do.

use coffer_engine::Error as EngineError;
use coffer_ipc::{CommandError, ErrorCode};
use coffer_volume::Error as VolumeError;

use super::files::{damaged, io_words, unusable};
use super::{cancelled, chain, destination, error, full_disk, invalid, shortened};

/// Errors of the engine.
pub fn engine(source: &EngineError) -> CommandError {
    match source {
        EngineError::Destination(source) => destination(source),
        EngineError::Database(coffer_database::Error::Full) => {
            full_disk("the disk with Coffer's cache")
        }
        EngineError::Database(source) => error(
            ErrorCode::Failed,
            format!(
                "The local database of this destination failed: {}.",
                chain(source)
            ),
            "Run again: it is read anew from the destination.",
        ),
        EngineError::WrongPassphrase { destination } => error(
            ErrorCode::WrongPassphrase,
            format!("The passphrase does not open the backup in {destination}."),
            "Type the passphrase that this backup was made with; it is on its recovery sheet. Capital letters count; blanks \
             at its ends and other ways to write accents were tried, too. Nothing was written.",
        ),
        EngineError::PassphraseRequired { destination } => error(
            ErrorCode::WrongPassphrase,
            format!("The backup in {destination} is encrypted."),
            "Give its passphrase.",
        ),
        EngineError::NotEncrypted { destination } => error(
            ErrorCode::DestinationMismatch,
            format!("The backup in {destination} is not encrypted, and a passphrase was given."),
            "Turn encryption off for this folder (--no-encryption), or choose another folder.",
        ),
        EngineError::SourceLeft { path } => error(
            ErrorCode::Failed,
            format!(
                "{} went away while it was read, so no version was made.",
                path.display()
            ),
            "Attach its disk and run again; what was sent is not sent again.",
        ),
        EngineError::UnusableFormat { source } => {
            let what = match source {
                VolumeError::Unsupported { what } => what.clone(),
                other => other.to_string(),
            };
            invalid(
                format!("A backup cannot be made with {what}."),
                "Blocks have 1 KiB to 2 GiB (--blocksize), hashes are SHA256, SHA384, SHA512, SHA1 or MD5. Leave the options \
                 out to have the usual ones.",
            )
        }
        EngineError::FormatMismatch {
            destination,
            found,
            asked,
        } => error(
            ErrorCode::DestinationMismatch,
            format!("The backup in {destination} has {found}; this job asks for {asked}."),
            "Leave block size and hashes as the backup has them, or choose another folder. Nothing was uploaded.",
        ),
        EngineError::VolumesMissing { destination, names } => error(
            ErrorCode::Failed,
            format!(
                "{} volume(s) that were uploaded are gone from {destination}: {}.",
                names.len(),
                shortened(names)
            ),
            "Look in the recycle bin of the drive and restore them there; nothing was changed. If they are gone for good: \
             `coffer list-broken-files` shows what is lost, and `coffer purge-broken-files` takes it out of the versions, so \
             that backups go on. All other files can be restored.",
        ),
        EngineError::DestinationGone {
            destination,
            versions,
        } => error(
            ErrorCode::DestinationGone,
            format!(
                "The backup in {destination} is gone: it had {versions} version(s), and now there is nothing."
            ),
            "Plug the disk in, mount the share, or move the folder back where it was, then run again. To begin a new backup \
             there, run once with --allow-new-destination.",
        ),
        EngineError::UnreadableModule {
            destination,
            module,
        } => error(
            ErrorCode::DestinationMismatch,
            format!(
                "{destination} holds a backup with volumes of the kind .{module}, which Coffer cannot read."
            ),
            "Open it with the version of Duplicati that wrote it, or choose another folder. Nothing was written.",
        ),
        EngineError::ForeignFolder { path } => error(
            ErrorCode::Failed,
            format!("{} belongs to another user.", path.display()),
            "Files there could be read or changed by others. Delete the folder, or choose another one with COFFER_CACHE_DIR.",
        ),
        EngineError::Locked { destination } => error(
            ErrorCode::Busy,
            format!("Another operation works on {destination}."),
            "Wait until it is done, or stop it.",
        ),
        EngineError::NoBackup {
            destination,
            prefix,
            others,
        } if others.is_empty() => error(
            ErrorCode::NotFound,
            format!("There is no backup named {prefix:?} in {destination}."),
            "Check the folder.",
        ),
        EngineError::NoBackup {
            destination,
            prefix,
            others,
        } => error(
            ErrorCode::NotFound,
            format!("There is no backup named {prefix:?} in {destination}."),
            format!(
                "Backups with other prefixes are there: {}.",
                shortened(others)
            ),
        ),
        EngineError::NoVersion { number, oldest } => error(
            ErrorCode::NotFound,
            format!("There is no version {number}."),
            format!("Choose 0 (the newest) to {oldest} (the oldest)."),
        ),
        EngineError::VersionGone { time } => error(
            ErrorCode::NotFound,
            format!("The version of {time:.0} is not there any more."),
            "It was deleted after the list of versions was made. Open the backup again.",
        ),
        EngineError::DataMissing { destination, .. } => error(
            ErrorCode::Failed,
            format!("Data that versions in {destination} need is missing. Nothing was deleted."),
            "Look at the damage with `coffer list-broken-files` and take it out with `coffer purge-broken-files`; what was \
             deleted by hand may be in the recycle bin there.",
        ),
        EngineError::Unreadable { name, why } => error(
            ErrorCode::Failed,
            format!("{name} cannot be read now: {why}. Nothing was given up."),
            "It may be whole. Make it readable again (rights, disk, share), then run this again.",
        ),
        EngineError::VersionUnreadable { number, name } => error(
            ErrorCode::Failed,
            format!(
                "Version {number} cannot be read ({name} is damaged), so nobody knows what it needs. Nothing was deleted."
            ),
            format!(
                "Bring the file back if there is a copy of it; else delete this version with `coffer delete \
                 --version={number}`. All others can be restored."
            ),
        ),
        EngineError::Program { program, source } => error(
            ErrorCode::Failed,
            format!("{} cannot be run: {}.", program.display(), io_words(source)),
            "Volumes that GnuPG encrypted need that program; install it, or name it with --gpg-program-path.",
        ),
        EngineError::NoFreeTime { time } => error(
            ErrorCode::Failed,
            format!(
                "The version of {time} cannot be written anew: the next second has a version, too."
            ),
            "Delete one of the two versions first.",
        ),
        EngineError::FullRemoval => invalid(
            "This would delete every version.",
            "Pass --allow-full-removal if that is meant.",
        ),
        EngineError::OnlyDamagedLeft { time } => error(
            ErrorCode::Failed,
            format!(
                "Every version that this would keep is damaged, and that of {time:.0}, which is whole, would be deleted. \
                 Nothing was deleted."
            ),
            "Delete the damaged versions first with `coffer delete --version=<number>` (`coffer list-broken-files` names \
             them), make another backup, or pass --allow-full-removal if that is meant.",
        ),
        EngineError::SeveralRetentions => invalid(
            "Only one of --keep-versions, --keep-time and --retention-policy can be used.",
            "Choose one of them.",
        ),
        EngineError::NothingMatches => error(
            ErrorCode::NotFound,
            "Nothing in this version matches what was asked for.",
            "List the version's files and check the path.",
        ),
        EngineError::OtherSystem { is_windows: true } => error(
            ErrorCode::Failed,
            "These files come from Windows; this computer has no such paths.",
            "Choose a folder to restore into (--restore-path). In it, each drive becomes a folder (C:\\ is C), and so do \
             the parts of the path between \\. Nothing was restored.",
        ),
        EngineError::OtherSystem { is_windows: false } => error(
            ErrorCode::Failed,
            "These files come from Linux or macOS; Windows has no such paths.",
            "Choose a folder to restore into (--restore-path). In it, the parts of the path between / become folders. \
             Nothing was restored.",
        ),
        EngineError::NoSource { sources } => error(
            ErrorCode::NotFound,
            format!("None of the sources can be read: {}.", shortened(sources)),
            "Check how they are written, attach the disk they are on, and make sure that you may read them. Nothing was \
             written, and all versions stay.",
        ),
        EngineError::InvalidPrefix { prefix } => invalid(
            format!("{prefix:?} cannot be a prefix."),
            "Use letters, digits, _ and dots, and no hyphen.",
        ),
        EngineError::InvalidFilter { rule, why } => invalid(
            format!("The filter {rule:?} cannot be read: {why}."),
            "Correct or remove the rule.",
        ),
        EngineError::InvalidOption { option, value, why } => invalid(
            format!("--{option}={value} cannot be used: {why}."),
            "Correct the value.",
        ),
        EngineError::SpoolFull { path } => full_disk(&format!("the disk with {}", path.display())),
        EngineError::Volume { name, source } => damaged(name, &chain(source)),
        EngineError::Io {
            operation,
            path,
            source,
        } => unusable(operation, &path.display().to_string(), source),
        EngineError::Cancelled => cancelled(),
        other => error(ErrorCode::Failed, format!("{other}."), "Try again."),
    }
}
