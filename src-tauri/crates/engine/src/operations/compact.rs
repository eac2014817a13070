//! Compact: giving back the space of blocks that no version needs.
//!
//! Volumes that hold too little that is needed, or are too small, are read, and what is needed of them goes into new
//! volumes. What is unneeded then is noted as waste. It is deleted by a run that finds it so at least a day later,
//! because another computer may be making a version of it right now; and right before that the destination is listed
//! again, and what versions that appeared meanwhile need is spared.

mod mover;
pub(crate) mod options;
pub(crate) mod plan;
pub(crate) mod stats;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use coffer_database::{VolumeKind, VolumeRow};
use coffer_volume::VolumeKind as NameKind;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::mode::Mode;
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::operations::compact::mover::rewrite;
use crate::operations::compact::options::{CompactOptions, Disposal};
use crate::operations::compact::plan::Plan;
use crate::operations::compact::stats::CompactStats;
use crate::reasons::CompactObstacle;
use crate::repository::cache::with_sound_index;
use crate::repository::deletion::{delete_rows, with_dindexes};
use crate::repository::listing::Listing;
use crate::repository::needs::Needs;
use crate::repository::newest::load_newest_version;
use crate::repository::open::{OpenRepository, Repository};
use crate::repository::source_list::SourceList;
use crate::repository::store::Store;
use crate::repository::sync::sync_volumes;
use crate::repository::volumes::RemoteVolume;

/// Seconds until waste may be deleted.
pub(crate) const GRACE: i64 = 24 * 3600;

