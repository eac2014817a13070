//! Work on a backup that exists: deleting versions, giving back space.

use std::sync::Arc;

use coffer_engine::{
    CompactOptions, CompactThresholds, DeleteOptions, Disposal, FullRemoval, Mode, Retention,
    Victims,
};
use coffer_ipc::job::Retention as JobRetention;
use coffer_ipc::restore::Version;
use coffer_ipc::run::Operation;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::progress::{Observer, Tracker};
use crate::target::Target;
use crate::{Result, blocking, wording};

/// Which versions are kept, by Duplicati's option names; one of them at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionSettings {
    /// `--keep-versions`.
    pub keep_versions: Option<u32>,
    /// `--keep-time`.
    pub keep_time: Option<String>,
    /// `--retention-policy`.
    pub retention_policy: Option<String>,
}

impl RetentionSettings {
    /// What a job says.
    pub(crate) fn of_job(retention: &JobRetention) -> Self {
        let mut settings = Self::default();
        match retention {
            JobRetention::All => {}
            JobRetention::Versions { count } => settings.keep_versions = Some(*count),
            JobRetention::Time { span } => settings.keep_time = Some(span.clone()),
            JobRetention::Policy { policy } => settings.retention_policy = Some(policy.clone()),
        }
        settings
    }

    /// # Errors
    /// [`coffer_ipc::ErrorCode::InvalidInput`] when several are given or one cannot be read.
    pub(crate) fn rule(&self) -> Result<Retention> {
        let (time, policy) = (self.keep_time.as_deref(), self.retention_policy.as_deref());
        Retention::from_options(self.keep_versions, time, policy)
            .map_err(|error| wording::engine(&error))
    }
}

/// When space is given back, by Duplicati's option names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactSettings {
    /// `--threshold`, in percent.
    pub threshold: u64,
    /// `--small-file-size`, in bytes; `None` is a fifth of a volume.
    pub small_file_size: Option<u64>,
    /// `--small-file-max-count`.
    pub small_file_max_count: u64,
    /// `--now`: what nobody needs is deleted at once, and not by a run a day later.
    pub at_once: bool,
}

impl CompactSettings {
    pub(crate) fn thresholds(self) -> CompactThresholds {
        CompactThresholds {
            percent: self.threshold,
            small_file_size: self.small_file_size,
            small_file_max_count: self.small_file_max_count,
        }
    }
}

impl Default for CompactSettings {
    fn default() -> Self {
        let thresholds = CompactThresholds::default();
        Self {
            threshold: thresholds.percent,
            small_file_size: thresholds.small_file_size,
            small_file_max_count: thresholds.small_file_max_count,
            at_once: false,
        }
    }
}

/// Which versions to delete.
#[derive(Debug, Clone)]
pub struct DeleteSettings {
    /// By number, 0 being the newest; none when the retention says which.
    pub numbers: Vec<usize>,
    /// Which are kept.
    pub retention: RetentionSettings,
    /// When space is given back; `None` is never (`--no-auto-compact`).
    pub compact: Option<CompactSettings>,
    /// `--dblock-size`, for what is rewritten.
    pub volume_size: u64,
    /// `--allow-full-removal`.
    pub allow_full_removal: bool,
    /// `--dry-run`.
    pub dry_run: bool,
}

/// A file at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name there.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// What was deleted, or would be.
#[derive(Debug, Clone, Default)]
pub struct Deleted {
    /// The versions, by the numbers they had.
    pub versions: Vec<Version>,
    /// The files.
    pub files: Vec<RemoteFile>,
}

/// Deletes versions.
///
/// # Errors
/// Words for people, as in all functions here.
pub async fn delete(
    target: &Target,
    settings: DeleteSettings,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<Deleted> {
    let options = DeleteOptions {
        victims: if settings.numbers.is_empty() {
            Victims::Retention(settings.retention.rule()?)
        } else {
            Victims::Numbers(settings.numbers)
        },
        full_removal: if settings.allow_full_removal {
            FullRemoval::Allow
        } else {
            FullRemoval::Refuse
        },
        compact: settings
            .compact
            .map(|compact| compact_options(target, compact, settings.volume_size, now)),
        mode: mode(settings.dry_run),
        now,
    };
    let (store, token) = (target.store.clone(), cancel.clone());
    let tracker = Arc::new(Tracker::new(Operation::Delete, observer));
    let monitor = Arc::clone(&tracker);
    let work = blocking(move || coffer_engine::delete(&store, &options, monitor, &token));
    let deleted = tracker.telling(target.waits.clone(), work);
    let stats = deleted.await.map_err(|error| wording::engine(&error))?;
    Ok(Deleted {
        versions: stats
            .versions
            .iter()
            .map(|version| Version {
                number: u32::try_from(version.number).unwrap_or(u32::MAX),
                time: version.time.to_string(),
            })
            .collect(),
        files: files(stats.deleted)
            .into_iter()
            .chain(files(
                stats.compacted.map_or_else(Vec::new, |stats| stats.deleted),
            ))
            .collect(),
    })
}

/// What compacting did, or would do. Sizes are bytes.
#[derive(Debug, Clone, Default)]
pub struct Compacted {
    /// Of blocks that some version needs.
    pub used_bytes: u64,
    /// Of all others.
    pub unused_bytes: u64,
    /// Of blocks written anew.
    pub moved_bytes: u64,
    /// Volumes that were read.
    pub downloaded: Vec<RemoteFile>,
    /// New volumes; a plan does not know them.
    pub uploaded: Vec<RemoteFile>,
    /// Volumes that were deleted.
    pub deleted: Vec<RemoteFile>,
    /// Volumes that nobody needs, which a run deletes that finds them so a day from now.
    pub retired: Vec<RemoteFile>,
}

/// Gives back the space of data that no version needs.
///
/// # Errors
/// As [`delete`].
pub async fn compact(
    target: &Target,
    settings: CompactSettings,
    volume_size: u64,
    dry_run: bool,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<Compacted> {
    let mut options = compact_options(target, settings, volume_size, now);
    options.mode = mode(dry_run);
    let (store, token) = (target.store.clone(), cancel.clone());
    let tracker = Arc::new(Tracker::new(Operation::Compact, observer));
    let monitor = Arc::clone(&tracker);
    let work = blocking(move || coffer_engine::compact(&store, &options, monitor, &token));
    let compacted = tracker.telling(target.waits.clone(), work);
    let stats = compacted.await.map_err(|error| wording::engine(&error))?;
    Ok(Compacted {
        used_bytes: stats.used_bytes,
        unused_bytes: stats.unused_bytes,
        moved_bytes: stats.moved_bytes,
        downloaded: files(stats.downloaded),
        uploaded: files(stats.uploaded),
        deleted: files(stats.deleted),
        retired: files(stats.retired),
    })
}

pub(crate) fn compact_options(
    target: &Target,
    settings: CompactSettings,
    volume_size: u64,
    now: Timestamp,
) -> CompactOptions {
    CompactOptions {
        thresholds: settings.thresholds(),
        checkpoints: target.checkpoints.clone(),
        disposal: if settings.at_once {
            Disposal::Now
        } else {
            Disposal::AfterADay
        },
        ..CompactOptions::new(volume_size, now)
    }
}

pub(crate) fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::Plan } else { Mode::Run }
}

pub(crate) fn files(volumes: Vec<coffer_engine::RemoteVolume>) -> Vec<RemoteFile> {
    let shown = volumes.into_iter().map(|volume| RemoteFile {
        name: volume.name,
        size: volume.size,
    });
    shown.collect()
}
