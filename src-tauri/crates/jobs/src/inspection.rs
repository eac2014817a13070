//! Looking into a backup and mending it: verify, find, compare, broken files, purge, repair.

use std::sync::Arc;

use coffer_engine::{
    Change, Fault, Lost, Mode, OpenedBackup, PurgeOptions, Purged, Samples, Selection,
    VerifyOptions,
};
use coffer_ipc::job::FilterRule;
use coffer_ipc::restore::{Entry, Version};
use coffer_ipc::run::Operation;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::maintenance::{CompactSettings, RemoteFile, compact_options, files, mode};
use crate::operation::{entry_shape, version_shape, version_shapes};
use crate::progress::{Observer, Tracker};
use crate::target::Target;
use crate::{Result, blocking, selecting, wording};

/// Runs one engine operation on a thread that may block.
async fn run<T: Send + 'static>(
    operation: Operation,
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
    work: impl FnOnce(
        &coffer_engine::Store,
        Arc<Tracker>,
        &CancellationToken,
    ) -> coffer_engine::Result<T>
    + Send
    + 'static,
) -> Result<T> {
    let (store, token) = (target.store.clone(), cancel.clone());
    let tracker = Arc::new(Tracker::new(operation, observer));
    let monitor = Arc::clone(&tracker);
    let work = blocking(move || work(&store, monitor, &token));
    let done = tracker.telling(target.waits.clone(), work).await;
    done.map_err(|error| wording::engine(&error))
}

/// All versions, newest first.
///
/// # Errors
/// Words for people, as in all functions here.
pub async fn versions(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<Vec<Version>> {
    let opened = open_backup(target, observer, cancel).await?;
    Ok(version_shapes(&opened.versions()))
}

/// Looks which versions there are; what is asked of them later costs no other look.
pub(crate) async fn open_backup(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<OpenedBackup> {
    run(
        Operation::Verify,
        target,
        observer,
        cancel,
        |store, monitor, cancel| OpenedBackup::open(store, monitor, cancel),
    )
    .await
}

/// Calls `sink` with each entry of a version, until it returns false. Where a backup is open, `opened` says which version
/// has which number.
///
/// # Errors
/// As [`versions`].
pub async fn for_each_entry(
    target: &Target,
    opened: Option<OpenedBackup>,
    version: usize,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Entry) -> bool + Send + 'static,
) -> Result<()> {
    run(
        Operation::Verify,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            let mut stopped = false;
            let sink = |entry| {
                if sink(entry_shape(&entry)) {
                    return Ok(());
                }
                stopped = true;
                Err(coffer_engine::Error::Cancelled)
            };
            let read = match opened {
                Some(opened) => opened.for_each_entry(version, monitor, cancel, sink),
                None => coffer_engine::for_each_entry(store, version, monitor, cancel, sink),
            };
            if stopped { Ok(()) } else { read }
        },
    )
    .await
}

/// What was verified.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Volumes whose presence and length were compared.
    pub listed_volumes: u64,
    /// Volumes that were read.
    pub examined_volumes: u64,
    /// Volumes that are not what they should be, and what is wrong with each.
    pub faults: Vec<(String, String)>,
}

/// Verifies `samples` volumes of each kind, all for `None`, and only the listing for 0.
///
/// # Errors
/// As [`versions`]. Damage is no error.
pub async fn verify(
    target: &Target,
    samples: Option<u64>,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<Verified> {
    let samples = match samples {
        None => Samples::All,
        Some(0) => Samples::None,
        Some(count) => Samples::Count(count),
    };
    let options = VerifyOptions { samples, now };
    let stats = run(
        Operation::Verify,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::verify(store, &options, monitor, cancel),
    )
    .await?;
    let words = |fault: Fault| (fault.volume, wording::fault(&fault.kind));
    Ok(Verified {
        listed_volumes: stats.listed_volumes,
        examined_volumes: stats.examined_volumes,
        faults: stats.faults.into_iter().map(words).collect(),
    })
}

/// Calls `sink` with each entry that `arguments` (paths, names, wildcards; none means everything) mean, in the given
/// versions, or in all when none is given.
///
/// # Errors
/// As [`verify`].
pub async fn find(
    target: &Target,
    arguments: &[String],
    versions: Vec<usize>,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Version, Entry) + Send + 'static,
) -> Result<()> {
    let selection = Selection::arguments(arguments);
    run(
        Operation::Verify,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            coffer_engine::find(
                store,
                &selection,
                &versions,
                monitor,
                cancel,
                |version, entry| {
                    sink(version_shape(version), entry_shape(&entry));
                    Ok(())
                },
            )
        },
    )
    .await
}

/// An entry that differs between two versions.
#[derive(Debug, Clone)]
pub struct Difference {
    /// As stored.
    pub path: String,
    /// `added`, `deleted`, `changed` or `attributes`.
    pub change: &'static str,
    /// Bytes in the older version.
    pub old_size: Option<u64>,
    /// Bytes in the newer version.
    pub new_size: Option<u64>,
}

