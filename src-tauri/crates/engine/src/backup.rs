//! Backup: sources to destination, as a new version.

mod collect;
mod known;
mod prepare;
mod rows;
mod scan;
mod version;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use coffer_database::Index;
use coffer_volume::Format;
use coffer_volume::archive::CompressionMethod;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::broken::is_whole;
use crate::compact::{
    CompactOptions, CompactStats, CompactThresholds, compact_afterwards, delete_unneeded,
};
use crate::delete::apply_retention;
use crate::error::{Error, Result};
use crate::filter::Filters;
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::repair::write_missing_dindexes;
use crate::retention::Retention;
use crate::session::Session;
use crate::source::{SourceOptions, roots};
use crate::spool::{Spool, abandon_others, lock, upload_pair};
use crate::store::{Cache, Listed, Store, load_newest_version, stream_ref, sync_volumes};

use crate::verify::{Lists, Samples, VerifyOptions, VerifyStats, verify_samples};

use collect::Collector;
use scan::Scan;

pub use crate::spool::{Checkpoints, Seal};

/// How far the clock may lie behind the newest version without a question.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Finished volumes that may wait for their upload; with those in flight this bounds the spool folder.
const WAITING_VOLUMES: usize = 2;

/// Compression level while nothing waits for the network.
const HASTY_LEVEL: u32 = 1;

/// Compression level while volumes wait for the network, and where nobody waits at all.
const PATIENT_LEVEL: u32 = 6;

/// How often a run starts again because volumes vanished under it.
const MAX_REPETITIONS: u32 = 2;

/// What a backup takes and how.
pub struct BackupOptions {
    /// Files and folders.
    pub sources: Vec<PathBuf>,
    /// What of them is left out by path.
    pub filters: Filters,
    /// What of them is left out by other things.
    pub source: SourceOptions,
    /// Bytes of a block. `None` takes the backup's, or 1 MiB in a new one.
    pub block_size: Option<u64>,
    /// Block and file hash. `None` takes the backup's, or SHA-256 in a new one.
    pub hashes: Option<(String, String)>,
    /// Bytes of a volume (`--dblock-size`); at least 1 MiB and two blocks are used.
    pub volume_size: u64,
    /// How blocks are compressed.
    pub compression_method: CompressionMethod,
    /// 0 to 9. `None` adapts: harder when volumes wait for the network, lighter when the network waits for volumes.
    pub compression_level: Option<u32>,
    /// Volumes uploaded at the same time.
    pub parallel_uploads: usize,
    /// A source that is missing or empty was meant to be.
    pub allow_missing_source: bool,
    /// Writes a version also when nothing changed.
    pub upload_unchanged: bool,
    /// Versions that are deleted afterwards.
    pub retention: Retention,
    /// When space is given back afterwards; `None` is never (`--no-auto-compact`).
    pub compact: Option<CompactThresholds>,
    /// Volumes of each kind that are looked into after something was uploaded (`--backup-test-samples`).
    pub test_samples: u64,
    /// The same in percent of the most numerous kind, if that is more (`--backup-test-percentage`).
    pub test_percentage: f64,
    /// Remembers uploads that were cut off.
    pub checkpoints: Checkpoints,
    /// The time of the new version.
    pub now: Timestamp,
}

impl BackupOptions {
    /// Defaults for everything but the sources.
    pub fn new(sources: Vec<PathBuf>, now: Timestamp) -> Self {
        Self {
            sources,
            filters: Filters::default(),
            source: SourceOptions::default(),
            block_size: None,
            hashes: None,
            volume_size: 50 << 20,
            compression_method: CompressionMethod::default(),
            compression_level: None,
            parallel_uploads: 4,
            allow_missing_source: false,
            upload_unchanged: false,
            retention: Retention::KeepAll,
            compact: Some(CompactThresholds::default()),
            test_samples: 1,
            test_percentage: 0.1,
            checkpoints: Checkpoints::None,
            now,
        }
    }
}

/// What a backup did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupStats {
    /// Entries looked at.
    pub examined_files: u64,
    /// Their content in bytes.
    pub examined_bytes: u64,
    /// Entries that are new.
    pub added_files: u64,
    /// Entries whose content or metadata is different.
    pub changed_files: u64,
    /// Entries that are gone.
    pub deleted_files: u64,
    /// Files that were opened and read.
    pub read_files: u64,
    /// Things that need a look.
    pub warnings: u64,
    /// Sources kept as they were because they were missing or empty.
    pub kept_sources: u64,
    /// Volumes sent.
    pub uploaded_volumes: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Versions deleted by retention.
    pub deleted_versions: u64,
    /// Volumes that were looked into afterwards and are not what they should be.
    pub faulty_volumes: u64,
    /// What was compacted.
    pub compacted: Option<CompactStats>,
    /// The new version; `None` when nothing changed.
    pub version: Option<Timestamp>,
    /// Versions at the destination afterwards.
    pub versions: u64,
    /// Bytes at the destination afterwards.
    pub stored_bytes: u64,
}

