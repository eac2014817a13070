//! Repair: writing what can be derived anew, and reading the index anew.
//!
//! Index volumes that are missing or damaged are written from their dblocks. What cannot be derived (data, versions)
//! is told, and nothing that holds any is deleted.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use coffer_database::{Index, VolumeKind, VolumeState};
use coffer_destination::NoCheckpoints;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dindex::{self, BlockRow};
use coffer_volume::{Format, VolumeName};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::broken::{Lost, Survey};
use crate::compact::{delete_rows, with_dindexes};
use crate::delete::{Mode, RemoteVolume, delete_volume};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::session::Session;
use crate::source_list::SourceList;
use crate::spool::Spool;
use crate::store::{
    Listed, ListedVolume, Losses, Opened, Store, accept_losses, load_newest_version, open_volume,
    sync_what_is_there, with_sound_index,
};
use crate::verify::{digest, faulty_dindexes};

/// What was repaired, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairStats {
    /// dblocks that got a new dindex.
    pub indexed: Vec<RemoteVolume>,
    /// dindexes that could not be read, when all dblocks had another, and dblocks that could not, when every version
    /// was whole without them.
    pub deleted: Vec<RemoteVolume>,
    /// Entries of versions of which data is missing.
    pub broken_files: u64,
    /// Those among them whose content is missing, and not their times and rights alone.
    pub lost_files: u64,
}

/// What reading the index anew found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecreateStats {
    /// Versions at the destination.
    pub versions: u64,
    /// Volumes at the destination.
    pub volumes: u64,
}

