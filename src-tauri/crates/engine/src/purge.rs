//! Purge: taking files out of versions that exist.
//!
//! A version that changes is written anew, one second later or earlier, and the old one is deleted when the new one has
//! arrived. Where both seconds have a version, the new one takes the place of the old.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::NoCheckpoints;
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::dlist::{Completeness, DlistWriter, EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::stream::{Parts, StreamRef};
use coffer_volume::{Format, VolumeKind, VolumeName};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::broken::{Lost, Survey};
use crate::compact::{
    CompactOptions, CompactStats, Compaction, compact_afterwards, delete_rows, with_dindexes,
};
use crate::delete::{Mode, RemoteVolume, delete_volume};
use crate::error::{Error, Result};
use crate::filter::{Action, Filters};
use crate::monitor::{Monitor, Phase};
use crate::session::Session;
use crate::spool::{Checkpoints, OpenVolume, Spool, upload_pair};
use crate::store::{
    Listed, ListedVolume, Opened, Store, accept_losses, sync_what_is_there, with_sound_index,
};
use crate::versions::{Version, open_dlist, read_entries};

/// Paths that are named, over all versions; all others are counted.
const MOST_NAMED: usize = 10_000;

/// What is taken out.
#[derive(Debug)]
pub enum Purged {
    /// What these rules include. A folder's own path means its entry alone.
    Matching(Filters),
    /// Files of which content is missing at the destination. What only lost its metadata keeps its content and gets
    /// empty metadata.
    Broken,
}

/// What to take out of which versions.
pub struct PurgeOptions {
    /// See [`Purged`].
    pub purged: Purged,
    /// Numbers of the versions, 0 being the newest; none means all.
    pub versions: Vec<usize>,
    /// How the space is given back afterwards; `None` leaves it.
    pub compact: Option<CompactOptions>,
    /// What new volumes state as their time.
    pub now: Timestamp,
    /// See [`Mode`].
    pub mode: Mode,
}

/// A version that was written anew, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgedVersion {
    /// What it was.
    pub version: Version,
    /// Its new time.
    pub new_time: Timestamp,
    /// How many entries were taken out.
    pub removed_files: u64,
    /// The first of them, as stored, by path.
    pub removed: Vec<String>,
    /// How many lost their metadata.
    pub without_metadata_files: u64,
    /// The first of them.
    pub without_metadata: Vec<String>,
}

/// What was purged, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgeStats {
    /// Versions that change.
    pub versions: Vec<PurgedVersion>,
    /// dlists that are deleted.
    pub deleted: Vec<RemoteVolume>,
    /// What became of the data that only the purged files needed.
    pub compacted: Option<CompactStats>,
}

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
    let mut chosen = None;
    with_sound_index(store, || {
        purge_once(store, options, &mut chosen, Arc::clone(&monitor), cancel)
    })
}

fn purge_once(
    store: &Store,
    options: &PurgeOptions,
    chosen: &mut Option<Vec<Timestamp>>,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<PurgeStats> {
    let Opened {
        session,
        cache,
        mut listed,
    } = Opened::existing(store, monitor, cancel)?;
    let folder = cache.spool();
    let Some(format) = cache.format(&session, &listed)? else {
        return Ok(PurgeStats::default());
    };
    let index = cache.index_for(&format, store)?;
    cache.spooled(&index)?;
    index.hold_deletions(false)?;
    listed.complete(&session, &index)?;
    if matches!(options.purged, Purged::Broken) {
        session.monitor().phase(Phase::ReadingDestination);
        sync_what_is_there(&session, &index, &mut listed, &format, &folder)?;
    }
    // By number only before anything is written: then numbers mean other versions.
    let chosen = match chosen {
        Some(chosen) => chosen,
        None => chosen.insert(choose(&listed, &options.versions)?),
    };

    session.monitor().phase(Phase::Planning);
    let work = Work {
        survey: Survey {
            session: &session,
            index: &index,
            format: &format,
            spool: &folder,
        },
        purged: &options.purged,
    };
    let mut times = listed.times();
    let mut stats = PurgeStats::default();
    let mut changing = Vec::new();
    let mut nameable = MOST_NAMED;
    for (version, dlist) in numbered(&listed, chosen) {
        session.check_cancelled()?;
        let Some(mut purged) = work.plan(version, dlist, &mut nameable)? else {
            continue;
        };
        purged.new_time = free_time(&mut times, version.time);
        if purged.new_time != version.time {
            stats.deleted.extend(listed.with_parity([dlist.into()]));
        }
        let needs_empty = purged.without_metadata_files > 0;
        changing.push((dlist, needs_empty, purged.new_time));
        stats.versions.push(purged);
    }
    if matches!(options.purged, Purged::Broken) {
        // What cannot be read now may be read tomorrow.
        session.require_read(VolumeKind::Dblock)?;
    }
    if options.mode == Mode::Plan {
        return Ok(stats);
    }
    let spool = Spool::new(folder.clone(), store, format.clone(), options.now, 0);
    for (dlist, needs_empty, new_time) in changing {
        if needs_empty {
            store_empty_metadata(&session, &index, &spool)?;
        }
        work.rewrite(&spool, &listed, dlist, new_time)?;
    }
    if matches!(options.purged, Purged::Broken) {
        // What they held alone is in no version any more, and what described it is of no use.
        accept_losses(&index)?;
        let useless = with_dindexes(&index, &HashSet::new())?;
        delete_rows(&session, &index, &listed, useless)?;
    }
    if let Some(compact) = options
        .compact
        .as_ref()
        .filter(|_| !stats.versions.is_empty())
    {
        let compaction = Compaction {
            session: &session,
            index: &index,
            format: &format,
            spool: &folder,
        };
        stats.compacted = compact_afterwards(&compaction, &[], compact)?;
    }
    Ok(stats)
}

/// Times of the versions with these numbers, or of all.
fn choose(listed: &Listed, numbers: &[usize]) -> Result<Vec<Timestamp>> {
    if numbers.is_empty() {
        return Ok(listed.times());
    }
    let mut times = Vec::new();
    for number in numbers {
        times.extend(listed.version(*number)?.name.time());
    }
    Ok(times)
}

/// Those of the versions that are there, newest first.
fn numbered<'l>(
    listed: &'l Listed,
    times: &[Timestamp],
) -> impl Iterator<Item = (Version, &'l ListedVolume)> {
    let dlists = listed.dlists.iter().rev().enumerate();
    dlists.filter_map(|(number, dlist)| {
        let time = dlist.name.time().filter(|time| times.contains(time))?;
        Some((Version { number, time }, dlist))
    })
}

