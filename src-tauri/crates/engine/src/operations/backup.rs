//! Backup: sources to destination, as a new version.

mod aftercare;
mod blocks;
mod collect;
mod hold;
mod known;
pub(crate) mod options;
mod overview;
mod pace;
mod prepare;
mod rows;
mod scan;
mod version;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use coffer_database::Index;
use coffer_destination::Error as DestinationError;
use coffer_volume::Format;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Counting, FaultKind, Monitor, Phase, Problem, ProblemKind};
use crate::operations::compact::options::CompactOptions;
use crate::repository::cache::{Cache, SpooledVolume, with_sound_index};
use crate::repository::damage::is_whole;
use crate::repository::dindexes::write_missing_dindexes;
use crate::repository::kept::Others;
use crate::repository::listing::Listed;
use crate::repository::makers::Makers;
use crate::repository::newest::load_newest_version;
use crate::repository::opened::Repository;
use crate::repository::rows::stream_ref;
use crate::repository::session::{Role, Session};
use crate::repository::source_list::SourceList;
use crate::repository::spool::Spool;
use crate::repository::store::Store;
use crate::repository::sync::{Synced, sync_volumes};
use crate::repository::upload::{abandon_others, upload_pair};
use crate::source::{Root, roots};
use crate::threads::lock;

use collect::Collector;
use overview::Overview;
use pace::Pace;
use scan::Scan;
use version::UploadedDlist;

pub use crate::repository::upload::{Checkpoints, Seal};
pub use options::{BackupOptions, BackupStats};

/// How far the clock may lie behind the newest version without a word.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Entries with lost data that are named; all others are counted.
const MOST_NAMED: usize = 100;

/// Finished volumes that may wait for their upload; with those in flight this bounds the spool folder.
const WAITING_VOLUMES: usize = 2;

/// How often a run starts again because volumes vanished under it.
const MAX_REPETITIONS: u32 = 2;

