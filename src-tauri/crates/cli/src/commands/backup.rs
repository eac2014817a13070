use std::path::PathBuf;

use clap::Args;
use coffer_engine::BackupOptions;
use coffer_ipc::CommandError;
use coffer_ipc::command::DestinationContent;
use coffer_ipc::run::RunResult;
use coffer_jobs::operations::{Finished, backup, content};
use coffer_jobs::values::parse_size;
use coffer_jobs::{Folders, Target, options, passphrase_warning, wording};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::opening::{ask, can_ask};
use crate::options::common::Common;
use crate::options::compacting::{AutoCompacting, VolumeSize};
use crate::options::destination::Destination;
use crate::options::flag::Flag;
use crate::options::retention::Retention;
use crate::options::selecting::Selecting;
use crate::output::{Display, bytes, fail};

#[derive(Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    destination: Destination,
    /// Files and folders to back up
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    volume_size: VolumeSize,
    /// Size of a block (unit kb); cannot be changed later. Default: that of the existing backup, or 1mb
    #[arg(long, value_parser = |text: &str| parse_size(text, "kb"))]
    blocksize: Option<u64>,
    /// Hash algorithm for blocks; cannot be changed later
    #[arg(long)]
    block_hash_algorithm: Option<String>,
    /// Hash algorithm for files; cannot be changed later
    #[arg(long)]
    file_hash_algorithm: Option<String>,
    #[command(flatten)]
    selecting: Selecting,
    #[command(flatten)]
    retention: Retention,
    #[command(flatten)]
    compacting: AutoCompacting,
    /// Compression method: Deflate, ZStandard or None
    #[arg(long)]
    zip_compression_method: Option<String>,
    /// Compression level, 0 to 9. Default: adapts to the upload speed
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=9))]
    zip_compression_level: Option<u32>,
    /// Number of volumes of each kind to verify after an upload
    #[arg(long, default_value_t = BackupOptions::TEST_SAMPLES)]
    backup_test_samples: u64,
    /// Percentage of volumes to verify after an upload, if that is more
    #[arg(long, default_value_t = BackupOptions::TEST_PERCENTAGE)]
    backup_test_percentage: f64,
    /// Do not verify volumes after an upload
    #[arg(long)]
    no_backend_verification: Flag,
    /// Accept a missing or empty source
    #[arg(long)]
    allow_missing_source: Flag,
    /// Start a new backup if the existing one is gone
    #[arg(long)]
    allow_new_destination: Flag,
    /// Let retention delete more than half of all versions in one run
    #[arg(long)]
    allow_mass_deletion: Flag,
    /// Apply retention to the versions of other computers too; for a computer that replaces another
    #[arg(long)]
    adopt_versions: Flag,
    /// Files to read in every run because they change without a new date, as a wildcard, [expression] or {group}.
    /// Default:
    /// *.hc and *.tc; pass an empty value for none
    #[arg(long)]
    always_read: Option<Vec<String>>,
    /// Create a version even if nothing changed
    #[arg(long)]
    upload_unchanged_backups: Flag,
    /// Maximum number of parallel uploads
    #[arg(long)]
    asynchronous_upload_limit: Option<usize>,
}