/// Compacts the backup in `store`.
///
/// # Errors
/// [`Error::VolumesMissing`], [`Error::DataMissing`] and [`Error::VersionUnreadable`] when versions are damaged; then nothing
/// is changed.
pub fn compact(
    store: &Store,
    options: &CompactOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<CompactStats> {
    with_sound_index(store, || {
        let opened = OpenRepository::existing(store, Arc::clone(&monitor), cancel)?;
        let Some((indexed, mut listed)) = opened.indexed()? else {
            return Ok(CompactStats::default());
        };
        indexed.cache.spooled(&indexed.index)?;
        indexed.index.hold_deletions(false)?;
        indexed.repository().compact(&mut listed, &[], options)
    })
}

/// Compacts after something else was done, which stays done: when versions are damaged, that is reported and nothing more.
/// `listed` is what is there then, and afterwards.
pub(crate) fn compact_afterwards(
    repository: Repository<'_>,
    listed: &mut Listing,
    without: &[Timestamp],
    options: &CompactOptions,
) -> Result<Option<CompactStats>> {
    let session = repository.session;
    match repository.compact(listed, without, options) {
        Ok(stats) => Ok(Some(stats)),
        Err(error) => {
            session.monitor().problem(Problem {
                subject: session.label(),
                kind: ProblemKind::NotCompacted(obstacle(error)?),
            });
            Ok(None)
        }
    }
}

/// Why damaged versions stand in the way; any other failure is given back.
fn obstacle(error: Error) -> Result<CompactObstacle> {
    match error {
        Error::DataMissing { .. } => Ok(CompactObstacle::DataMissing),
        Error::VersionUnreadable { number, name } => {
            Ok(CompactObstacle::VersionUnreadable { number, name })
        }
        Error::Unreadable { name, why } => Ok(CompactObstacle::Unreadable { name, why }),
        Error::VolumesMissing { names, .. } => Ok(CompactObstacle::VolumesMissing { names }),
        other => Err(other),
    }
}

impl Repository<'_> {
    /// Compacts as if the versions `without` were gone already.
    fn compact(
        self,
        listed: &mut Listing,
        without: &[Timestamp],
        options: &CompactOptions,
    ) -> Result<CompactStats> {
        let (session, index) = (self.session, self.index);
        session.phase(Phase::ReadingDestination);
        sync_volumes(self, listed)?;
        let sources = SourceList::of_run_before(index)?.unwrap_or_default();
        load_newest_version(self, listed, &sources)?;
        session.phase(Phase::Planning);
        let mut needs = Needs::new(self)?;
        needs.add(listed, without)?;
        let missing = needs.usage().missing_blocks()?;
        if missing > 0 {
            session.require_read(NameKind::Dblock)?;
            return Err(Error::DataMissing {
                destination: session.label(),
                blocks: missing,
            });
        }
        if index.holds_deletions()? {
            // Versions are gone, and no run has noticed yet.
            return Ok(CompactStats::default());
        }

        let plan = Plan::new(&needs, options)?;
        index.set_needed(&plan.needed)?;
        let mut stats = plan.stats();
        if options.mode == Mode::Plan {
            let to_delete = plan.to_delete.iter().map(|volume| volume.id).collect();
            let to_delete = with_dindexes(index, &to_delete)?;
            stats.deleted = listed.with_parity(to_delete.into_iter().map(RemoteVolume::from));
            return Ok(stats);
        }

        if !plan.rewritten.is_empty() {
            session.phase(Phase::Compacting);
            stats.uploaded = rewrite(self, &mut needs, &plan, options)?;
        }
        *listed = Listing::completed(session, index)?;
        let to_delete = self.retain_unneeded(&mut needs, listed, plan.ids_to_delete())?;
        (stats.deleted, stats.retired) = self.dispose(listed, &to_delete, options)?;
        listed.remove(stats.deleted.iter().map(|file| file.name.as_str()));
        Ok(stats)
    }

    /// Which of `to_delete` may go, judged by the destination as it is now.
    fn retain_unneeded(
        self,
        needs: &mut Needs<'_>,
        listed: &mut Listing,
        mut to_delete: HashSet<i64>,
    ) -> Result<HashSet<i64>> {
        sync_volumes(self, listed)?;
        needs.add(listed, &[])?;
        loop {
            let ids: Vec<_> = to_delete.iter().copied().collect();
            needs.usage().set_to_delete(&ids)?;
            let indispensable = needs.usage().indispensable()?;
            if indispensable.is_empty() {
                return Ok(to_delete);
            }
            for id in indispensable {
                to_delete.remove(&id);
            }
        }
    }

    /// Notes unneeded volumes, with the index volumes that describe nothing else, and deletes those whose time has
    /// come. Returns what was deleted and what waits.
    fn dispose(
        self,
        listed: &Listing,
        to_delete: &HashSet<i64>,
        options: &CompactOptions,
    ) -> Result<(Vec<RemoteVolume>, Vec<RemoteVolume>)> {
        let (_session, index) = (self.session, self.index);
        let now = options.now.as_second();
        let rows = with_dindexes(index, to_delete)?;
        let names: Vec<_> = rows.iter().map(|row| row.name.clone()).collect();
        index.set_waste(&names, now)?;
        let due = due(&rows, &index.waste()?, now, options.disposal);
        let dblocks = rows.iter().filter(|row| row.kind == VolumeKind::Dblock);
        let due_dblocks: HashSet<i64> = dblocks
            .map(|row| row.id)
            .filter(|id| due.contains(id))
            .collect();
        let with_their_dindexes: HashSet<i64> = with_dindexes(index, &due_dblocks)?
            .iter()
            .map(|row| row.id)
            .collect();
        // A dindex goes with its dblock; one that has lost its dblock otherwise waits for its own time.
        let describes_due = self.describing(&rows, &due_dblocks)?;
        let (going, waiting): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| {
            with_their_dindexes.contains(&row.id)
                && (due.contains(&row.id) || describes_due.contains(&row.id))
        });
        let deleted = delete_rows(self, listed, going)?;
        let waiting = listed.with_parity(waiting.into_iter().map(RemoteVolume::from));
        Ok((deleted, waiting))
    }

    /// Index volumes that describe one of these dblocks.
    fn describing(self, rows: &[VolumeRow], dblocks: &HashSet<i64>) -> Result<HashSet<i64>> {
        let names: HashSet<&str> = rows
            .iter()
            .filter(|row| dblocks.contains(&row.id))
            .map(|row| row.name.as_str())
            .collect();
        let covers = self.index.covers()?.into_iter();
        Ok(covers
            .filter(|(_, dblock)| names.contains(dblock.as_str()))
            .map(|(dindex, _)| dindex)
            .collect())
    }

    /// Deletes all that was noted as waste and still is, and what of `own` no version needs, because the destination is full.
    /// Returns whether there was any.
    pub(crate) fn dispose_of_waste(
        self,
        own: &HashSet<String>,
        options: &CompactOptions,
    ) -> Result<bool> {
        if self.index.holds_deletions()? {
            return Ok(false);
        }
        let noted = self.index.waste()?;
        let mut needs = Needs::new(self)?;
        let mut listed = Listing::completed(self.session, self.index)?;
        let rows = self.index.volumes()?.into_iter();
        let to_delete = rows
            .filter(|row| row.kind == VolumeKind::Dblock)
            .filter(|row| noted.contains_key(&row.name) || own.contains(&row.name))
            .map(|row| row.id)
            .collect();
        let to_delete = self.retain_unneeded(&mut needs, &mut listed, to_delete)?;
        let options = CompactOptions {
            disposal: Disposal::Now,
            ..options.clone()
        };
        let (deleted, _) = self.dispose(&listed, &to_delete, &options)?;
        Ok(!deleted.is_empty())
    }
}

/// Volumes whose time has come.
///
/// Those of others that no version was seen to need are most likely on their way into one: none of them goes while more
/// of them arrive.
fn due(
    rows: &[VolumeRow],
    waste: &HashMap<String, i64>,
    now: i64,
    disposal: Disposal,
) -> HashSet<i64> {
    let since = |row: &VolumeRow| waste.get(&row.name).copied().unwrap_or(now);
    let is_foreign = |row: &VolumeRow| !row.is_own && !row.was_needed;
    let newest_foreign = rows.iter().filter(|row| is_foreign(row)).map(since).max();
    let is_due = |row: &&VolumeRow| {
        let since = match newest_foreign {
            Some(newest) if is_foreign(row) => newest,
            _ => since(row),
        };
        disposal == Disposal::Now || now.saturating_sub(since) >= GRACE
    };
    rows.iter().filter(is_due).map(|row| row.id).collect()
}
