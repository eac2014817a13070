//! Making a version: the pipeline, and what is looked at before and after its dlist goes up.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use coffer_database::Index;
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::monitor::{FaultKind, Phase, Problem, ProblemKind};
use crate::operations::backup::collect::Collector;
use crate::operations::backup::options::{BackupOptions, BackupStats};
use crate::operations::backup::overview::Overview;
use crate::operations::backup::pace::Pace;
use crate::operations::backup::scan::Scan;
use crate::operations::backup::version::{UploadedDlist, commit, keep_local_state, upload_dlist};
use crate::operations::compact::options::CompactOptions;
use crate::repository::damage::{ListCopy, is_whole};
use crate::repository::dindexes::write_missing_dindexes;
use crate::repository::listing::Listing;
use crate::repository::newest::load_newest_version;
use crate::repository::open::Repository;
use crate::repository::rows::stream_ref;
use crate::repository::session::Session;
use crate::repository::source_list::SourceList;
use crate::repository::spool::Spool;
use crate::repository::sync::{SyncOutcome, sync_volumes};
use crate::repository::upload::upload_pair;
use crate::source::Root;
use crate::threads::lock;

/// Entries with lost data that are named; all others are counted.
const MOST_NAMED: usize = 100;

/// Finished volumes that may wait for their upload; with those in flight this bounds the spool folder.
const WAITING_VOLUMES: usize = 2;

/// How often a run starts again because volumes vanished under it.
const MAX_REPETITIONS: u32 = 2;

/// A version, and what the sources were like.
pub(super) struct NewVersion {
    pub(super) stats: BackupStats,
    pub(super) overview: Overview,
    /// What is at the destination then.
    pub(super) listed: Listing,
}

/// Entries of which data is lost.
#[derive(Default)]
struct LostEntries {
    count: u64,
    /// Paths of some.
    first: Vec<String>,
}

/// A backup once everything is known to be in order.
pub(super) struct Run<'a> {
    pub(super) session: &'a Session,
    pub(super) index: Arc<Mutex<Index>>,
    pub(super) options: Arc<BackupOptions>,
    pub(super) sources: SourceList,
    /// Volumes that runs before uploaded.
    pub(super) own_before: HashSet<String>,
    /// Filled when the version is at the destination, whatever happens afterwards.
    pub(super) made: &'a Mutex<Option<BackupStats>>,
}

impl Run<'_> {
    /// Whether the version compared with is one that a run before did not finish, so that a complete one is due in any case.
    pub(super) fn newest_is_partial(&self) -> Result<bool> {
        let index = lock(&self.index);
        let Some(newest) = index.filesets()?.last().copied() else {
            return Ok(false);
        };
        Ok(index.completeness(newest.time)? == Some(false))
    }

    pub(super) fn repository<'r>(&'r self, index: &'r Index, spool: &'r Spool) -> Repository<'r> {
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
    /// and sent again. That is looked at before the dlist goes up, and again when it is there: a client that deletes something
    /// then sees it.
    pub(super) fn make_version(
        &self,
        spool: &mut Spool,
        roots: &[Root],
        must_upload: bool,
    ) -> Result<NewVersion> {
        let mut sent = (0, 0);
        for _ in 0..=MAX_REPETITIONS {
            let (mut stats, overview) =
                run_pipeline(self.session, &self.index, spool, roots, &self.options)?;
            stats.uploaded_volumes += sent.0;
            stats.uploaded_bytes += sent.1;
            self.session.phase(Phase::Finishing);
            let index = lock(&self.index);
            if stats.changes() == 0 && !must_upload {
                self.check_whole(&index, spool, &mut stats)?;
                keep_local_state(&index)?;
                self.note_mounts(&index, &overview)?;
                let listed = Listing::completed(self.session, &index)?;
                return Ok(NewVersion {
                    stats,
                    overview,
                    listed,
                });
            }
            let mut listed = Listing::completed(self.session, &index)?;
            let synced = sync_volumes(self.repository(&index, spool), &mut listed)?;
            if synced == SyncOutcome::Forgot {
                self.begin_again(self.repository(&index, spool), &listed)?;
                sent = (stats.uploaded_volumes, stats.uploaded_bytes);
                continue;
            }
            write_missing_dindexes(self.repository(&index, spool), spool, &listed)?;
            self.check_whole(&index, spool, &mut stats)?;
            spool.set_time(after_all(&listed, spool.time()));
            let checkpoints = &self.options.checkpoints;
            let made = self.made;
            // A run that is killed once its version is there must still remember which disks that is of.
            self.note_mounts(&index, &overview)?;
            let dlist = upload_dlist(self.session, &index, spool, &mut stats, checkpoints, made)?;
            let Some(listed) = self.still_whole(&index, spool, &dlist, &mut stats)? else {
                // A version whose data is gone must not be found.
                self.withdraw(&index, &dlist)?;
                let listed = Listing::completed(self.session, &index)?;
                self.begin_again(self.repository(&index, spool), &listed)?;
                sent = (stats.uploaded_volumes, stats.uploaded_bytes);
                continue;
            };
            commit(&index, spool)?;
            return Ok(NewVersion {
                stats,
                overview,
                listed,
            });
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
    fn begin_again(&self, repository: Repository<'_>, listed: &Listing) -> Result<()> {
        load_newest_version(repository, listed, &self.sources)?;
        repository.index.set_may_be_damaged(true)?;
        Ok(repository.index.clear_staged()?)
    }

    /// When data may be lost: looks for entries of the staged version that lost some, and reports them. They are of sources
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

    /// What is at the destination now that the dlist is; `None` when that is not all that the staged version needs.
    fn still_whole(
        &self,
        index: &Index,
        spool: &Spool,
        dlist: &UploadedDlist,
        stats: &mut BackupStats,
    ) -> Result<Option<Listing>> {
        let mut listed = Listing::completed(self.session, index)?;
        let failure = match sync_volumes(self.repository(index, spool), &mut listed) {
            Ok(SyncOutcome::AsKnown) => return Ok(Some(listed)),
            Ok(SyncOutcome::Forgot) => None,
            Err(error @ Error::VolumesMissing { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        if self.lost_entries(index, spool)?.count > stats.incomplete_files {
            return match failure {
                Some(error) => {
                    self.withdraw(index, dlist)?;
                    Err(error)
                }
                None => Ok(None),
            };
        }
        if let Some(Error::VolumesMissing { names, .. }) = failure {
            // Older versions need them; the next run stops and says so.
            for subject in names {
                let kind = ProblemKind::Faulty(FaultKind::Missing);
                self.session.monitor().problem(Problem { subject, kind });
            }
        }
        Ok(Some(listed))
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
    pub(super) fn make_room(&self, spool: &Spool) -> Result<bool> {
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
                        let copy = ListCopy::InDataVolume;
                        Ok(all && is_whole(index, format, &stream, copy, &mut whole)?)
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
pub(super) fn after_all(listed: &Listing, time: Timestamp) -> Timestamp {
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
