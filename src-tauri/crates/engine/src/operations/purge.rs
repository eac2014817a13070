//! Purge: taking files out of versions that exist.
//!
//! A version that changes is rewritten, one second later or earlier, and the old one is deleted when the new one has
//! arrived. Where both seconds have a version, the new one takes the place of the old. A purge that was cut off between
//! the two is taken up again: a neighbor that is what the version would become stands for it.

pub(crate) mod options;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::NoCheckpoints;
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::dlist::{Completeness, DlistHead, DlistWriter, EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::stream::{Parts, StreamRef};
use coffer_volume::{Format, VolumeKind, VolumeName};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::filter::Action;
use crate::mode::Mode;
use crate::monitor::{Monitor, Phase};
use crate::operations::compact::compact_afterwards;
use crate::operations::purge::options::{PurgeOptions, PurgeStats, Purged, PurgedVersion};
use crate::repository::cache::with_sound_index;
use crate::repository::damage::Lost;
use crate::repository::deletion::{delete_rows, delete_volume, with_dindexes};
use crate::repository::dlist::{open_dlist, read_entries, read_version};
use crate::repository::listing::Listing;
use crate::repository::makers::Makers;
use crate::repository::open::{OpenRepository, Repository};
use crate::repository::session::Session;
use crate::repository::spool::{OpenVolume, Spool};
use crate::repository::store::Store;
use crate::repository::sync::{Losses, accept_losses, sync_ignoring_missing};
use crate::repository::upload::{Checkpoints, upload_pair};
use crate::repository::versions::{Version, numbered};
use crate::repository::volumes::ListedVolume;

/// Paths that are named, over all versions; all others are counted.
const MOST_NAMED: usize = 10_000;

/// Takes files out of versions.
///
/// # Errors
/// [`Error::NoVersion`], before anything is written; [`Error::NoFreeTime`] when another computer took a time meanwhile.
pub fn purge(
    store: &Store,
    options: &PurgeOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<PurgeStats> {
    let mut progress = Progress::default();
    let mut stats = with_sound_index(store, || {
        purge_once(store, options, &mut progress, Arc::clone(&monitor), cancel)
    })?;
    let planned: HashSet<Timestamp> = stats.versions.iter().map(|v| v.version.time).collect();
    let earlier = progress.purged.into_iter();
    stats
        .versions
        .extend(earlier.filter(|purged| !planned.contains(&purged.version.time)));
    stats.versions.sort_by_key(|purged| purged.version.number);
    Ok(stats)
}

/// What outlives an index that turned out to be damaged.
#[derive(Default)]
struct Progress {
    /// As they were before anything was written: then numbers mean other versions.
    chosen: Option<Vec<Version>>,
    /// Versions that were rewritten.
    purged: Vec<PurgedVersion>,
}

fn purge_once(
    store: &Store,
    options: &PurgeOptions,
    progress: &mut Progress,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<PurgeStats> {
    let opened = OpenRepository::existing(store, monitor, cancel)?;
    let Some((indexed, mut listed)) = opened.indexed()? else {
        return Ok(PurgeStats::default());
    };
    let repository = indexed.repository();
    let (session, index) = (repository.session, repository.index);
    indexed.cache.spooled(index)?;
    index.hold_deletions(false)?;
    listed.complete(session, index)?;
    if matches!(options.purged, Purged::Broken) {
        session.phase(Phase::ReadingDestination);
        sync_ignoring_missing(repository, &mut listed, Losses::Sought)?;
    }
    let chosen = match &mut progress.chosen {
        Some(chosen) => chosen,
        none => none.insert(choose(&listed, &options.versions)?),
    };

    session.phase(Phase::Planning);
    let work = Work {
        repository,
        purged: &options.purged,
    };
    if !options.versions.is_empty() {
        let left = work.left_behind(&listed, chosen)?;
        chosen.extend(left);
    }
    let (mut stats, changing) = work.plan_all(&listed, chosen)?;
    if matches!(options.purged, Purged::Broken) {
        // What cannot be read now may be read tomorrow.
        session.require_read(VolumeKind::Dblock)?;
    }
    if options.mode == Mode::Plan {
        return Ok(stats);
    }
    work.apply(&listed, changing, options.now, &mut progress.purged)?;
    if matches!(options.purged, Purged::Broken) {
        // What they held alone is in no version any more, and what described it is of no use.
        accept_losses(index)?;
        let useless = with_dindexes(index, &HashSet::new())?;
        delete_rows(repository, &listed, useless)?;
    }
    if let Some(compact) = options
        .compact
        .as_ref()
        .filter(|_| !stats.versions.is_empty())
    {
        let mut listed = Listing::completed(session, index)?;
        stats.compacted = compact_afterwards(repository, &mut listed, &[], compact)?;
    }
    Ok(stats)
}

/// The versions with these numbers, or all.
fn choose(listed: &Listing, numbers: &[usize]) -> Result<Vec<Version>> {
    for number in numbers {
        listed.version(*number)?;
    }
    let mut chosen = numbered(&listed.dlists);
    chosen.retain(|version| numbers.is_empty() || numbers.contains(&version.number));
    Ok(chosen)
}

/// Those of the versions that are there, newest first.
fn existing<'l>(
    listed: &'l Listing,
    chosen: &[Version],
) -> impl Iterator<Item = (Version, &'l ListedVolume)> {
    listed.dlists.iter().rev().filter_map(|dlist| {
        let time = dlist.name.time()?;
        let version = chosen.iter().find(|version| version.time == time)?;
        Some((*version, dlist))
    })
}

/// A second beside `time` that no version has, so that the order of versions stays; `time` itself when both have one.
fn free_time(times: &mut [Timestamp], time: Timestamp) -> Timestamp {
    let free = beside(time).find(|free| !times.contains(free));
    let free = free.unwrap_or(time);
    // The old time is taken until its dlist is deleted, and nothing may move there.
    if let Some(slot) = times.iter_mut().find(|slot| **slot == time) {
        *slot = free;
    }
    free
}

fn beside(time: Timestamp) -> impl Iterator<Item = Timestamp> {
    [1, -1]
        .into_iter()
        .filter_map(move |seconds| time.checked_add(SignedDuration::from_secs(seconds)).ok())
}

/// Compares two lists of entries, whatever their order.
#[derive(Default, PartialEq, Eq)]
struct Fingerprint {
    entries: u64,
    sum: u64,
}

impl Fingerprint {
    fn add(&mut self, entry: &FilelistEntry) {
        let mut hasher = DefaultHasher::new();
        entry.hash(&mut hasher);
        self.entries += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }
}

/// What happens to an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    WithoutMetadata,
}

/// A version that is rewritten.
struct Change<'l> {
    dlist: &'l ListedVolume,
    /// A purge that was cut off wrote it already.
    has_arrived: bool,
    purged: PurgedVersion,
}

