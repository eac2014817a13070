//! Repair: writing what can be derived anew, and reading the index anew.
//!
//! Index volumes that are missing or damaged are written from their dblocks. What cannot be derived (data, versions)
//! is told, and nothing that holds any is deleted.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use coffer_database::{Index, VolumeKind};
use coffer_volume::Format;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::mode::Mode;
use crate::monitor::{Monitor, Phase};
use crate::operations::verify::faulty_dindexes;
use crate::repository::cache::with_sound_index;
use crate::repository::damage::Lost;
use crate::repository::damage::Survey;
use crate::repository::deletion::{delete_rows, delete_volume, with_dindexes};
use crate::repository::dindexes::{examine, tell_damage, write_dindex};
use crate::repository::listing::Listed;
use crate::repository::opened::Opened;
use crate::repository::session::Session;
use crate::repository::spool::Spool;
use crate::repository::store::Store;
use crate::repository::sync::{Losses, accept_losses, sync_what_is_there};
use crate::repository::volumes::{ListedVolume, RemoteVolume};

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

/// dblocks of which the index knows nothing, because they cannot be read.
fn unreadable_dblocks(index: &Index, listed: &Listed) -> Result<Vec<ListedVolume>> {
    let readable: HashSet<String> = index.volumes()?.into_iter().map(|row| row.name).collect();
    let unreadable = listed
        .dblocks
        .iter()
        .filter(|volume| !readable.contains(volume.name.as_str()));
    Ok(unreadable.cloned().collect())
}
