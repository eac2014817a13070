//! Single operations on a target, with words and numbers for people.

use std::path::PathBuf;
use std::sync::Arc;

use coffer_engine::{
    BackupOptions, Error as EngineError, Existing, OpenedBackup, Permissions, RestoreOptions,
    RestoreStats, Selection,
};
use coffer_ipc::account::Quota;
use coffer_ipc::command::DestinationContent;
use coffer_ipc::job::FilterRule;
use coffer_ipc::restore::{Entry, EntryKind, ExistingFiles, Version};
use coffer_ipc::run::{
    MissingSource, Operation, Permission, Restored, RestoredFile, RunCounts, RunResult,
};
use coffer_ipc::{CommandError, ErrorCode};
use coffer_volume::dlist::{EntryKind as VolumeEntryKind, FilelistEntry};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::folders::Folders;
use crate::maintenance::{CompactSettings, RetentionSettings};
use crate::progress::{Observer, Tracker};
use crate::selecting::{self, SourceSettings};
use crate::target::Target;
use crate::{Result, blocking, local_path, wording};

/// What a backup takes and how. Sizes are bytes.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// Files and folders.
    pub sources: Vec<PathBuf>,
    /// Ordered rules.
    pub filters: Vec<FilterRule>,
    /// What else is left out.
    pub source: SourceSettings,
    /// `--blocksize`; `None` takes the backup's own.
    pub block_size: Option<u64>,
    /// `--block-hash-algorithm` and `--file-hash-algorithm`; `None` takes the backup's own.
    pub hashes: Option<(String, String)>,
    /// `--dblock-size`.
    pub volume_size: u64,
    /// Which versions are kept.
    pub retention: RetentionSettings,
    /// When space is given back; `None` is never (`--no-auto-compact`).
    pub compact: Option<CompactSettings>,
    /// `--zip-compression-method`; `None` is Deflate.
    pub compression_method: Option<String>,
    /// `--zip-compression-level`, 0 to 9; `None` adapts to who waits: the network or the disk.
    pub compression_level: Option<u32>,
    /// `--backup-test-samples`; 0 looks into nothing (`--no-backend-verification`).
    pub test_samples: u64,
    /// `--backup-test-percentage`.
    pub test_percentage: f64,
    /// `--always-read`; `None` is what usually keeps its dates.
    pub always_read: Option<Vec<String>>,
    /// `--allow-missing-source`.
    pub allow_missing_source: bool,
    /// `--allow-new-destination`.
    pub allow_new_destination: bool,
    /// `--allow-mass-deletion`.
    pub allow_mass_deletion: bool,
    /// `--adopt-versions`.
    pub adopt_versions: bool,
    /// Versions that were at the destination at the end of the run before, as far as that is known.
    pub expected_versions: u64,
    /// `--upload-unchanged-backups`.
    pub upload_unchanged: bool,
    /// Volumes that are uploaded side by side; `None` is the usual number.
    pub parallel_uploads: Option<usize>,
}

impl BackupSettings {
    /// Defaults for everything but the sources.
    pub fn new(sources: Vec<PathBuf>) -> Self {
        Self {
            sources,
            filters: Vec::new(),
            source: SourceSettings::default(),
            block_size: None,
            hashes: None,
            volume_size: 50 << 20,
            retention: RetentionSettings::default(),
            compact: Some(CompactSettings::default()),
            compression_method: None,
            compression_level: None,
            test_samples: 1,
            test_percentage: 0.1,
            always_read: None,
            allow_missing_source: false,
            allow_new_destination: false,
            allow_mass_deletion: false,
            adopt_versions: false,
            expected_versions: 0,
            upload_unchanged: false,
            parallel_uploads: None,
        }
    }
}

/// What to restore and how.
#[derive(Debug, Clone)]
pub struct RestoreSettings {
    /// 0 is the newest.
    pub version: usize,
    /// Which files.
    pub wanted: Wanted,
    /// Folder to restore into; `None` puts everything back.
    pub target: Option<PathBuf>,
    /// What happens to files that exist.
    pub existing: ExistingFiles,
    /// `--restore-permissions`.
    pub permissions: bool,
}

/// Which files of a version.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Stored paths, literally; none means everything.
    Paths(Vec<String>),
    /// Arguments of a command line: paths, names, wildcards; none means everything.
    Arguments(Vec<String>),
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// In one word.
    pub result: RunResult,
    /// In numbers.
    pub counts: RunCounts,
    /// In words, when it failed.
    pub error: Option<CommandError>,
    /// Versions and bytes at the destination, when the operation learned them.
    pub stored: Option<(u32, u64)>,
    /// Space of the destination.
    pub quota: Option<Quota>,
    /// Where a restore put things.
    pub restored: Option<Box<Restored>>,
    /// What a backup held back until a person allows it.
    pub held_back: Vec<Permission>,
    /// Sources that were not there.
    pub missing: Vec<MissingSource>,
}