/// Backs the sources up into `store` as a new version.
///
/// Call from a thread that may block, inside a tokio runtime. When it fails or is cancelled, what was uploaded stays,
/// and the next run goes on from there; a version appears only when it is whole.
///
/// # Errors
/// Before anything is written: [`Error::WrongPassphrase`], [`Error::FormatMismatch`] and their like when the folder
/// holds another backup, [`Error::VolumesMissing`], [`Error::ClockBehind`], [`Error::Locked`]. Later: those of the
/// destination and of the spool folder.
pub fn backup(
    store: &Store,
    options: BackupOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<BackupStats> {
    let session = Session::new(store, monitor, cancel);
    let cache = Cache::lock(store)?;
    session.monitor().phase(Phase::Connecting);
    let listed = Listed::of(&session)?;
    listed.check_passphrase(&session)?;
    let spool = cache.spool();
    let format = choose_format(&session, &listed, &options, &spool)?;
    let index = cache.index_for(&format, store)?;
    let pairs = cache.spooled(&index)?;
    let time = choose_time(&listed, options.now)?;
    if !listed.exists {
        session.create_folder()?;
    }

    session.monitor().phase(Phase::ReadingDestination);
    abandon_others(&session, &index, &pairs, &options.checkpoints)?;
    for pair in &pairs {
        upload_pair(&session, &index, &spool, pair, &options.checkpoints)?;
    }
    let listed = if pairs.is_empty() {
        listed
    } else {
        Listed::of(&session)?
    };
    sync_volumes(&session, &index, &listed, &format, &spool)?;
    load_newest_version(&session, &index, &listed, &spool)?;
    index.clear_staged()?;

    session.monitor().phase(Phase::BackingUp);
    let is_first = listed.dlists.is_empty();
    let (roots, odd) = roots(&options.sources);
    for source in odd {
        let subject = source.display().to_string();
        session.monitor().problem(Problem {
            subject,
            kind: ProblemKind::NameNotUnicode,
        });
    }
    if is_first && !roots.iter().any(|root| root.path.exists()) {
        return Err(Error::NoSource);
    }
    let mut spool = Spool::new(spool, store, format, time, options.volume_size);
    let run = Run {
        session: &session,
        index: Arc::new(Mutex::new(index)),
        options: Arc::new(options),
    };
    let must_upload = run.options.upload_unchanged || is_first || newest_is_partial(&run, &listed)?;
    let mut stats = run.make_version(&mut spool, &roots, must_upload)?;
    run.look_after(&cache, &spool, &mut stats)?;
    Ok(stats)
}

/// Whether the newest version is one that a run before did not finish, so that a complete one is due in any case.
fn newest_is_partial(run: &Run<'_>, listed: &Listed) -> Result<bool> {
    let Some(newest) = listed.times().last().copied() else {
        return Ok(false);
    };
    let completeness = lock(&run.index).completeness(newest.as_second())?;
    Ok(completeness == Some(false))
}

/// A backup once everything is known to be in order.
struct Run<'a> {
    session: &'a Session,
    index: Arc<Mutex<Index>>,
    options: Arc<BackupOptions>,
}