/// Backs the sources up into `store` as a new version.
///
/// Call from a thread that may block, inside a tokio runtime. When it fails or is cancelled, what was uploaded stays,
/// and the next run goes on from there; a version appears only when it is whole.
///
/// # Errors
/// Before anything is written: [`Error::WrongPassphrase`], [`Error::FormatMismatch`] and their like when the folder
/// holds another backup, [`Error::VolumesMissing`], [`Error::DestinationGone`], [`Error::NoSource`], [`Error::Locked`].
/// Later: those of the destination and of the spool folder.
pub fn backup(
    store: &Store,
    options: BackupOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<BackupStats> {
    let options = Arc::new(options);
    let made = Mutex::new(None);
    let told = Arc::new(Counting::new(monitor));
    let mut stats = with_sound_index(store, || {
        backup_once(store, &options, Arc::clone(&told) as _, cancel, &made)
    })?;
    stats.warnings = told.warnings();
    let before = lock(&made).take();
    Ok(match before {
        // The index failed when the version was there already, and the second try found nothing to do.
        Some(before) if stats.version.is_none() => BackupStats {
            warnings: stats.warnings,
            kept_sources: stats.kept_sources,
            deleted_versions: stats.deleted_versions,
            faulty_volumes: stats.faulty_volumes,
            compacted: stats.compacted,
            versions: stats.versions,
            stored_bytes: stats.stored_bytes,
            ..before
        },
        _ => stats,
    })
}

fn backup_once(
    store: &Store,
    options: &Arc<BackupOptions>,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    made: &Mutex<Option<BackupStats>>,
) -> Result<BackupStats> {
    let session = Session::new(store, monitor, cancel).with_role(Role::BackingUp);
    let cache = Cache::lock(store)?;
    let (roots, odd) = roots(&options.sources);
    require_some_source(&roots)?;
    session.monitor().phase(Phase::Connecting);
    let mut listed = Listed::of(&session)?;
    listed.require_readable(&session)?;
    listed.check_passphrase(&session)?;
    require_known_backup(&session, &cache, &mut listed, options)?;
    let spool = cache.spool();
    let known = cache.known_format(&listed)?;
    let format = choose_format(&session, &listed, options, known, &spool)?;
    let index = cache.index_for(&format, store)?;
    index.hold_deletions(false)?;
    listed.complete(&session, &index)?;
    let pairs = cache.spooled(&index)?;
    for source in odd {
        let subject = source.display().to_string();
        session.monitor().problem(Problem {
            subject,
            kind: ProblemKind::NameNotUnicode { is_folder: false },
        });
    }
    let time = choose_time(&session, &listed, options.now);
    if !listed.exists {
        session.create_folder()?;
    }

    session.monitor().phase(Phase::ReadingDestination);
    abandon_others(&session, &index, &pairs, &options.checkpoints)?;
    upload_left(&session, &index, &cache, &pairs, &options.checkpoints)?;
    if !pairs.is_empty() {
        session.monitor().phase(Phase::ReadingDestination);
        listed = Listed::completed(&session, &index)?;
    }
    let repository = Repository {
        session: &session,
        index: &index,
        format: &format,
        spool: &spool,
    };
    sync_volumes(repository, &mut listed)?;
    let sources = SourceList::of(&roots);
    if options.adopt_versions {
        Others::None.note(&index)?;
        if Makers::noted(&index)?.adopt(listed.times())? {
            hold::Hold::NothingRemembered.begin(&index)?;
        }
    }
    load_newest_version(repository, &listed, &sources)?;
    index.clear_staged()?;

    session.monitor().phase(Phase::BackingUp);
    let is_first = listed.dlists.is_empty();
    let own = index.volumes()?.into_iter().filter(|row| row.is_own);
    let own_before = own.map(|row| row.name).collect();
    let run = Run {
        session: &session,
        index: Arc::new(Mutex::new(index)),
        options: Arc::clone(options),
        sources,
        own_before,
        made,
    };
    let must_upload = run.options.upload_unchanged || is_first || newest_is_partial(&run)?;
    let mut spool = Spool::new(spool, store, format, time, options.volume_size);
    let made = match run.make_version(&mut spool, &roots, must_upload) {
        Err(Error::Destination(DestinationError::Full)) if run.make_room(&spool)? => {
            let index = lock(&run.index);
            // What the index knows of the volumes that did not fit is true once they are there.
            let pairs = cache.spooled(&index)?;
            upload_left(&session, &index, &cache, &pairs, &options.checkpoints)?;
            drop(index);
            run.make_version(&mut spool, &roots, must_upload)?
        }
        other => other?,
    };
    let mut stats = made.stats;
    run.look_after(&spool, &roots, made.overview, &mut stats)?;
    // They were told by a run that came to its end.
    lock(&run.index).forget_gone_dlists()?;
    Ok(stats)
}

/// Uploads what a run before left in the spool. When the destination is full, what is left is given up: it may be of no use
/// any more, and what this run needs may be less.
fn upload_left(
    session: &Session,
    index: &Index,
    cache: &Cache,
    pairs: &[SpooledVolume],
    checkpoints: &Checkpoints,
) -> Result<()> {
    let spool = cache.spool();
    if !pairs.is_empty() {
        session.monitor().phase(Phase::SendingLeft);
        session.monitor().queued(bytes_of(pairs, &spool));
    }
    for pair in pairs {
        match upload_pair(session, index, &spool, pair, checkpoints) {
            Err(Error::Destination(DestinationError::Full)) => break,
            other => other?,
        }
    }
    for name in pairs.iter().flat_map(|pair| [&pair.dblock, &pair.dindex]) {
        let path = spool.join(name);
        if path.exists() {
            fs::remove_file(&path).map_err(|source| Error::io("delete", &path, source))?;
        }
    }
    cache.spooled(index)?;
    abandon_others(session, index, &[], checkpoints)
}

/// Bytes of volumes in the spool.
fn bytes_of(pairs: &[SpooledVolume], spool: &Path) -> u64 {
    let names = pairs.iter().flat_map(|pair| [&pair.dblock, &pair.dindex]);
    let sizes = names.filter_map(|name| fs::metadata(spool.join(name)).ok());
    sizes.map(|stat| stat.len()).sum()
}

/// # Errors
/// [`Error::NoSource`] when not one of the sources can be read: then nothing is written, and nothing counts as deleted.
fn require_some_source(roots: &[Root]) -> Result<()> {
    let is_there = |path: &Path| match fs::metadata(path) {
        Ok(stat) if stat.is_dir() => fs::read_dir(path).is_ok(),
        Ok(stat) => stat.is_file() && fs::File::open(path).is_ok(),
        Err(_) => false,
    };
    let inner = |root: &Root| root.inner.iter().any(|inner| is_there(Path::new(inner)));
    if roots.iter().any(|root| is_there(&root.path) || inner(root)) {
        return Ok(());
    }
    let sources = roots.iter().map(|root| root.stored.clone()).collect();
    Err(Error::NoSource { sources })
}

/// Makes sure that the backup which this computer knows is there, before anything is written.
///
/// # Errors
/// [`Error::DestinationGone`], unless a new one was said to be meant.
fn require_known_backup(
    session: &Session,
    cache: &Cache,
    listed: &mut Listed,
    options: &BackupOptions,
) -> Result<()> {
    if !listed.dlists.is_empty() {
        return Ok(());
    }
    let known = cache.index()?.known_dlists()?;
    let names = known.iter().map(|known| known.name.clone()).collect();
    // Volumes without a version may be what somebody left where a disk was. Listings may lag, too.
    if !listed.is_empty() && !session.ask_by_name(names)?.is_empty() {
        return Ok(());
    }
    let known = known.len() as u64;
    let versions = known.max(options.expected_versions);
    if versions == 0 {
        return Ok(());
    }
    if options.allow_new_destination {
        return cache.forget_index();
    }
    Err(Error::DestinationGone {
        destination: session.label(),
        versions,
    })
}

/// Whether the version compared with is one that a run before did not finish, so that a complete one is due in any case.
fn newest_is_partial(run: &Run<'_>) -> Result<bool> {
    let index = lock(&run.index);
    let Some(newest) = index.filesets()?.last().copied() else {
        return Ok(false);
    };
    Ok(index.completeness(newest.time)? == Some(false))
}

/// A version, and what the sources were like.
struct Made {
    stats: BackupStats,
    overview: Overview,
}

/// Entries of which data is lost.
#[derive(Default)]
struct LostEntries {
    count: u64,
    /// Paths of some.
    first: Vec<String>,
}

/// A backup once everything is known to be in order.
struct Run<'a> {
    session: &'a Session,
    index: Arc<Mutex<Index>>,
    options: Arc<BackupOptions>,
    sources: SourceList,
    /// Volumes that runs before uploaded.
    own_before: HashSet<String>,
    /// Filled when the version is at the destination, whatever happens afterwards.
    made: &'a Mutex<Option<BackupStats>>,
}