impl Finished {
    pub(crate) fn failed(error: CommandError, counts: RunCounts) -> Self {
        let result = if error.code == ErrorCode::Cancelled {
            RunResult::Stopped
        } else {
            RunResult::Error
        };
        Self {
            result,
            counts,
            error: Some(error),
            stored: None,
            quota: None,
            restored: None,
            held_back: Vec::new(),
            missing: Vec::new(),
        }
    }
}

/// Backs up and applies the retention.
pub async fn backup(
    target: &Target,
    settings: BackupSettings,
    folders: &Folders,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Finished {
    let tracker = Tracker::new(Operation::Backup, observer).held_to(target.allowance.clone());
    let tracker = Arc::new(tracker);
    let options = match backup_options(target, settings, folders, now) {
        Ok(options) => options,
        Err(error) => return Finished::failed(error, RunCounts::default()),
    };
    let (store, monitor, token) = (target.store.clone(), tracker.clone(), cancel.clone());
    let work = blocking(move || coffer_engine::backup(&store, options, monitor, &token));
    let outcome = tracker.telling(target.waits.clone(), work).await;
    match outcome {
        Err(error) => {
            log("backup", &error);
            let counts = RunCounts {
                uploaded_bytes: tracker.transferred_bytes(),
                ..RunCounts::default()
            };
            Finished::failed(wording::engine(&error), counts)
        }
        Ok(stats) => {
            let result = if stats.warnings > 0 || tracker.has_warned() {
                RunResult::Warning
            } else if stats.version.is_none() {
                RunResult::Unchanged
            } else {
                RunResult::Success
            };
            let missing = tracker.missing_sources();
            let counts = RunCounts {
                examined_files: stats.examined_files,
                examined_bytes: stats.examined_bytes,
                added_files: stats.added_files,
                changed_files: stats.changed_files,
                deleted_files: stats.deleted_files,
                failed_files: tracker.unread_files(),
                missing_sources: missing.len() as u64,
                uploaded_bytes: stats.uploaded_bytes,
                uploaded_volumes: stats.uploaded_volumes,
                deleted_versions: stats.deleted_versions,
                ..RunCounts::default()
            };
            let versions = u32::try_from(stats.versions).unwrap_or(u32::MAX);
            let stored = Some((versions, stats.stored_bytes));
            Finished {
                result,
                counts,
                error: None,
                stored,
                quota: target.quota(cancel).await,
                restored: None,
                held_back: tracker.held_back(),
                missing,
            }
        }
    }
}

fn backup_options(
    target: &Target,
    settings: BackupSettings,
    folders: &Folders,
    now: Timestamp,
) -> Result<BackupOptions> {
    let mut options = BackupOptions::new(settings.sources, now);
    options.filters = selecting::filters(&settings.filters)?;
    options.source = settings.source.options(folders)?;
    // A backup of its own volumes would grow with every run.
    let volumes = target.folder.clone();
    options.source.excluded_folders.extend(volumes);
    options.block_size = settings.block_size;
    options.hashes = settings.hashes;
    options.volume_size = settings.volume_size;
    if let Some(rules) = settings.always_read {
        let rules: Vec<_> = rules
            .into_iter()
            .filter(|rule| !rule.is_empty())
            .map(|expression| FilterRule {
                include: true,
                expression,
            })
            .collect();
        options.always_read = selecting::filters(&rules)?;
    }
    options.allow_missing_source = settings.allow_missing_source;
    options.allow_new_destination = settings.allow_new_destination;
    options.allow_mass_deletion = settings.allow_mass_deletion;
    options.adopt_versions = settings.adopt_versions;
    options.expected_versions = settings.expected_versions;
    options.upload_unchanged = settings.upload_unchanged;
    if let Some(count) = settings.parallel_uploads {
        options.parallel_uploads = count.max(1);
    }
    options.checkpoints = target.checkpoints.clone();
    options.retention = settings.retention.rule()?;
    options.compact = settings.compact.map(CompactSettings::thresholds);
    if let Some(method) = settings.compression_method {
        options.compression_method = method.parse().map_err(|_| {
            wording::invalid(
                format!("--zip-compression-method={method} cannot be written."),
                "Use Deflate, ZStandard or None.",
            )
        })?;
    }
    if let Some(level) = settings.compression_level {
        options.compression_level = Some(level);
    }
    options.test_samples = settings.test_samples;
    options.test_percentage = settings.test_percentage;
    Ok(options)
}

/// Restores. Where somebody chose in a backup that is open, `opened` says which version has which number.
pub async fn restore(
    target: &Target,
    opened: Option<OpenedBackup>,
    settings: RestoreSettings,
    observer: Observer,
    cancel: &CancellationToken,
) -> Finished {
    let tracker = Arc::new(Tracker::new(Operation::Restore, observer));
    let selection = match settings.wanted {
        Wanted::Paths(paths) if paths.is_empty() => Selection::all(),
        Wanted::Paths(paths) => Selection::paths(paths),
        Wanted::Arguments(arguments) => Selection::arguments(&arguments),
    };
    let chosen = settings.target.as_deref().map(local_path::expand);
    let options = RestoreOptions {
        version: settings.version,
        selection,
        target: chosen.clone(),
        existing: match settings.existing {
            ExistingFiles::KeepBoth => Existing::KeepBoth,
            ExistingFiles::Overwrite => Existing::Overwrite,
        },
        permissions: if settings.permissions {
            Permissions::Restore
        } else {
            Permissions::Leave
        },
    };
    let (store, monitor, token) = (target.store.clone(), tracker.clone(), cancel.clone());
    let work = blocking(move || match opened {
        Some(opened) => opened.restore(&options, monitor, &token),
        None => coffer_engine::restore(&store, &options, monitor, &token),
    });
    let outcome = tracker.telling(target.waits.clone(), work).await;
    let downloaded_bytes = tracker.transferred_bytes();
    match outcome {
        Err(error) => {
            log("restore", &error);
            let counts = RunCounts {
                downloaded_bytes,
                ..RunCounts::default()
            };
            Finished::failed(wording::engine(&error), counts)
        }
        Ok(stats) => Finished {
            result: if stats.warnings > 0 || tracker.has_warned() {
                RunResult::Warning
            } else {
                RunResult::Success
            },
            counts: RunCounts {
                examined_files: stats.selected_files,
                examined_bytes: stats.restored_bytes,
                restored_files: stats.restored_files,
                restored_others: stats.restored_others,
                failed_files: stats.failed_files,
                downloaded_bytes,
                ..RunCounts::default()
            },
            error: None,
            stored: None,
            quota: None,
            restored: Some(Box::new(restored(stats, chosen, &target.label))),
            held_back: Vec::new(),
            missing: Vec::new(),
        },
    }
}

fn restored(stats: RestoreStats, chosen: Option<PathBuf>, from: &str) -> Restored {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let files = stats.files.into_iter().map(|file| RestoredFile {
        path: text(file.path),
        new_name: file.is_beside,
    });
    let elsewhere = chosen.is_some();
    let chosen = chosen.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    Restored {
        from: from.to_owned(),
        folder: chosen.or(stats.folder).map(text),
        elsewhere,
        files: files.collect(),
        failed: stats.failed,
    }
}

/// What the destination folder holds.
///
/// # Errors
/// Words for people, as in all functions here.
pub async fn content(target: &Target, cancel: &CancellationToken) -> Result<DestinationContent> {
    let (store, token) = (target.store.clone(), cancel.clone());
    let found = blocking(move || coffer_engine::content(&store, &token)).await;
    Ok(match found.map_err(|error| wording::engine(&error))? {
        coffer_engine::FolderContent::Missing => DestinationContent::New,
        coffer_engine::FolderContent::Empty => DestinationContent::Empty,
        coffer_engine::FolderContent::Other(_) => DestinationContent::OtherFiles,
        coffer_engine::FolderContent::Backup {
            versions,
            encrypted,
        } => DestinationContent::Backup {
            versions: version_shapes(&versions),
            encrypted,
        },
    })
}

pub(crate) fn version_shapes(versions: &[coffer_engine::Version]) -> Vec<Version> {
    versions.iter().copied().map(version_shape).collect()
}

pub(crate) fn version_shape(version: coffer_engine::Version) -> Version {
    Version {
        number: u32::try_from(version.number).unwrap_or(u32::MAX),
        time: version.time.to_string(),
    }
}

/// Bytes of the path before its last part, separator included.
pub(crate) fn parent_len(path: &str) -> usize {
    let separators: &[char] = if path.starts_with('/') {
        &['/']
    } else {
        &['\\', '/']
    };
    let trimmed = path.strip_suffix(separators).unwrap_or(path);
    trimmed.rfind(separators).map_or(0, |position| position + 1)
}

pub(crate) fn entry_shape(entry: &FilelistEntry) -> Entry {
    let path = entry.path.clone();
    let name = path[parent_len(&path)..].trim_end_matches(['/', '\\']);
    Entry {
        // A file system's root has no name of its own.
        name: if name.is_empty() {
            path.clone()
        } else {
            name.to_owned()
        },
        kind: match entry.kind {
            VolumeEntryKind::File => EntryKind::File,
            VolumeEntryKind::Folder => EntryKind::Folder,
            VolumeEntryKind::Symlink => EntryKind::Symlink,
        },
        size_bytes: entry.content.as_ref().map_or(0, |content| content.size),
        modified: entry.time.map(|time| time.to_string()),
        path,
    }
}

fn log(operation: &str, error: &EngineError) {
    if !matches!(error, EngineError::Cancelled) {
        tracing::error!(operation, %error, "an operation failed");
    }
}