impl Run<'_> {
    /// Uploads what changed and the dlist that makes it a version.
    ///
    /// When volumes vanish meanwhile, because another computer compacted the same folder, say, what was in them is read
    /// and sent again.
    fn make_version(
        &self,
        spool: &mut Spool,
        roots: &[crate::source::Root],
        must_upload: bool,
    ) -> Result<BackupStats> {
        let mut sent = (0, 0);
        for attempt in 0.. {
            let mut stats = run_pipeline(self.session, &self.index, spool, roots, &self.options)?;
            stats.uploaded_volumes += sent.0;
            stats.uploaded_bytes += sent.1;
            self.session.monitor().phase(Phase::Finishing);
            let index = lock(&self.index);
            let changes = stats.added_files + stats.changed_files + stats.deleted_files;
            if changes == 0 && !must_upload {
                version::keep_local_state(&index)?;
                index.set_may_be_damaged(false)?;
                return Ok(stats);
            }
            let listed = Listed::of(self.session)?;
            let (format, folder) = (spool.format().clone(), spool.folder().to_owned());
            match sync_volumes(self.session, &index, &listed, &format, &folder) {
                Ok(false) => {}
                Ok(true) if attempt < MAX_REPETITIONS => {
                    // The version that this one was compared with may be gone as well.
                    load_newest_version(self.session, &index, &listed, &folder)?;
                    index.clear_staged()?;
                    sent = (stats.uploaded_volumes, stats.uploaded_bytes);
                    continue;
                }
                Ok(true) => return Err(self.missing()),
                Err(error) => return Err(error),
            }
            if attempt > 0 {
                self.require_whole(&index, &format)?;
                // Index volumes of ours that arrived after their data had been deleted.
                delete_unneeded(self.session, &index, &listed, &HashSet::new())?;
            }
            write_missing_dindexes(self.session, &index, spool, &listed)?;
            spool.set_time(after_all(&listed, spool.time()));
            let checkpoints = &self.options.checkpoints;
            version::upload_dlist(self.session, &index, spool, &mut stats, checkpoints)?;
            index.set_may_be_damaged(false)?;
            return Ok(stats);
        }
        unreachable!("the loop ends by returning")
    }

    /// Makes sure that nothing of the staged version was in what vanished.
    fn require_whole(&self, index: &Index, format: &Format) -> Result<()> {
        let (mut whole, mut lost) = (HashSet::new(), Ok(false));
        index.for_each_staged_version(&[0, 1, 2], |row| {
            let streams = row.content.iter().chain([&row.metadata]);
            for stream in streams {
                let is_lost = stream_ref(stream, format)
                    .map_err(|source| Error::volume("the index", source))
                    .and_then(|stream| is_whole(index, format, &stream, &mut whole))
                    .map(|whole| !whole);
                if !matches!(is_lost, Ok(false)) {
                    lost = is_lost;
                    return false;
                }
            }
            true
        })?;
        if lost? { Err(self.missing()) } else { Ok(()) }
    }

    fn missing(&self) -> Error {
        let destination = self.session.label();
        Error::DataMissing {
            destination,
            blocks: 1,
        }
    }

    /// Deletes versions that are not kept, gives space back, and looks into samples of what was uploaded.
    fn look_after(&self, cache: &Cache, spool: &Spool, stats: &mut BackupStats) -> Result<()> {
        let (session, options) = (self.session, &self.options);
        let index = lock(&self.index);
        let now = options.now;
        if stats.kept_sources == 0 {
            let retention = &options.retention;
            stats.deleted_versions =
                apply_retention(session, cache, &index, retention, spool.time(), now)?;
        }
        let mut listed = Listed::of(session)?;
        let (format, folder) = (spool.format(), spool.folder());
        if let Some(compact) = self.compact_options(spool) {
            let is_changed =
                if stats.deleted_versions > 0 || has_small_volumes(&listed, stats, &compact) {
                    stats.compacted =
                        compact_afterwards(session, &index, format, folder, &[], &compact)?;
                    true
                } else {
                    // What a run left that was killed between a data volume and its index volume.
                    !delete_unneeded(session, &index, &listed, &HashSet::new())?.is_empty()
                };
            if is_changed {
                listed = Listed::of(session)?;
            }
        }
        let samples = sample_count(&listed, options.test_samples, options.test_percentage);
        if stats.uploaded_volumes > 0 && samples > 0 {
            let samples = Samples::Count(samples);
            let how = VerifyOptions { samples, now };
            let mut verified = VerifyStats::default();
            verify_samples(
                session,
                &index,
                format,
                folder,
                &listed,
                &how,
                Lists::Read,
                &mut verified,
            )?;
            stats.faulty_volumes = verified.faults.len() as u64;
            stats.warnings += stats.faulty_volumes;
        }
        stats.versions = listed.dlists.len() as u64;
        stats.stored_bytes = listed.size();
        Ok(())
    }

    fn compact_options(&self, spool: &Spool) -> Option<CompactOptions> {
        let options = &self.options;
        options.compact.map(|thresholds| CompactOptions {
            thresholds,
            compression_method: options.compression_method,
            compression_level: options.compression_level.unwrap_or(PATIENT_LEVEL),
            parallel_uploads: options.parallel_uploads,
            checkpoints: options.checkpoints.clone(),
            ..CompactOptions::new(options.volume_size, spool.time())
        })
    }
}

/// `time`, or what is later than every version that appeared meanwhile.
fn after_all(listed: &Listed, time: Timestamp) -> Timestamp {
    let newest = listed.times().last().copied();
    newest
        .filter(|newest| *newest >= time)
        .and_then(|newest| newest.checked_add(SignedDuration::from_secs(1)).ok())
        .unwrap_or(time)
}

fn sample_count(listed: &Listed, samples: u64, percentage: f64) -> u64 {
    let kinds = [&listed.dblocks, &listed.dindexes, &listed.dlists];
    let largest = kinds.map(Vec::len).into_iter().max().unwrap_or(0);
    samples.max((largest as f64 * percentage / 100.0).ceil() as u64 * u64::from(samples > 0))
}

