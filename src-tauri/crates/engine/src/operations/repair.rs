//! Repair: rewriting what can be derived, and rebuilding the index.
//!
//! Index volumes that are missing or damaged are written from their dblocks. What cannot be derived (data, versions)
//! is reported, and nothing that holds any is deleted.

use std::collections::HashSet;
use std::sync::Arc;

use coffer_database::{Index, VolumeKind};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::mode::Mode;
use crate::monitor::{Monitor, Phase};
use crate::operations::verify::faulty_dindexes;
use crate::repository::cache::with_sound_index;
use crate::repository::damage::Lost;
use crate::repository::deletion::{delete_rows, delete_volume, with_dindexes};
use crate::repository::dindexes::{examine, report_damage, write_dindex};
use crate::repository::listing::Listing;
use crate::repository::open::{OpenRepository, Repository};
use crate::repository::spool::Spool;
use crate::repository::store::Store;
use crate::repository::sync::{Losses, accept_losses, sync_ignoring_missing};
use crate::repository::volumes::{ListedVolume, RemoteVolume};

/// What was repaired, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    let opened = OpenRepository::existing(store, monitor, cancel)?;
    let Some((indexed, mut listed)) = opened.indexed()? else {
        return Ok(RepairStats::default());
    };
    let repository = indexed.repository();
    repository.index.hold_deletions(false)?;
    repository.session.phase(Phase::ReadingDestination);
    sync_ignoring_missing(repository, &mut listed, Losses::Reported)?;
    forget_damaged_dindexes(repository, &listed)?;
    let mut repair = Repair {
        repository,
        mode,
        listed,
        stats: RepairStats::default(),
    };
    if repair.is_every_version_whole()? {
        if mode == Mode::Run {
            accept_losses(repository.index)?;
        }
        repair.delete_unreadable_dblocks()?;
        repair.delete_useless_dindexes()?;
    }
    repair.write_dindexes(now)?;
    Ok(repair.stats)
}

/// A repair, step by step.
struct Repair<'a> {
    repository: Repository<'a>,
    mode: Mode,
    listed: Listing,
    stats: RepairStats,
}

impl Repair<'_> {
    /// Counts what is broken. What a version that cannot be read needs is unknown.
    ///
    /// Also reads the blocklists that index volumes hold copies of.
    fn is_every_version_whole(&mut self) -> Result<bool> {
        let mut all_read = true;
        for dlist in &self.listed.dlists {
            let stats = &mut self.stats;
            let counted = self.repository.broken_files(dlist, |_, lost| {
                stats.broken_files += 1;
                stats.lost_files += u64::from(lost == Lost::Content);
                Ok(())
            });
            all_read &= report_damage(self.repository.session, dlist, counted)?;
        }
        Ok(all_read && self.stats.broken_files == 0)
    }

    /// dblocks of which the index knows nothing, because they cannot be read, while every version is whole without them.
    fn delete_unreadable_dblocks(&mut self) -> Result<()> {
        let mut useless = unreadable_dblocks(self.repository.index, &self.listed)?;
        let session = self.repository.session;
        useless.retain(|dblock| !session.is_unread(dblock.name.as_str()));
        for dblock in &useless {
            self.delete(dblock)?;
        }
        let gone: HashSet<&str> = useless.iter().map(|volume| volume.name.as_str()).collect();
        let stays = |volume: &ListedVolume| !gone.contains(volume.name.as_str());
        self.listed.dblocks.retain(stays);
        Ok(())
    }

    /// Those that describe nothing but volumes that are gone.
    fn delete_useless_dindexes(&mut self) -> Result<()> {
        let useless = with_dindexes(self.repository.index, &HashSet::new())?;
        let dindexes = match self.mode {
            Mode::Run => delete_rows(self.repository, &self.listed, useless)?,
            Mode::Plan => {
                let files = useless.into_iter().map(RemoteVolume::from);
                self.listed.with_parity(files)
            }
        };
        let stays = |volume: &ListedVolume| {
            let mut gone = dindexes.iter();
            gone.all(|gone| gone.name != volume.name.as_str())
        };
        self.listed.dindexes.retain(stays);
        self.stats.deleted.extend(dindexes);
        Ok(())
    }

    /// Writes the dindexes that are lacking, and deletes those that cannot be read once all dblocks have another.
    fn write_dindexes(&mut self, now: Timestamp) -> Result<()> {
        let Repository {
            session,
            index,
            format,
            spool,
        } = self.repository;
        let (uncovered, unreadable) = examine(index, &self.listed)?;
        let unreadable: Vec<_> = unreadable.into_iter().cloned().collect();
        let spool = Spool::new(spool.to_owned(), session.store(), format.clone(), now, 0);
        let mut all_covered = true;
        for dblock in uncovered {
            session.check_cancelled()?;
            let is_written = match self.mode {
                Mode::Plan => true,
                Mode::Run => {
                    let written = write_dindex(self.repository, &spool, dblock);
                    report_damage(session, dblock, written)?
                }
            };
            if is_written {
                self.stats.indexed.push(dblock.into());
            } else {
                all_covered = false;
            }
        }
        if all_covered {
            let readable_later = |dindex: &&ListedVolume| session.is_unread(dindex.name.as_str());
            for dindex in unreadable.iter().filter(|dindex| !readable_later(dindex)) {
                self.delete(dindex)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, volume: &ListedVolume) -> Result<()> {
        let (session, name) = (self.repository.session, volume.name.as_str());
        if self.mode == Mode::Plan || delete_volume(session, &self.listed, name)? {
            self.stats
                .deleted
                .extend(self.listed.with_parity([volume.into()]));
        }
        Ok(())
    }
}

/// Reads all dindexes and makes the index forget those that are not what they should be.
fn forget_damaged_dindexes(repository: Repository<'_>, listed: &Listing) -> Result<()> {
    let Repository { index, .. } = repository;
    let faulty = faulty_dindexes(repository, listed)?;
    let rows = index.volumes()?.into_iter();
    let rows = rows.filter(|row| row.kind == VolumeKind::Dindex && faulty.contains(&row.name));
    let ids: Vec<_> = rows.map(|row| row.id).collect();
    Ok(index.remove_volumes(&ids)?)
}

/// dblocks of which the index knows nothing, because they cannot be read.
fn unreadable_dblocks(index: &Index, listed: &Listing) -> Result<Vec<ListedVolume>> {
    let readable: HashSet<String> = index.volumes()?.into_iter().map(|row| row.name).collect();
    let unreadable = listed
        .dblocks
        .iter()
        .filter(|volume| !readable.contains(volume.name.as_str()));
    Ok(unreadable.cloned().collect())
}