/// What is taken out, and how that is decided. Fates are found out as often as they are needed, because a version may have
/// millions of them.
struct Work<'a> {
    repository: Repository<'a>,
    purged: &'a Purged,
}

impl Work<'_> {
    /// Plans all versions that were chosen.
    fn plan_all<'l>(
        &self,
        listed: &'l Listing,
        chosen: &[Version],
    ) -> Result<(PurgeStats, Vec<Change<'l>>)> {
        let mut times = listed.times();
        let mut stats = PurgeStats::default();
        let mut changing = Vec::new();
        let mut nameable = MOST_NAMED;
        for (version, dlist) in existing(listed, chosen) {
            self.repository.session.check_cancelled()?;
            let Some(mut purged) = self.plan(version, dlist, &mut nameable)? else {
                continue;
            };
            let arrived = self.arrived(listed, version, dlist)?;
            purged.new_time = arrived.unwrap_or_else(|| free_time(&mut times, version.time));
            if purged.new_time != version.time {
                stats.deleted.extend(listed.with_parity([dlist.into()]));
            }
            stats.versions.push(purged.clone());
            changing.push(Change {
                dlist,
                has_arrived: arrived.is_some(),
                purged,
            });
        }
        Ok((stats, changing))
    }

    /// Rewrites versions, and deletes the old ones. `purged` are those for which that is done.
    fn apply(
        &self,
        listed: &Listing,
        changing: Vec<Change<'_>>,
        now: Timestamp,
        purged: &mut Vec<PurgedVersion>,
    ) -> Result<()> {
        let Repository {
            session,
            format,
            spool,
            ..
        } = self.repository;
        let spool = Spool::new(spool.to_owned(), session.store(), format.clone(), now, 0);
        for change in changing {
            self.write_anew(&spool, &change)?;
            let is_replaced = change.purged.new_time == change.purged.version.time;
            purged.push(change.purged);
            self.forget(change.dlist)?;
            if !is_replaced {
                self.delete(listed, change.dlist)?;
            }
        }
        Ok(())
    }

    fn write_anew(&self, spool: &Spool, change: &Change<'_>) -> Result<()> {
        if change.has_arrived {
            return Ok(());
        }
        if change.purged.without_metadata_files > 0 {
            store_empty_metadata(self.repository.session, self.repository.index, spool)?;
        }
        self.rewrite(spool, change.dlist, change.purged.new_time)
    }

    /// `None` when the version stays as it is. One that cannot be read is reported and left alone.
    fn plan(
        &self,
        version: Version,
        dlist: &ListedVolume,
        nameable: &mut usize,
    ) -> Result<Option<PurgedVersion>> {
        let session = self.repository.session;
        let mut planned = PurgedVersion {
            version,
            new_time: version.time,
            removed_files: 0,
            removed: Vec::new(),
            without_metadata_files: 0,
            without_metadata: Vec::new(),
        };
        let read = self.for_each(dlist, |entry, fate| {
            let (count, names) = match fate {
                None => return Ok(()),
                Some(Fate::Removed) => (&mut planned.removed_files, &mut planned.removed),
                Some(Fate::WithoutMetadata) => (
                    &mut planned.without_metadata_files,
                    &mut planned.without_metadata,
                ),
            };
            *count += 1;
            if *nameable > 0 {
                *nameable -= 1;
                names.push(entry.path);
            }
            Ok(())
        });
        if let Err(error) = read {
            session.report_unusable(dlist.name.as_str(), error)?;
            return Ok(None);
        }
        planned.removed.sort();
        planned.without_metadata.sort();
        let changes = planned.removed_files + planned.without_metadata_files > 0;
        Ok(changes.then_some(planned))
    }

    /// Calls `sink` with each entry of a version and what happens to it, folders and links first.
    fn for_each(
        &self,
        dlist: &ListedVolume,
        mut sink: impl FnMut(FilelistEntry, Option<Fate>) -> Result<()>,
    ) -> Result<()> {
        let session = self.repository.session;
        let path = session.fetch(dlist.name.as_str(), self.repository.spool)?;
        let mut reader = open_dlist(session, dlist, &path)?;
        if matches!(self.purged, Purged::Broken) {
            self.repository.fetch_missing_lists(&mut reader, dlist)?;
        }
        let mut whole = HashSet::new();
        for wants_files in [false, true] {
            read_entries(&mut reader, dlist, |entry| {
                session.check_cancelled()?;
                if (entry.kind == EntryKind::File) != wants_files {
                    return Ok(());
                }
                let fate = match self.purged {
                    Purged::Matching(filters) => {
                        let decision = filters.decide(&entry.path);
                        matches!(decision, Some((Action::Include, _))).then_some(Fate::Removed)
                    }
                    Purged::Broken => match self.repository.lost(&entry, &mut whole)? {
                        Some(Lost::Content) => Some(Fate::Removed),
                        Some(Lost::Metadata) => Some(Fate::WithoutMetadata),
                        None => None,
                    },
                };
                sink(entry, fate)
            })?;
        }
        Ok(())
    }

    /// Versions of which one that was chosen is what they would become: a purge that was cut off left them beside it, and
    /// a repetition by number means them.
    fn left_behind(&self, listed: &Listing, chosen: &[Version]) -> Result<Vec<Version>> {
        let mut left = Vec::new();
        for version in numbered(&listed.dlists) {
            let near = |other: &&Version| beside(other.time).any(|time| time == version.time);
            let is_chosen = chosen.iter().any(|other| other.time == version.time);
            let mut near = chosen.iter().filter(near).map(|other| other.time);
            let dlist = listed.dlists.iter();
            let dlist = dlist.rev().nth(version.number);
            let Some((dlist, first)) = dlist.zip(near.next()).filter(|_| !is_chosen) else {
                continue;
            };
            let arrived = self.arrived(listed, version, dlist)?;
            if arrived.is_some_and(|time| time == first || near.any(|other| other == time)) {
                left.push(version);
            }
        }
        Ok(left)
    }

    /// The neighbor in time that is what the version would become, if there is one.
    fn arrived(
        &self,
        listed: &Listing,
        version: Version,
        dlist: &ListedVolume,
    ) -> Result<Option<Timestamp>> {
        let mut becomes = None;
        for time in beside(version.time) {
            let is_there = |other: &&ListedVolume| other.name.time() == Some(time);
            let Some(neighbor) = listed.dlists.iter().find(is_there) else {
                continue;
            };
            let mut other = Fingerprint::default();
            let (session, spool) = (self.repository.session, self.repository.spool);
            let read = read_version(session, neighbor, spool, |entry| {
                other.add(&entry);
                Ok(())
            });
            if let Err(error) = read {
                session.report_unusable(neighbor.name.as_str(), error)?;
                continue;
            }
            let becomes = match &becomes {
                Some(known) => known,
                None => {
                    let mut own = Fingerprint::default();
                    self.for_each_kept(dlist, |entry| {
                        own.add(&entry);
                        Ok(())
                    })?;
                    becomes.insert(own)
                }
            };
            if *becomes == other {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }

    /// Calls `sink` with each entry as it will be.
    fn for_each_kept(
        &self,
        dlist: &ListedVolume,
        mut sink: impl FnMut(FilelistEntry) -> Result<()>,
    ) -> Result<()> {
        let empty = empty_metadata(self.repository.format);
        self.for_each(dlist, |mut entry, fate| {
            match fate {
                Some(Fate::Removed) => return Ok(()),
                Some(Fate::WithoutMetadata) => entry.metadata = Some(empty.clone()),
                None => {}
            }
            sink(entry)
        })
    }

    /// Rewrites a version.
    fn rewrite(&self, spool: &Spool, dlist: &ListedVolume, new_time: Timestamp) -> Result<()> {
        let (session, index) = (self.repository.session, self.repository.index);
        let path = session.fetch(dlist.name.as_str(), spool.folder())?;
        let mut reader = open_dlist(session, dlist, &path)?;
        let maker = reader.maker();
        let mut makers = Makers::noted(index)?;
        makers.learn(session.store(), dlist, &reader)?;
        let stated = reader
            .completeness()
            .map_err(|source| Error::volume(dlist.name.as_str(), source));
        let completeness = match stated {
            Ok(completeness) => completeness,
            // Its entries were read. Whether they are all the index may know; retention gives up what is partial.
            Err(error) => {
                session.report_unusable(dlist.name.as_str(), error)?;
                let time = dlist.name.time().map_or(0, |time| time.as_second());
                match index.completeness(time)? {
                    Some(false) => Completeness::Partial,
                    _ => Completeness::Full,
                }
            }
        };
        drop((reader, path));
        let head = DlistHead {
            created: spool.time(),
            completeness,
            maker,
        };
        let name = VolumeName::new_dlist(spool.prefix(), new_time, spool.encryption());
        let size = self.write(spool, dlist, &name, &head)?;
        let file = spool.folder().join(name.as_str());
        let replaces = name.as_str() == dlist.name.as_str();
        if replaces {
            session.put(name.as_str(), &file, &NoCheckpoints)?;
        } else if !session.put_new(name.as_str(), &file, &NoCheckpoints)? {
            return Err(Error::NoFreeTime { time: new_time });
        }
        std::fs::remove_file(&file).map_err(|source| Error::io("delete", &file, source))?;
        index.know_dlist(name.as_str(), size)?;
        if let Some(time) = dlist.name.time() {
            makers.pass_on(time, new_time)?;
        }
        index.set_completeness(new_time.as_second(), completeness == Completeness::Full)?;
        Ok(())
    }

    /// What the index knows of what a version held goes.
    fn forget(&self, dlist: &ListedVolume) -> Result<()> {
        if let Some(time) = dlist.name.time() {
            self.repository.index.forget_versions(&[time.as_second()])?;
        }
        Ok(())
    }

    /// Deletes a version that was rewritten under another time.
    fn delete(&self, listed: &Listing, dlist: &ListedVolume) -> Result<()> {
        let session = self.repository.session;
        session.check_cancelled()?;
        session.settle()?;
        self.repository.index.forget_dlists([dlist.name.as_str()])?;
        delete_volume(session, listed, dlist.name.as_str()).map(drop)
    }

    fn write(
        &self,
        spool: &Spool,
        dlist: &ListedVolume,
        name: &VolumeName,
        head: &DlistHead,
    ) -> Result<u64> {
        let failed = |source| spool.volume_failed(name, source);
        let scratch = tempfile::tempfile_in(spool.folder())
            .map_err(|source| Error::io("create a file in", spool.folder(), source))?;
        let mut writer = DlistWriter::create(
            spool.create(name)?,
            scratch,
            spool.format(),
            spool.encryption(),
            head,
        )
        .map_err(failed)?;
        self.for_each_kept(dlist, |entry| writer.add(&entry).map_err(failed))?;
        let (out, digest) = writer.finish().map_err(failed)?;
        spool.close(out, name)?;
        Ok(digest.size)
    }
}

fn empty_metadata(format: &Format) -> StreamRef {
    let bytes = Metadata::default().encode();
    StreamRef {
        hash: format.file_hash().digest(&bytes),
        size: bytes.len() as u64,
        parts: Parts::Block(format.block_hash().digest(&bytes)),
    }
}

/// Makes sure that empty metadata is at the destination.
fn store_empty_metadata(session: &Session, index: &Index, spool: &Spool) -> Result<()> {
    let empty = empty_metadata(spool.format());
    let block = spool
        .format()
        .block_hash()
        .digest(&Metadata::default().encode());
    if index.has_block(block.as_bytes(), empty.size)? {
        return Ok(());
    }
    store_block(session, index, spool, Metadata::default().encode())
}

/// Uploads a block in a volume of its own.
fn store_block(session: &Session, index: &Index, spool: &Spool, data: Vec<u8>) -> Result<()> {
    let hash = spool.format().block_hash().digest(&data);
    let size = data.len() as u64;
    let mut open = OpenVolume::create(spool)?;
    let entry = BlockCompressor::new(6).prepare(data, Hint::Compress);
    open.add(spool, hash, size, &entry, None)?;
    let (pair, _) = open.finish(spool, index)?;
    let folder: &Path = spool.folder();
    upload_pair(session, index, folder, &pair, &Checkpoints::None)
}