/// A second beside `time` that no version has, so that the order of versions stays; `time` itself when both have one.
fn free_time(times: &mut [Timestamp], time: Timestamp) -> Timestamp {
    let beside = [1, -1].map(|seconds| time.checked_add(SignedDuration::from_secs(seconds)));
    let free = beside
        .into_iter()
        .flatten()
        .find(|free| !times.contains(free));
    let free = free.unwrap_or(time);
    // The old time is taken until its dlist is deleted, and nothing may move there.
    if let Some(slot) = times.iter_mut().find(|slot| **slot == time) {
        *slot = free;
    }
    free
}

/// What happens to an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    WithoutMetadata,
}

/// What is taken out, and what tells it. Fates are found out as often as they are needed, because a version may have
/// millions of them.
struct Work<'a> {
    survey: Survey<'a>,
    purged: &'a Purged,
}

impl Work<'_> {
    /// `None` when the version stays as it is. One that cannot be read is told and left alone.
    fn plan(
        &self,
        version: Version,
        dlist: &ListedVolume,
        nameable: &mut usize,
    ) -> Result<Option<PurgedVersion>> {
        let session = self.survey.session;
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
            session.tell_unusable(dlist.name.as_str(), error)?;
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
        let session = self.survey.session;
        let path = session.fetch(dlist.name.as_str(), self.survey.spool)?;
        let mut reader = open_dlist(session, dlist, &path)?;
        if matches!(self.purged, Purged::Broken) {
            self.survey.fetch_missing_lists(&mut reader, dlist)?;
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
                    Purged::Broken => match self.survey.lost(&entry, &mut whole)? {
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

    /// Writes a version anew and deletes the old one.
    fn rewrite(
        &self,
        spool: &Spool,
        listed: &Listed,
        dlist: &ListedVolume,
        new_time: Timestamp,
    ) -> Result<()> {
        let (session, index) = (self.survey.session, self.survey.index);
        let path = session.fetch(dlist.name.as_str(), spool.folder())?;
        let stated = open_dlist(session, dlist, &path)?
            .completeness()
            .map_err(|source| Error::volume(dlist.name.as_str(), source));
        let completeness = match stated {
            Ok(completeness) => completeness,
            // Its entries were read. Whether they are all the index may know; retention gives up what is partial.
            Err(error) => {
                session.tell_unusable(dlist.name.as_str(), error)?;
                let time = dlist.name.time().map_or(0, |time| time.as_second());
                match index.completeness(time)? {
                    Some(false) => Completeness::Partial,
                    _ => Completeness::Full,
                }
            }
        };
        drop(path);
        let name = VolumeName::new_dlist(spool.prefix(), new_time, spool.encryption());
        let size = self.write(spool, dlist, &name, completeness)?;
        let file = spool.folder().join(name.as_str());
        let replaces = name.as_str() == dlist.name.as_str();
        if replaces {
            session.put(name.as_str(), &file, &NoCheckpoints)?;
        } else if !session.put_new(name.as_str(), &file, &NoCheckpoints)? {
            return Err(Error::NoFreeTime { time: new_time });
        }
        std::fs::remove_file(&file).map_err(|source| Error::io("delete", &file, source))?;
        index.know_dlist(name.as_str(), size)?;
        index.set_completeness(new_time.as_second(), completeness == Completeness::Full)?;
        if let Some(time) = dlist.name.time() {
            index.forget_versions(&[time.as_second()])?;
        }
        if replaces {
            return Ok(());
        }
        session.check_cancelled()?;
        session.settle()?;
        index.forget_dlists([dlist.name.as_str()])?;
        delete_volume(session, listed, dlist.name.as_str()).map(drop)
    }

    fn write(
        &self,
        spool: &Spool,
        dlist: &ListedVolume,
        name: &VolumeName,
        completeness: Completeness,
    ) -> Result<u64> {
        let failed = |source| spool.volume_failed(name, source);
        let scratch = tempfile::tempfile_in(spool.folder())
            .map_err(|source| Error::io("create a file in", spool.folder(), source))?;
        let mut writer = DlistWriter::create(
            spool.create(name)?,
            scratch,
            spool.format(),
            spool.encryption(),
            spool.time(),
            completeness,
        )
        .map_err(failed)?;
        let empty = empty_metadata(spool.format());
        self.for_each(dlist, |mut entry, fate| {
            match fate {
                Some(Fate::Removed) => return Ok(()),
                Some(Fate::WithoutMetadata) => entry.metadata = Some(empty.clone()),
                None => {}
            }
            writer.add(&entry).map_err(failed)
        })?;
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