impl Run<'_> {
    fn repository<'r>(&'r self, index: &'r Index, spool: &'r Spool) -> Repository<'r> {
        Repository {
            session: self.session,
            index,
            format: spool.format(),
            spool: spool.folder(),
        }
    }

    /// Uploads what changed and the dlist that makes it a version.
    ///
    /// When volumes vanish meanwhile, because another computer compacted the same folder, say, what was in them is read
    /// and sent again. That is looked at before the dlist goes up, and again when it is there: whoever deletes something
    /// then sees it.
    fn make_version(&self, spool: &mut Spool, roots: &[Root], must_upload: bool) -> Result<Made> {
        let mut sent = (0, 0);
        for _ in 0..=MAX_REPETITIONS {
            let (mut stats, overview) =
                run_pipeline(self.session, &self.index, spool, roots, &self.options)?;
            stats.uploaded_volumes += sent.0;
            stats.uploaded_bytes += sent.1;
            self.session.monitor().phase(Phase::Finishing);
            let index = lock(&self.index);
            let files = stats.added_files + stats.changed_files + stats.deleted_files;
            if files + stats.other_changes == 0 && !must_upload {
                self.check_whole(&index, spool, &mut stats)?;
                version::keep_local_state(&index)?;
                self.note_mounts(&index, &overview)?;
                return Ok(Made { stats, overview });
            }
            let mut listed = Listed::completed(self.session, &index)?;
            let synced = sync_volumes(self.repository(&index, spool), &mut listed)?;
            if synced == Synced::Forgot {
                self.begin_again(self.repository(&index, spool), &listed)?;
                sent = (stats.uploaded_volumes, stats.uploaded_bytes);
                continue;
            }
            write_missing_dindexes(self.repository(&index, spool), spool, &listed)?;
            self.check_whole(&index, spool, &mut stats)?;
            spool.set_time(after_all(&listed, spool.time()));
            let checkpoints = &self.options.checkpoints;
            let made = self.made;
            // Whoever kills the run once its version is there must not make it forget which disks that is of.
            self.note_mounts(&index, &overview)?;
            let dlist =
                version::upload_dlist(self.session, &index, spool, &mut stats, checkpoints, made)?;
            if !self.is_still_whole(&index, spool, &dlist, &mut stats)? {
                // Nobody may find a version whose data is gone.
                self.withdraw(&index, &dlist)?;
                let listed = Listed::completed(self.session, &index)?;
                self.begin_again(self.repository(&index, spool), &listed)?;
                sent = (stats.uploaded_volumes, stats.uploaded_bytes);
                continue;
            }
            version::commit(&index, spool)?;
            return Ok(Made { stats, overview });
        }
        Err(Error::DataMissing {
            destination: self.session.label(),
            blocks: 1,
        })
    }

    /// Remembers the disks of these sources, and still those of sources that other runs have.
    fn note_mounts(&self, index: &Index, overview: &Overview) -> Result<()> {
        let mut mounts = index.mounts()?;
        mounts.retain(|folder, _| !self.sources.has(folder));
        mounts.extend(overview.mounts.clone());
        Ok(index.set_mounts(&mounts)?)
    }

    /// The version that this one was compared with may be gone as well.
    fn begin_again(&self, repository: Repository<'_>, listed: &Listed) -> Result<()> {
        load_newest_version(repository, listed, &self.sources)?;
        repository.index.set_may_be_damaged(true)?;
        Ok(repository.index.clear_staged()?)
    }

    /// When data may be lost: looks for entries of the staged version that lost some, and tells them. They are of sources
    /// that cannot be read now; as soon as they can be, they are sent again.
    fn check_whole(&self, index: &Index, spool: &Spool, stats: &mut BackupStats) -> Result<()> {
        if !index.may_be_damaged()? {
            return Ok(());
        }
        let lost = self.lost_entries(index, spool)?;
        stats.incomplete_files = lost.count;
        for subject in lost.first {
            let kind = ProblemKind::DataMissing;
            self.session.monitor().problem(Problem { subject, kind });
        }
        Ok(index.set_may_be_damaged(lost.count > 0)?)
    }

    /// Whether all that the staged version needs is there, now that its dlist is.
    fn is_still_whole(
        &self,
        index: &Index,
        spool: &Spool,
        dlist: &UploadedDlist,
        stats: &mut BackupStats,
    ) -> Result<bool> {
        let mut listed = Listed::completed(self.session, index)?;
        let failure = match sync_volumes(self.repository(index, spool), &mut listed) {
            Ok(Synced::AsKnown) => return Ok(true),
            Ok(Synced::Forgot) => None,
            Err(error @ Error::VolumesMissing { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        if self.lost_entries(index, spool)?.count > stats.incomplete_files {
            return match failure {
                Some(error) => {
                    self.withdraw(index, dlist)?;
                    Err(error)
                }
                None => Ok(false),
            };
        }
        if let Some(Error::VolumesMissing { names, .. }) = failure {
            // Older versions need them; the next run stops and says so.
            for subject in names {
                let kind = ProblemKind::Faulty(FaultKind::Missing);
                self.session.monitor().problem(Problem { subject, kind });
            }
        }
        Ok(true)
    }

    /// Deletes the dlist that was just uploaded.
    fn withdraw(&self, index: &Index, dlist: &UploadedDlist) -> Result<()> {
        let name = dlist.name.as_str();
        index.forget_dlists([name])?;
        let deleted = self.session.delete(name);
        deleted.map_err(|error| self.session.failed(error))?;
        *lock(self.made) = None;
        Ok(())
    }

    /// Makes room at a full destination: what was noted as waste goes at once, and what runs that failed left. False when
    /// there was none.
    fn make_room(&self, spool: &Spool) -> Result<bool> {
        let index = lock(&self.index);
        index.clear_staged()?;
        let options = CompactOptions::new(self.options.volume_size, self.options.now);
        let repository = self.repository(&index, spool);
        repository.dispose_of_waste(&self.own_before, &options)
    }

    /// Entries of the staged version of which blocks are nowhere.
    fn lost_entries(&self, index: &Index, spool: &Spool) -> Result<LostEntries> {
        let format = spool.format();
        let (mut whole, mut lost) = (HashSet::new(), LostEntries::default());
        let mut failure = None;
        index.for_each_staged_version(&[0, 1, 2], |row| {
            let is_whole =
                row.content
                    .iter()
                    .chain([&row.metadata])
                    .try_fold(true, |all, stream| {
                        let stream = stream_ref(stream, format)
                            .map_err(|source| Error::volume("the index", source))?;
                        Ok(all && is_whole(index, format, &stream, &mut whole)?)
                    });
            match is_whole {
                Ok(true) => {}
                Ok(false) => {
                    lost.count += 1;
                    if lost.first.len() < MOST_NAMED {
                        lost.first.push(row.path);
                    }
                }
                Err(error) => failure = Some(error),
            }
            failure.is_none() && !self.session.is_cancelled()
        })?;
        self.session.check_cancelled()?;
        failure.map_or(Ok(lost), Err)
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

/// Scans, prepares, fills volumes and uploads them, all at the same time.
fn run_pipeline(
    session: &Session,
    index: &Arc<Mutex<Index>>,
    spool: &Spool,
    roots: &[Root],
    options: &Arc<BackupOptions>,
) -> Result<(BackupStats, Overview)> {
    let parallel = options.parallel_uploads.max(1);
    let (stage_index, stage_spool) = (Arc::clone(index), spool.clone());
    let (upload_index, upload_spool) = (lock(index).handle(), spool.clone());
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
            let index = upload_index.open()?;
            upload_pair(session, &index, upload_spool.folder(), &pair, &checkpoints)?;
            uploading.arrived();
            Ok(())
        },
    )
}

/// The backup's own settings, which any that were asked for must equal; in a new one those that were asked for.
fn choose_format(
    session: &Session,
    listed: &Listed,
    options: &BackupOptions,
    known: Option<Format>,
    spool: &Path,
) -> Result<Format> {
    let asked = |base: &Format| {
        let block_size = options.block_size.unwrap_or(base.block_size());
        let (block_hash, file_hash) = match &options.hashes {
            Some((block, file)) => (block.as_str(), file.as_str()),
            None => (base.block_hash_name(), base.file_hash_name()),
        };
        Format::new(block_size, block_hash, file_hash)
            .map_err(|source| Error::UnusableFormat { source })
    };
    let found = match known {
        Some(known) => Some(known),
        None => listed.format(session, spool)?,
    };
    let Some(found) = found else {
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

/// Whole seconds, later than every version that exists. When the clock is behind these, that is told; whichever of the two
/// clocks was wrong, the version is the newest one.
fn choose_time(session: &Session, listed: &Listed, now: Timestamp) -> Timestamp {
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let time = after_all(listed, seconds);
    if time.duration_since(now) > CLOCK_TOLERANCE
        && let Some(newest) = listed.times().last().copied()
    {
        let subject = session.label();
        let kind = ProblemKind::ClockBehind { now, newest };
        session.monitor().problem(Problem { subject, kind });
    }
    time
}