/// Repairs the backup in `store`. `now` is what new volumes state as their time.
///
/// # Errors
/// Those of opening a backup and of its destination.
pub fn repair(
    store: &Store,
    mode: Mode,
    now: Timestamp,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RepairStats> {
    with_sound_index(store, || {
        repair_once(store, mode, now, Arc::clone(&monitor), cancel)
    })
}

fn repair_once(
    store: &Store,
    mode: Mode,
    now: Timestamp,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RepairStats> {
    let Opened {
        session,
        cache,
        mut listed,
    } = Opened::existing(store, monitor, cancel)?;
    let folder = cache.spool();
    let Some(format) = cache.format(&session, &listed)? else {
        return Ok(RepairStats::default());
    };
    let index = cache.index_for(&format, store)?;
    index.hold_deletions(false)?;
    session.monitor().phase(Phase::ReadingDestination);
    sync_what_is_there(
        &session,
        &index,
        &mut listed,
        &format,
        &folder,
        Losses::Told,
    )?;
    forget_damaged_dindexes(&session, &index, &listed, &format, &folder)?;

    // Also reads the blocklists that index volumes hold copies of.
    let survey = Survey {
        session: &session,
        index: &index,
        format: &format,
        spool: &folder,
    };
    let mut stats = RepairStats::default();
    let mut all_read = true;
    for dlist in &listed.dlists {
        let counted = survey.broken_files(dlist, |_, lost| {
            stats.broken_files += 1;
            stats.lost_files += u64::from(lost == Lost::Content);
            Ok(())
        });
        all_read &= tell_damage(&session, dlist, counted)?;
    }

    // What an unreadable version needs, nobody knows.
    let is_whole = all_read && stats.broken_files == 0;
    if is_whole && mode == Mode::Run {
        accept_losses(&index)?;
    }
    let useless = if is_whole {
        let mut unreadable = unreadable_dblocks(&index, &listed)?;
        unreadable.retain(|dblock| !session.is_unread(dblock.name.as_str()));
        unreadable
    } else {
        Vec::new()
    };
    for dblock in &useless {
        if mode == Mode::Run && !delete_volume(&session, &listed, dblock.name.as_str())? {
            continue;
        }
        stats.deleted.extend(listed.with_parity([dblock.into()]));
    }
    let gone: HashSet<String> = useless.iter().map(|v| v.name.to_string()).collect();
    listed.dblocks.retain(|v| !gone.contains(v.name.as_str()));
    if is_whole {
        // Those that describe nothing but volumes that are gone.
        let nothing = HashSet::new();
        let dindexes: Vec<RemoteVolume> = match mode {
            Mode::Run => {
                let useless = with_dindexes(&index, &nothing)?;
                delete_rows(&session, &index, &listed, useless)?
            }
            Mode::Plan => {
                let useless = with_dindexes(&index, &nothing)?;
                listed.with_parity(useless.into_iter().map(RemoteVolume::from))
            }
        };
        listed
            .dindexes
            .retain(|v| dindexes.iter().all(|gone| gone.name != v.name.as_str()));
        stats.deleted.extend(dindexes);
    }
    let (uncovered, unreadable) = examine(&index, &listed)?;
    let spool = Spool::new(folder, store, format.clone(), now, 0);
    let mut all_covered = true;
    for dblock in uncovered {
        session.check_cancelled()?;
        let written = match mode {
            Mode::Plan => Ok(true),
            Mode::Run => tell_damage(
                &session,
                dblock,
                write_dindex(&session, &index, &format, &spool, dblock),
            ),
        };
        if written? {
            stats.indexed.push(dblock.into());
        } else {
            all_covered = false;
        }
    }
    if all_covered {
        let unreadable = unreadable.into_iter();
        for dindex in unreadable.filter(|dindex| !session.is_unread(dindex.name.as_str())) {
            if mode == Mode::Run && !delete_volume(&session, &listed, dindex.name.as_str())? {
                continue;
            }
            stats.deleted.extend(listed.with_parity([dindex.into()]));
        }
    }
    Ok(stats)
}

/// Reads all dindexes and makes the index forget those that are not what they should be.
fn forget_damaged_dindexes(
    session: &Session,
    index: &Index,
    listed: &Listed,
    format: &Format,
    spool: &Path,
) -> Result<()> {
    let faulty = faulty_dindexes(session, index, format, spool, listed)?;
    let rows = index.volumes()?.into_iter();
    let rows = rows.filter(|row| row.kind == VolumeKind::Dindex && faulty.contains(&row.name));
    let ids: Vec<_> = rows.map(|row| row.id).collect();
    Ok(index.remove_volumes(&ids)?)
}

/// dblocks that lack a dindex. A backup that has hardly any is meant to have none, and lacks nothing; a first run that
/// was cut off says nothing of what is meant.
pub(crate) fn lacking_dindexes<'l>(
    index: &Index,
    listed: &'l Listed,
) -> Result<Vec<&'l ListedVolume>> {
    let (uncovered, _) = examine(index, listed)?;
    if !listed.dlists.is_empty() && uncovered.len() > listed.dindexes.len() {
        return Ok(Vec::new());
    }
    Ok(uncovered)
}

/// Writes dindexes that are lacking, as a run that was killed between a dblock and its dindex leaves things.
pub(crate) fn write_missing_dindexes(
    session: &Session,
    index: &Index,
    spool: &Spool,
    listed: &Listed,
) -> Result<()> {
    for dblock in lacking_dindexes(index, listed)? {
        session.check_cancelled()?;
        let written = write_dindex(session, index, spool.format(), spool, dblock);
        tell_damage(session, dblock, written)?;
    }
    Ok(())
}

/// dblocks of which the index knows nothing, because they cannot be read.
fn unreadable_dblocks(index: &Index, listed: &Listed) -> Result<Vec<ListedVolume>> {
    let readable: HashSet<String> = index.volumes()?.into_iter().map(|row| row.name).collect();
    let unreadable = listed
        .dblocks
        .iter()
        .filter(|volume| !readable.contains(volume.name.as_str()));
    Ok(unreadable.cloned().collect())
}