impl Backup {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let opened = self.open(cancel).await;
        let opened = opened.and_then(|target| Ok((target, self.options(Timestamp::now())?)));
        let (target, options) = match opened {
            Ok(opened) => opened,
            Err(error) => return fail(error, common),
        };
        let display = Display::new(common);
        let (folders, observer) = (Folders::standard(), display.observer());
        let finished = backup(&target, options, &folders, observer, cancel).await;
        let summary = summary(&finished);
        display.finish(&finished, &summary)
    }

    fn options(self, now: Timestamp) -> Result<BackupOptions, CommandError> {
        let usual = BackupOptions::new(self.sources, now);
        let hashes = match (self.block_hash_algorithm, self.file_hash_algorithm) {
            (None, None) => None,
            (block, file) => {
                let usual = || "SHA256".to_owned();
                Some((block.unwrap_or_else(usual), file.unwrap_or_else(usual)))
            }
        };
        Ok(BackupOptions {
            filters: self.selecting.filters()?,
            source: self.selecting.source()?,
            block_size: self.blocksize,
            hashes,
            volume_size: self.volume_size.dblock_size,
            retention: self.retention.rule()?,
            compact: self.compacting.thresholds(),
            compression_method: match self.zip_compression_method {
                Some(name) => options::compression_method(&name)?,
                None => usual.compression_method,
            },
            compression_level: self.zip_compression_level,
            test_percentage: self.backup_test_percentage,
            test_samples: if self.no_backend_verification.is_set() {
                0
            } else {
                self.backup_test_samples
            },
            always_read: match self.always_read {
                Some(rules) => options::always_read(&rules)?,
                None => usual.always_read,
            },
            allow_missing_source: self.allow_missing_source.is_set(),
            allow_new_destination: self.allow_new_destination.is_set(),
            allow_mass_deletion: self.allow_mass_deletion.is_set(),
            adopt_versions: self.adopt_versions.is_set(),
            upload_unchanged: self.upload_unchanged_backups.is_set(),
            parallel_uploads: self
                .asynchronous_upload_limit
                .map_or(usual.parallel_uploads, |count| count.max(1)),
            ..usual
        })
    }

    async fn open(&self, cancel: &CancellationToken) -> Result<Target, CommandError> {
        let destination = &self.destination;
        if destination.no_encryption.is_set() || destination.passphrase.is_some() {
            let passphrase = destination.passphrase.clone();
            let warning = passphrase.as_deref().and_then(passphrase_warning);
            let target = destination.open(passphrase, cancel).await?;
            if let Some(warning) = warning
                && !matches!(
                    content(&target, cancel).await?,
                    DestinationContent::Backup { .. }
                )
            {
                warn_of_passphrase(warning);
            }
            return Ok(target);
        }
        if !can_ask() {
            return Err(wording::invalid(
                "No passphrase was given.",
                "Set PASSPHRASE in the environment, or pass --no-encryption to store the backup unencrypted.",
            ));
        }
        let plain = destination.open(None, cancel).await?;
        let is_new = match content(&plain, cancel).await? {
            DestinationContent::Backup { encrypted, .. } if !encrypted => return Ok(plain),
            DestinationContent::Backup { .. } => false,
            _ => true,
        };
        let passphrase = ask("Passphrase")?;
        if is_new && ask("Passphrase again")? != passphrase {
            return Err(wording::invalid(
                "The two passphrases differ.",
                "Run again and type the same passphrase twice.",
            ));
        }
        if let Some(warning) = passphrase_warning(&passphrase).filter(|_| is_new) {
            warn_of_passphrase(warning);
        }
        destination.open(Some(passphrase), cancel).await
    }
}

fn warn_of_passphrase(warning: &str) {
    eprintln!("Note: check the passphrase of the new backup. {warning}");
}

fn summary(finished: &Finished) -> String {
    let counts = &finished.counts;
    let head = match finished.result {
        RunResult::Unchanged => "Nothing changed; no new version was created.",
        RunResult::Warning => "Backup finished with warnings.",
        _ => "Backup finished.",
    };
    format!(
        "{head}\n  {} files scanned ({}), {} added, {} changed, {} deleted\n  {} uploaded in {} volumes{}",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Command;
    use crate::parsing::parsed;

    fn backup_of(line: &[&str]) -> Backup {
        match parsed(line) {
            Ok(Command::Backup(backup)) => *backup,
            _ => panic!("{line:?}"),
        }
    }

    #[test]
    fn values_come_after_an_equals_sign_or_a_space() {
        for line in [
            &[
                "backup",
                "file:///b",
                "/s",
                "--dblock-size=10mb",
                "--Prefix=x",
            ][..],
            &[
                "backup",
                "file:///b",
                "/s",
                "--dblock-size",
                "10mb",
                "--prefix",
                "x",
            ],
            &[
                "backup",
                "--dblock-size",
                "10mb",
                "file:///b",
                "--prefix=x",
                "/s",
            ],
        ] {
            let backup = backup_of(line);

            assert_eq!(backup.volume_size.dblock_size, 10 << 20);
            assert_eq!(backup.destination.options()["prefix"], "x");
            assert_eq!(backup.sources, [PathBuf::from("/s")]);
        }
    }

    #[test]
    fn volumes_have_the_size_of_the_engines_default() {
        let backup = backup_of(&["backup", "file:///b", "/s"]);
        assert_eq!(backup.volume_size.dblock_size, BackupOptions::VOLUME_SIZE);
    }

    #[test]
    fn rules_keep_the_order_of_the_command_line() {
        let rules = ["--exclude=a", "--include=b", "--exclude=c"];
        let line = [&["backup", "file:///b", "/s"][..], &rules].concat();

        let filters = backup_of(&line).selecting.filters().unwrap();

        let rules: Vec<_> = filters.rules().to_vec();
        assert_eq!(rules.len(), 3, "{rules:?}");
        let decided = |path: &str| filters.decide(path).map(|(_, rule)| rule);
        assert_eq!(["a", "b", "c"].map(decided), [Some(0), Some(1), Some(2)]);
    }
}
