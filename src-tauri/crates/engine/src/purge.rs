//! Purge: taking files out of versions that exist.
//!
//! A version that changes is written anew, one second later or as many as it takes to find a free time, and the old
//! one is deleted when the new one has arrived.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::NoCheckpoints;
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::dlist::{Completeness, DlistReader, DlistWriter, EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::stream::{Parts, StreamRef};
use coffer_volume::{Format, VolumeName};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::broken::{Lost, Survey, sync_what_is_there};
use crate::compact::{CompactOptions, CompactStats, compact_afterwards};
use crate::delete::{Mode, RemoteVolume, delete_volume};
use crate::error::{Error, Result};
use crate::filter::{Action, Filters};
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::session::Session;
use crate::spool::{Checkpoints, OpenVolume, Spool, upload_pair};
use crate::store::{Listed, ListedVolume, Opened, Store};
use crate::versions::{Version, open_dlist, read_entries};

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
    /// What was taken out, as stored.
    pub removed: Vec<String>,
    /// What lost its metadata.
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
/// [`Error::NoVersion`], and [`Error::NoFreeTime`] when a version cannot be moved, before anything is written.
pub fn purge(
    store: &Store,
    options: &PurgeOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<PurgeStats> {
    let Opened {
        session,
        cache,
        listed,
    } = Opened::existing(store, monitor, cancel)?;
    let folder = cache.spool();
    let Some(format) = listed.format(&session, &folder)? else {
        return Ok(PurgeStats::default());
    };
    let index = cache.index_for(&format, store)?;
    cache.spooled(&index)?;
    let chosen = choose(&listed, &options.versions)?;
    if matches!(options.purged, Purged::Broken) {
        sync_what_is_there(&session, &index, &listed, &format, &folder)?;
    }

    session.monitor().phase(Phase::Planning);
    let mut times = listed.times();
    let mut stats = PurgeStats::default();
    let mut work = Vec::new();
    for (version, dlist) in chosen {
        session.check_cancelled()?;
        let survey = Survey {
            session: &session,
            index: &index,
            format: &format,
            spool: &folder,
        };
        let Some(fates) = read_fates(&survey, dlist, &options.purged)? else {
            continue;
        };
        let new_time = free_time(&mut times, version.time)?;
        stats.deleted.extend(listed.with_parity([dlist.into()]));
        stats.versions.push(fates.describe(version, new_time));
        work.push((dlist, fates, new_time));
    }
    if options.mode == Mode::Run {
        let spool = Spool::new(folder.clone(), store, format.clone(), options.now, 0);
        for (dlist, fates, new_time) in work {
            rewrite(&session, &index, &spool, &listed, dlist, &fates, new_time)?;
        }
        if let Some(compact) = options
            .compact
            .as_ref()
            .filter(|_| !stats.versions.is_empty())
        {
            stats.compacted = compact_afterwards(&session, &index, &format, &folder, &[], compact)?;
        }
    }
    Ok(stats)
}

fn choose<'l>(listed: &'l Listed, numbers: &[usize]) -> Result<Vec<(Version, &'l ListedVolume)>> {
    let numbers = if numbers.is_empty() {
        (0..listed.dlists.len()).collect()
    } else {
        numbers.to_vec()
    };
    let mut chosen: Vec<(Version, &ListedVolume)> = Vec::new();
    for number in numbers {
        let dlist = listed.version(number)?;
        let Some(time) = dlist.name.time() else {
            continue;
        };
        if chosen.iter().all(|(version, _)| version.number != number) {
            chosen.push((Version { number, time }, dlist));
        }
    }
    Ok(chosen)
}

/// The first second after `time` that no version has, and that no newer version is before.
fn free_time(times: &mut [Timestamp], time: Timestamp) -> Result<Timestamp> {
    let missing = Error::NoFreeTime { time };
    let next = time
        .checked_add(SignedDuration::from_secs(1))
        .ok()
        .filter(|next| !times.contains(next))
        .ok_or(missing)?;
    // The old time is taken until its dlist is deleted, and nothing may move there.
    if let Some(slot) = times.iter_mut().find(|slot| **slot == time) {
        *slot = next;
    }
    Ok(next)
}

/// What happens to entries of a version, by path.
#[derive(Default)]
struct Fates(HashMap<String, Fate>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    WithoutMetadata,
}

impl Fates {
    fn describe(&self, version: Version, new_time: Timestamp) -> PurgedVersion {
        let of = |wanted: Fate| {
            let fates = self.0.iter().filter(|(_, fate)| **fate == wanted);
            let mut paths: Vec<_> = fates.map(|(path, _)| path.clone()).collect();
            paths.sort();
            paths
        };
        PurgedVersion {
            version,
            new_time,
            removed: of(Fate::Removed),
            without_metadata: of(Fate::WithoutMetadata),
        }
    }
}

/// `None` when the version stays as it is. One that cannot be read is told and left alone.
fn read_fates(survey: &Survey<'_>, dlist: &ListedVolume, purged: &Purged) -> Result<Option<Fates>> {
    let mut fates = Fates::default();
    let read = match purged {
        Purged::Matching(filters) => {
            let session = survey.session;
            let path = session.fetch(dlist.name.as_str(), survey.spool)?;
            open_dlist(session, dlist, &path).and_then(|mut reader| {
                read_entries(&mut reader, dlist, |entry| {
                    if matches!(filters.decide(&entry.path), Some((Action::Include, _))) {
                        fates.0.insert(entry.path, Fate::Removed);
                    }
                    Ok(())
                })
            })
        }
        Purged::Broken => survey.broken_files(dlist, |entry, lost| {
            let fate = match lost {
                Lost::Content => Fate::Removed,
                Lost::Metadata => Fate::WithoutMetadata,
            };
            fates.0.insert(entry.path, fate);
            Ok(())
        }),
    };
    match read {
        Ok(()) => Ok((!fates.0.is_empty()).then_some(fates)),
        Err(Error::Volume { name, source }) => {
            survey.session.monitor().problem(Problem {
                subject: name,
                kind: ProblemKind::VolumeUnusable(source.to_string()),
            });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn rewrite(
    session: &Session,
    index: &Index,
    spool: &Spool,
    listed: &Listed,
    dlist: &ListedVolume,
    fates: &Fates,
    new_time: Timestamp,
) -> Result<()> {
    let empty = empty_metadata(spool.format());
    let needs_empty = fates.0.values().any(|fate| *fate == Fate::WithoutMetadata);
    if needs_empty && !index.has_block(empty.hash.as_bytes(), empty.size)? {
        store_block(session, index, spool, Metadata::default().encode())?;
    }
    let path = session.fetch(dlist.name.as_str(), spool.folder())?;
    let mut reader = open_dlist(session, dlist, &path)?;
    let name = VolumeName::new_dlist(spool.prefix(), new_time, spool.encryption());
    let completeness = reader
        .completeness()
        .map_err(|source| Error::volume(dlist.name.as_str(), source))?;
    let change = |mut entry: FilelistEntry| match fates.0.get(&entry.path) {
        Some(Fate::Removed) => None,
        Some(Fate::WithoutMetadata) => {
            entry.metadata = Some(empty.clone());
            Some(entry)
        }
        None => Some(entry),
    };
    write(
        session,
        spool,
        (dlist, &mut reader),
        &name,
        completeness,
        change,
    )?;
    let file = spool.folder().join(name.as_str());
    session.put(name.as_str(), &file, &NoCheckpoints)?;
    std::fs::remove_file(&file).map_err(|source| Error::io("delete", &file, source))?;
    index.set_completeness(new_time.as_second(), completeness == Completeness::Full)?;
    session.check_cancelled()?;
    delete_volume(session, listed, dlist.name.as_str())?;
    if let Some(time) = dlist.name.time() {
        index.forget_version(time.as_second())?;
    }
    Ok(())
}

/// Writes a dlist with what `change` makes of another's entries: folders and links first, whatever order that has.
fn write(
    session: &Session,
    spool: &Spool,
    (dlist, reader): (&ListedVolume, &mut DlistReader),
    name: &VolumeName,
    completeness: Completeness,
    change: impl Fn(FilelistEntry) -> Option<FilelistEntry>,
) -> Result<()> {
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
    for wants_files in [false, true] {
        read_entries(reader, dlist, |entry| {
            session.check_cancelled()?;
            if (entry.kind == EntryKind::File) != wants_files {
                return Ok(());
            }
            match change(entry) {
                Some(entry) => writer.add(&entry).map_err(failed),
                None => Ok(()),
            }
        })?;
    }
    let (out, _) = writer.finish().map_err(failed)?;
    spool.close(out, name)
}

fn empty_metadata(format: &Format) -> StreamRef {
    let bytes = Metadata::default().encode();
    StreamRef {
        hash: format.file_hash().digest(&bytes),
        size: bytes.len() as u64,
        parts: Parts::Block(format.block_hash().digest(&bytes)),
    }
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
