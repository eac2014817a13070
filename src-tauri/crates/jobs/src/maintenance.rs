//! Work on a backup that exists: deleting versions, and what follows from it.

use std::sync::Arc;

use coffer_engine::{DeleteOptions, FullRemoval, Mode, Retention, Victims};
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
    /// # Errors
    /// [`coffer_ipc::ErrorCode::InvalidInput`] when several are given or one cannot be read.
    pub(crate) fn rule(&self) -> Result<Retention> {
        let (time, policy) = (self.keep_time.as_deref(), self.retention_policy.as_deref());
        Retention::from_options(self.keep_versions, time, policy)
            .map_err(|error| wording::engine(&error))
    }
}

/// Which versions to delete.
#[derive(Debug, Clone)]
pub struct DeleteSettings {
    /// By number, 0 being the newest; none when the retention says which.
    pub numbers: Vec<usize>,
    /// Which are kept.
    pub retention: RetentionSettings,
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
        mode: mode(settings.dry_run),
        now,
    };
    let (store, token) = (target.store.clone(), cancel.clone());
    let monitor = Arc::new(Tracker::new(Operation::Delete, observer));
    let deleted = blocking(move || coffer_engine::delete(&store, &options, monitor, &token));
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
        files: files(stats.deleted),
    })
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::Plan } else { Mode::Run }
}

fn files(volumes: Vec<coffer_engine::RemoteVolume>) -> Vec<RemoteFile> {
    let shown = volumes.into_iter().map(|volume| RemoteFile {
        name: volume.name,
        size: volume.size,
    });
    shown.collect()
}
