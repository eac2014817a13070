use coffer_ipc::CommandError;
use coffer_ipc::command::DestinationContent;
use coffer_ipc::run::RunResult;
use coffer_jobs::operation::{BackupSettings, Finished};
use coffer_jobs::{Folders, Target, operation, passphrase_warning, wording};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{ask, can_ask};
use crate::arguments::Backup;
use crate::exit::Exit;
use crate::output::{Display, bytes, fail};

pub(crate) async fn run(arguments: Backup, cancel: &CancellationToken) -> Exit {
    let target = match open(&arguments, cancel).await {
        Ok(target) => target,
        Err(error) => return fail(error, arguments.common),
    };
    let mut settings = BackupSettings::new(arguments.sources);
    settings.source = arguments.selecting.settings();
    settings.filters = arguments.selecting.filters;
    settings.block_size = arguments.blocksize;
    settings.hashes = match (
        arguments.block_hash_algorithm,
        arguments.file_hash_algorithm,
    ) {
        (None, None) => None,
        (block, file) => {
            let usual = || "SHA256".to_owned();
            Some((block.unwrap_or_else(usual), file.unwrap_or_else(usual)))
        }
    };
    settings.volume_size = arguments.dblock_size;
    settings.retention = arguments.retention.settings();
    settings.compact = arguments.compacting.settings();
    settings.compression_method = arguments.zip_compression_method;
    settings.compression_level = arguments.zip_compression_level;
    settings.test_percentage = arguments.backup_test_percentage;
    settings.test_samples = if arguments.no_backend_verification {
        0
    } else {
        arguments.backup_test_samples
    };
    settings.always_read = arguments.always_read;
    settings.allow_missing_source = arguments.allow_missing_source;
    settings.allow_new_destination = arguments.allow_new_destination;
    settings.allow_mass_deletion = arguments.allow_mass_deletion;
    settings.adopt_versions = arguments.adopt_versions;
    settings.upload_unchanged = arguments.upload_unchanged_backups;
    settings.parallel_uploads = arguments.asynchronous_upload_limit;
    let display = Display::new(arguments.common);
    let (folders, now) = (Folders::standard(), Timestamp::now());
    let observer = display.observer();
    let finished = operation::backup(&target, settings, &folders, now, observer, cancel).await;
    let summary = summary(&finished);
    display.finish(&finished, &summary)
}

async fn open(arguments: &Backup, cancel: &CancellationToken) -> Result<Target, CommandError> {
    let destination = &arguments.destination;
    if destination.no_encryption || destination.passphrase.is_some() {
        let passphrase = destination.passphrase.clone();
        let warning = passphrase.as_deref().and_then(passphrase_warning);
        let target = destination.open(passphrase, cancel).await?;
        if let Some(warning) = warning
            && !matches!(
                operation::content(&target, cancel).await?,
                DestinationContent::Backup { .. }
            )
        {
            tell_of_passphrase(warning);
        }
        return Ok(target);
    }
    if !can_ask() {
        return Err(wording::invalid(
            "No passphrase was given.",
            "Set PASSPHRASE in the environment, or pass --no-encryption to store everything readable.",
        ));
    }
    let plain = destination.open(None, cancel).await?;
    let is_new = match operation::content(&plain, cancel).await? {
        DestinationContent::Backup { encrypted, .. } if !encrypted => return Ok(plain),
        DestinationContent::Backup { .. } => false,
        _ => true,
    };
    let passphrase = ask("Passphrase")?;
    if is_new && ask("Passphrase again")? != passphrase {
        return Err(wording::invalid(
            "The two passphrases differ.",
            "Run again and type the same twice.",
        ));
    }
    if let Some(warning) = passphrase_warning(&passphrase).filter(|_| is_new) {
        tell_of_passphrase(warning);
    }
    destination.open(Some(passphrase), cancel).await
}

fn tell_of_passphrase(warning: &str) {
    eprintln!("Note: this is the passphrase of a new backup. {warning}");
}

fn summary(finished: &Finished) -> String {
    let counts = &finished.counts;
    let head = match finished.result {
        RunResult::Unchanged => "Nothing changed; no new version was made.",
        RunResult::Warning => "Backup finished with warnings.",
        _ => "Backup finished.",
    };
    format!(
        "{head}\n  {} files looked at ({}), {} added, {} changed, {} deleted\n  {} uploaded in {} volumes{}",
        counts.examined_files,
        bytes(counts.examined_bytes),
        counts.added_files,
        counts.changed_files,
        counts.deleted_files,
        bytes(counts.uploaded_bytes),
        counts.uploaded_volumes,
        finished
            .stored
            .map_or_else(String::new, |(versions, size)| {
                format!("; {versions} version(s), {} stored", bytes(size))
            })
    )
}