/// Whether this run added to many small volumes, so that they are worth merging.
fn has_small_volumes(listed: &Listed, stats: &BackupStats, compact: &CompactOptions) -> bool {
    stats.uploaded_volumes > 1
        && compact.are_too_small(listed.dblocks.iter().map(|volume| volume.size))
}

/// Scans, prepares, fills volumes and uploads them, all at the same time.
fn run_pipeline(
    session: &Session,
    index: &Arc<Mutex<Index>>,
    spool: &Spool,
    roots: &[crate::source::Root],
    options: &Arc<BackupOptions>,
) -> Result<BackupStats> {
    let parallel = options.parallel_uploads.max(1);
    let (stage_index, stage_spool) = (Arc::clone(index), spool.clone());
    let (upload_index, upload_spool) = (Arc::clone(index), spool.clone());
    let checkpoints = options.checkpoints.clone();
    let pace = Arc::new(Pace::new(options.compression_level));
    let uploading = Arc::clone(&pace);
    let (roots, options) = (roots.to_vec(), Arc::clone(options));
    session.pipe(
        WAITING_VOLUMES,
        parallel,
        move |session, sender| {
            let scan = Scan::new(session, &stage_spool, roots, &options, &pace);
            let mut collector = Collector::new(session, stage_index, &stage_spool, sender, &pace)?;
            scan.run(&mut collector)?;
            collector.finish()
        },
        move |session, pair| {
            // Each upload has its own handle, because the collector holds the shared one often.
            let index = Index::open(lock(&upload_index).path())?;
            upload_pair(session, &index, upload_spool.folder(), &pair, &checkpoints)?;
            uploading.arrived();
            Ok(())
        },
    )
}

/// How hard blocks are compressed, which depends on who waits for whom.
struct Pace {
    fixed: Option<u32>,
    /// Volumes that are full and have not arrived.
    under_way: AtomicUsize,
    is_patient: AtomicBool,
}

impl Pace {
    fn new(fixed: Option<u32>) -> Self {
        Self {
            fixed,
            under_way: AtomicUsize::new(0),
            is_patient: AtomicBool::new(false),
        }
    }

    fn level(&self) -> u32 {
        self.fixed
            .unwrap_or(if self.is_patient.load(Ordering::Relaxed) {
                PATIENT_LEVEL
            } else {
                HASTY_LEVEL
            })
    }

    /// A volume is full. When the two before it are still under way, the network is what the run waits for.
    fn filled(&self) {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed);
        self.is_patient.store(under_way > 1, Ordering::Relaxed);
    }

    fn arrived(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The backup's own settings, which any that were asked for must equal; in a new one those that were asked for.
fn choose_format(
    session: &Session,
    listed: &Listed,
    options: &BackupOptions,
    spool: &std::path::Path,
) -> Result<Format> {
    let asked = |base: &Format| {
        let block_size = options.block_size.unwrap_or(base.block_size());
        let (block_hash, file_hash) = match &options.hashes {
            Some((block, file)) => (block.as_str(), file.as_str()),
            None => (base.block_hash_name(), base.file_hash_name()),
        };
        Format::new(block_size, block_hash, file_hash)
            .map_err(|source| Error::volume("the new backup's settings", source))
    };
    let Some(found) = listed.format(session, spool)? else {
        return asked(&Format::default());
    };
    let asked = asked(&found)?;
    let same = found.block_size() == asked.block_size()
        && found.block_hash() == asked.block_hash()
        && found.file_hash() == asked.file_hash();
    if same {
        return Ok(found);
    }
    Err(Error::FormatMismatch {
        destination: session.label(),
        found: found.to_string(),
        asked: asked.to_string(),
    })
}

/// Whole seconds, later than every version that exists.
fn choose_time(listed: &Listed, now: Timestamp) -> Result<Timestamp> {
    let seconds = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    let now = seconds(now);
    let Some(newest) = listed.times().last().copied() else {
        return Ok(now);
    };
    if now > newest {
        return Ok(now);
    }
    if newest.duration_since(now) > CLOCK_TOLERANCE {
        return Err(Error::ClockBehind { now, newest });
    }
    newest
        .checked_add(SignedDuration::from_secs(1))
        .map_err(|_| Error::ClockBehind { now, newest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_compressed_hard_while_volumes_wait_for_the_network() {
        let pace = Pace::new(None);
        assert_eq!(pace.level(), HASTY_LEVEL);
        pace.filled();
        pace.filled();
        assert_eq!(pace.level(), HASTY_LEVEL, "one on its way says nothing");
        pace.filled();
        assert_eq!(pace.level(), PATIENT_LEVEL);
        pace.arrived();
        pace.arrived();
        pace.filled();
        assert_eq!(pace.level(), HASTY_LEVEL, "the network is fast again");
        let fixed = Pace::new(Some(3));
        (0..4).for_each(|_| fixed.filled());
        assert_eq!(fixed.level(), 3);
    }
}