/// dblocks that no readable dindex describes, and dindexes that could not be read.
fn examine<'l>(
    index: &Index,
    listed: &'l Listed,
) -> Result<(Vec<&'l ListedVolume>, Vec<&'l ListedVolume>)> {
    let readable: HashSet<String> = index
        .volumes()?
        .into_iter()
        .filter(|row| row.kind == VolumeKind::Dindex && row.state == VolumeState::Confirmed)
        .map(|row| row.name)
        .collect();
    let covered: HashSet<String> = index.covers()?.into_iter().map(|(_, name)| name).collect();
    let uncovered = listed
        .dblocks
        .iter()
        .filter(|volume| !covered.contains(volume.name.as_str()));
    let unreadable = listed
        .dindexes
        .iter()
        .filter(|volume| !readable.contains(volume.name.as_str()));
    Ok((uncovered.collect(), unreadable.collect()))
}

/// Tells damage and goes on; false for damage.
fn tell_damage(session: &Session, volume: &ListedVolume, outcome: Result<()>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) => {
            session.tell_unusable(volume.name.as_str(), error)?;
            Ok(false)
        }
    }
}

fn write_dindex(
    session: &Session,
    index: &Index,
    format: &Format,
    spool: &Spool,
    dblock: &ListedVolume,
) -> Result<()> {
    let path = session.fetch(dblock.name.as_str(), spool.folder())?;
    let volume_digest = digest(&path, format)?;
    let blocks = scan(session, format, dblock, &path)?;
    let mut lists = Vec::new();
    for block in &blocks {
        if let Some(data) = index.blocklist(block.hash.as_bytes())? {
            lists.push((block.hash, data));
        }
    }
    let name = VolumeName::new_dindex(spool.prefix(), spool.encryption());
    let (out, index_digest) = dindex::write(
        spool.create(&name)?,
        format,
        spool.encryption(),
        spool.time(),
        (&dblock.name, volume_digest),
        &blocks,
        &lists,
    )
    .map_err(|source| spool.volume_failed(&name, source))?;
    spool.close(out, &name)?;
    let file = spool.folder().join(name.as_str());
    session.put(name.as_str(), &file, &NoCheckpoints)?;
    std::fs::remove_file(&file).map_err(|source| Error::io("delete", &file, source))?;
    let id = index.put_volume(
        name.as_str(),
        VolumeKind::Dindex,
        VolumeState::Confirmed,
        index_digest.size,
        Some(index_digest.hash.as_bytes()),
        None,
    )?;
    index.add_cover(id, dblock.name.as_str())?;
    Ok(())
}

fn scan(
    session: &Session,
    format: &Format,
    dblock: &ListedVolume,
    path: &Path,
) -> Result<Vec<BlockRow>> {
    let opened = open_volume(session.store(), &dblock.name, path)?;
    let blocks = DblockReader::new(opened, format)
        .and_then(|mut reader| reader.scan())
        .map_err(|source| Error::volume(dblock.name.as_str(), source))?;
    Ok(blocks
        .into_iter()
        .map(|(hash, size)| BlockRow { hash, size })
        .collect())
}

/// Throws the index away and reads it anew.
///
/// # Errors
/// Those of opening a backup, and [`Error::Volume`] when the newest dlist cannot be read.
pub fn recreate(
    store: &Store,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RecreateStats> {
    let Opened {
        session,
        cache,
        mut listed,
    } = Opened::existing(store, monitor, cancel)?;
    cache.renew_index()?;
    let spool = cache.spool();
    let Some(format) = listed.format(&session, &spool)? else {
        return Ok(RecreateStats::default());
    };
    let index = cache.index_for(&format, store)?;
    session.monitor().phase(Phase::ReadingDestination);
    sync_what_is_there(&session, &index, &mut listed, &format, &spool, Losses::Told)?;
    let sources = SourceList::of_run_before(&index)?.unwrap_or_default();
    load_newest_version(&session, &index, &listed, &format, &spool, &sources)?;
    Ok(RecreateStats {
        versions: listed.dlists.len() as u64,
        volumes: listed.volumes().count() as u64,
    })
}