/// Calls `sink` with each difference from version `base` to version `to`.
///
/// # Errors
/// As [`verify`].
pub async fn compare(
    target: &Target,
    (base, to): (usize, usize),
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Difference) + Send + 'static,
) -> Result<()> {
    run(
        Operation::Verify,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            coffer_engine::compare(store, (base, to), monitor, cancel, |difference| {
                sink(Difference {
                    path: difference.path,
                    change: match difference.change {
                        Change::Added => "added",
                        Change::Deleted => "deleted",
                        Change::Content => "changed",
                        Change::Metadata => "attributes",
                    },
                    old_size: difference.old_size,
                    new_size: difference.new_size,
                });
                Ok(())
            })
        },
    )
    .await
}

/// An entry that cannot be restored as it was.
#[derive(Debug, Clone)]
pub struct BrokenFile {
    /// As stored.
    pub path: String,
    /// Bytes; `None` for folders and links.
    pub size: Option<u64>,
    /// Whether its content is whole and only times, rights and attributes are lost.
    pub only_metadata: bool,
}

/// Calls `sink` with each broken entry of each version.
///
/// # Errors
/// As [`verify`].
pub async fn list_broken_files(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Version, BrokenFile) + Send + 'static,
) -> Result<()> {
    run(
        Operation::Verify,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| {
            coffer_engine::for_each_broken_file(store, monitor, cancel, |version, file| {
                let broken = BrokenFile {
                    path: file.path,
                    size: file.size,
                    only_metadata: file.lost == Lost::Metadata,
                };
                sink(version_shape(version), broken);
                Ok(())
            })
        },
    )
    .await
}

/// What to take out of versions.
#[derive(Debug, Clone)]
pub enum PurgeWhat {
    /// What these rules include.
    Matching(Vec<FilterRule>),
    /// What is broken.
    Broken,
}

/// A version that was written anew, or would be.
#[derive(Debug, Clone)]
pub struct PurgedVersion {
    /// What it was.
    pub version: Version,
    /// Its new time, RFC 3339.
    pub new_time: String,
    /// How many entries were taken out.
    pub removed_files: u64,
    /// The first of them, as stored.
    pub removed: Vec<String>,
    /// How many keep their content and lost times, rights and attributes.
    pub without_metadata_files: u64,
    /// The first of them.
    pub without_metadata: Vec<String>,
}

/// What was purged, or would be.
#[derive(Debug, Clone)]
pub struct PurgeResult {
    /// Versions that change.
    pub versions: Vec<PurgedVersion>,
    /// Files that are deleted at the destination.
    pub deleted: Vec<RemoteFile>,
}

/// Takes files out of versions, out of all when none is given.
///
/// # Errors
/// As [`verify`].
#[allow(
    clippy::too_many_arguments,
    reason = "each is an option of the command of its own"
)]
pub async fn purge(
    target: &Target,
    what: PurgeWhat,
    versions: Vec<usize>,
    compact: Option<CompactSettings>,
    volume_size: u64,
    dry_run: bool,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<PurgeResult> {
    let purged = match what {
        PurgeWhat::Matching(rules) => Purged::Matching(selecting::filters(&rules)?),
        PurgeWhat::Broken => Purged::Broken,
    };
    let options = PurgeOptions {
        purged,
        versions,
        compact: compact.map(|settings| compact_options(target, settings, volume_size, now)),
        now,
        mode: mode(dry_run),
    };
    let stats = run(
        Operation::Repair,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::purge(store, &options, monitor, cancel),
    )
    .await?;
    let compacted = stats.compacted.map_or_else(Vec::new, |stats| stats.deleted);
    let versions = stats.versions.into_iter().map(|purged| PurgedVersion {
        version: version_shape(purged.version),
        new_time: purged.new_time.to_string(),
        removed_files: purged.removed_files,
        removed: purged.removed,
        without_metadata_files: purged.without_metadata_files,
        without_metadata: purged.without_metadata,
    });
    Ok(PurgeResult {
        versions: versions.collect(),
        deleted: files(stats.deleted)
            .into_iter()
            .chain(files(compacted))
            .collect(),
    })
}

/// What was repaired, or would be.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// Data volumes that got a new index volume.
    pub indexed: Vec<RemoteFile>,
    /// Index volumes that were of no use and are deleted.
    pub deleted: Vec<RemoteFile>,
    /// Entries of versions of which data is missing.
    pub broken_files: u64,
    /// Those among them whose content is missing, and not their times and rights alone.
    pub lost_files: u64,
}

/// Writes index volumes that are missing or damaged anew.
///
/// # Errors
/// As [`verify`].
pub async fn repair(
    target: &Target,
    dry_run: bool,
    now: Timestamp,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<Repaired> {
    let mode: Mode = mode(dry_run);
    let stats = run(
        Operation::Repair,
        target,
        observer,
        cancel,
        move |store, monitor, cancel| coffer_engine::repair(store, mode, now, monitor, cancel),
    )
    .await?;
    Ok(Repaired {
        indexed: files(stats.indexed),
        deleted: files(stats.deleted),
        broken_files: stats.broken_files,
        lost_files: stats.lost_files,
    })
}

/// Throws this computer's index of a backup away and reads it anew. Returns the numbers of versions and volumes.
///
/// # Errors
/// As [`verify`].
pub async fn recreate(
    target: &Target,
    observer: Observer,
    cancel: &CancellationToken,
) -> Result<(u64, u64)> {
    let stats = run(
        Operation::Repair,
        target,
        observer,
        cancel,
        |store, monitor, cancel| coffer_engine::recreate(store, monitor, cancel),
    )
    .await?;
    Ok((stats.versions, stats.volumes))
}
