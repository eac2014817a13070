//! Compact: giving back the space of blocks that no version needs.
//!
//! Volumes that hold too little that is needed, or are too small, are read, and what is needed of them goes into new
//! volumes. What nobody needs then is noted as waste. It is deleted by a run that finds it so at least a day later,
//! because another computer may be making a version of it right now; and right before that the destination is listed
//! again, and what versions that appeared meanwhile need is spared.

mod mover;
mod options;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use coffer_database::{Index, VolumeKind, VolumeRow, VolumeState, VolumeUsage};
use coffer_volume::{Format, VolumeKind as NameKind};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::delete::{Mode, RemoteVolume, delete_volume};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::session::Session;
use crate::source_list::SourceList;
use crate::store::{Listed, Opened, Store, load_newest_version, sync_volumes, with_sound_index};
use crate::usage::{Needs, is_unknown};

use mover::rewrite;

pub use options::{CompactOptions, CompactThresholds, Disposal};

/// Seconds until waste may be deleted.
pub(crate) const GRACE: i64 = 24 * 3600;

/// What compacting did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactStats {
    /// Bytes of blocks that some version needs.
    pub used_bytes: u64,
    /// Bytes of all others.
    pub unused_bytes: u64,
    /// Volumes that were read, or would be.
    pub downloaded: Vec<RemoteVolume>,
    /// Bytes of blocks that were written anew, or would be.
    pub moved_bytes: u64,
    /// New volumes. A plan does not know them.
    pub uploaded: Vec<RemoteVolume>,
    /// Volumes that were deleted, or would be.
    pub deleted: Vec<RemoteVolume>,
    /// Volumes that nobody needs and that a later run deletes.
    pub retired: Vec<RemoteVolume>,
}

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
        let Opened {
            session,
            cache,
            mut listed,
        } = Opened::existing(store, Arc::clone(&monitor), cancel)?;
        let spool = cache.spool();
        let Some(format) = cache.format(&session, &listed)? else {
            return Ok(CompactStats::default());
        };
        let index = cache.index_for(&format, store)?;
        cache.spooled(&index)?;
        index.hold_deletions(false)?;
        let work = Compaction {
            session: &session,
            index: &index,
            format: &format,
            spool: &spool,
        };
        work.run(&mut listed, &[], options)
    })
}

/// Compacts after something else was done, which stays done: when versions are damaged, that is told and nothing more.
pub(crate) fn compact_afterwards(
    work: &Compaction<'_>,
    without: &[Timestamp],
    options: &CompactOptions,
) -> Result<Option<CompactStats>> {
    let session = work.session;
    let mut listed = Listed::completed(session, work.index)?;
    match work.run(&mut listed, without, options) {
        Ok(stats) => Ok(Some(stats)),
        Err(error) if is_unknown(&error) || matches!(error, Error::VolumesMissing { .. }) => {
            session.monitor().problem(Problem {
                subject: session.label(),
                kind: ProblemKind::NotCompacted(error.to_string()),
            });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What compacting works on.
pub(crate) struct Compaction<'a> {
    pub(crate) session: &'a Session,
    pub(crate) index: &'a Index,
    pub(crate) format: &'a Format,
    pub(crate) spool: &'a Path,
}

impl Compaction<'_> {
    /// Compacts as if the versions `without` were gone already.
    fn run(
        &self,
        listed: &mut Listed,
        without: &[Timestamp],
        options: &CompactOptions,
    ) -> Result<CompactStats> {
        let Self {
            session,
            index,
            format,
            spool,
        } = *self;
        session.monitor().phase(Phase::ReadingDestination);
        sync_volumes(session, index, listed, format, spool)?;
        let sources = SourceList::of_run_before(index)?.unwrap_or_default();
        load_newest_version(session, index, listed, format, spool, &sources)?;
        session.monitor().phase(Phase::Planning);
        let mut needs = Needs::new(session, index, format, spool)?;
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
            // Versions are gone, and nobody has seen yet that they are.
            return Ok(CompactStats::default());
        }

        let plan = Plan::new(&needs, options)?;
        index.set_needed(&plan.needed)?;
        let mut stats = plan.stats();
        if options.mode == Mode::Plan {
            let doomed = plan.doomed.iter().map(|volume| volume.id).collect();
            let doomed = with_dindexes(index, &doomed)?;
            stats.deleted = listed.with_parity(doomed.into_iter().map(RemoteVolume::from));
            return Ok(stats);
        }

        if !plan.rewritten.is_empty() {
            session.monitor().phase(Phase::Compacting);
            stats.uploaded = rewrite(self, &mut needs, &plan, options)?;
        }
        let mut listed = Listed::completed(session, index)?;
        let doomed = self.spare_what_is_needed(&mut needs, &mut listed, plan.doomed_ids())?;
        (stats.deleted, stats.retired) = self.dispose(&listed, &doomed, options)?;
        Ok(stats)
    }

    /// Which of `doomed` may go, judged by the destination as it is now.
    fn spare_what_is_needed(
        &self,
        needs: &mut Needs<'_>,
        listed: &mut Listed,
        mut doomed: HashSet<i64>,
    ) -> Result<HashSet<i64>> {
        sync_volumes(self.session, self.index, listed, self.format, self.spool)?;
        needs.add(listed, &[])?;
        loop {
            let ids: Vec<_> = doomed.iter().copied().collect();
            needs.usage().set_doomed(&ids)?;
            let indispensable = needs.usage().indispensable()?;
            if indispensable.is_empty() {
                return Ok(doomed);
            }
            for id in indispensable {
                doomed.remove(&id);
            }
        }
    }

    /// Notes volumes that nobody needs, with the index volumes that describe nothing else, and deletes those whose time has
    /// come. Returns what was deleted and what waits.
    fn dispose(
        &self,
        listed: &Listed,
        doomed: &HashSet<i64>,
        options: &CompactOptions,
    ) -> Result<(Vec<RemoteVolume>, Vec<RemoteVolume>)> {
        let (session, index) = (self.session, self.index);
        let now = options.now.as_second();
        let rows = with_dindexes(index, doomed)?;
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
        let deleted = delete_rows(session, index, listed, going)?;
        let waiting = listed.with_parity(waiting.into_iter().map(RemoteVolume::from));
        Ok((deleted, waiting))
    }

    /// Index volumes that describe one of these dblocks.
    fn describing(&self, rows: &[VolumeRow], dblocks: &HashSet<i64>) -> Result<HashSet<i64>> {
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
        &self,
        own: &HashSet<String>,
        options: &CompactOptions,
    ) -> Result<bool> {
        if self.index.holds_deletions()? {
            return Ok(false);
        }
        let noted = self.index.waste()?;
        let mut needs = Needs::new(self.session, self.index, self.format, self.spool)?;
        let mut listed = Listed::completed(self.session, self.index)?;
        let rows = self.index.volumes()?.into_iter();
        let doomed = rows
            .filter(|row| row.kind == VolumeKind::Dblock)
            .filter(|row| noted.contains_key(&row.name) || own.contains(&row.name))
            .map(|row| row.id)
            .collect();
        let doomed = self.spare_what_is_needed(&mut needs, &mut listed, doomed)?;
        let options = CompactOptions {
            disposal: Disposal::Now,
            ..options.clone()
        };
        let (deleted, _) = self.dispose(&listed, &doomed, &options)?;
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

/// What to do, decided once.
struct Plan {
    /// Volumes that are to go: all without anything needed, and those rewritten.
    doomed: Vec<VolumeUsage>,
    /// Of these the ones that hold something needed, those with the most waste first.
    rewritten: Vec<VolumeUsage>,
    /// What of them is written anew.
    moved_bytes: u64,
    /// Volumes that hold something needed.
    needed: Vec<i64>,
    used_bytes: u64,
    unused_bytes: u64,
}

impl Plan {
    fn doomed_ids(&self) -> HashSet<i64> {
        self.doomed.iter().map(|volume| volume.id).collect()
    }

    fn new(needs: &Needs<'_>, options: &CompactOptions) -> Result<Self> {
        let volumes = needs.usage().volumes()?;
        let used_bytes = volumes.iter().map(|volume| volume.used_bytes).sum();
        let unused_bytes: u64 = volumes.iter().map(|volume| volume.unused_bytes).sum();
        let (mut doomed, mut partly): (Vec<_>, Vec<_>) = volumes
            .into_iter()
            .partition(|volume| volume.used_bytes == 0);
        let needed = partly.iter().map(|volume| volume.id).collect();
        partly.retain(|volume| options.is_wasted(volume) || options.is_small(volume.size));
        if !options.is_worth_it(&partly, used_bytes + unused_bytes) {
            partly.clear();
        }
        partly.sort_by_key(|volume| std::cmp::Reverse(volume.unused_bytes));
        doomed.extend(partly.iter().cloned());
        let ids: Vec<_> = doomed.iter().map(|volume| volume.id).collect();
        needs.usage().set_doomed(&ids)?;
        Ok(Self {
            moved_bytes: needs.usage().bytes_to_move()?,
            doomed,
            rewritten: partly,
            needed,
            used_bytes,
            unused_bytes,
        })
    }

    fn stats(&self) -> CompactStats {
        CompactStats {
            used_bytes: self.used_bytes,
            unused_bytes: self.unused_bytes,
            downloaded: self
                .rewritten
                .iter()
                .map(|volume| RemoteVolume {
                    name: volume.name.clone(),
                    size: volume.size,
                })
                .collect(),
            moved_bytes: self.moved_bytes,
            ..CompactStats::default()
        }
    }
}

/// Deletes volumes, first those that come first.
pub(crate) fn delete_rows(
    session: &Session,
    index: &Index,
    listed: &Listed,
    rows: Vec<VolumeRow>,
) -> Result<Vec<RemoteVolume>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    session.monitor().phase(Phase::Deleting);
    // What was written in their place is there to stay.
    session.settle()?;
    let (mut ids, mut staying) = (Vec::new(), HashSet::new());
    let covers = index.covers()?;
    let deleted: Result<()> = rows.iter().try_for_each(|row| {
        session.check_cancelled()?;
        // What describes a volume that could not be deleted stays with it.
        let describes_staying =
            |(dindex, dblock): &(i64, String)| *dindex == row.id && staying.contains(dblock);
        if !staying.is_empty() && covers.iter().any(describes_staying) {
            return Ok(());
        }
        if delete_volume(session, listed, &row.name)? {
            ids.push(row.id);
        } else {
            staying.insert(row.name.clone());
        }
        Ok(())
    });
    // All in one pass, also when some could not be deleted.
    index.remove_volumes(&ids)?;
    deleted?;
    let gone: HashSet<i64> = ids.into_iter().collect();
    let gone = rows.into_iter().filter(|row| gone.contains(&row.id));
    Ok(listed.with_parity(gone.map(RemoteVolume::from)))
}

/// The doomed dblocks, then the dindexes that describe only these and dblocks that are gone.
pub(crate) fn with_dindexes(index: &Index, doomed: &HashSet<i64>) -> Result<Vec<VolumeRow>> {
    let confirmed = |row: &VolumeRow| row.state == VolumeState::Confirmed;
    let volumes: Vec<_> = index.volumes()?.into_iter().filter(confirmed).collect();
    let staying: HashSet<&str> = volumes
        .iter()
        .filter(|row| row.kind == VolumeKind::Dblock && !doomed.contains(&row.id))
        .map(|row| row.name.as_str())
        .collect();
    let mut covers: HashMap<i64, Vec<String>> = HashMap::new();
    for (dindex, dblock) in index.covers()? {
        covers.entry(dindex).or_default().push(dblock);
    }
    let is_useless = |row: &&VolumeRow| {
        let described = covers.get(&row.id);
        row.kind == VolumeKind::Dindex
            && described
                .is_some_and(|names| names.iter().all(|name| !staying.contains(name.as_str())))
    };
    let dblocks = volumes.iter().filter(|row| doomed.contains(&row.id));
    Ok(dblocks
        .chain(volumes.iter().filter(is_useless))
        .cloned()
        .collect())
}

impl From<VolumeRow> for RemoteVolume {
    fn from(row: VolumeRow) -> Self {
        Self {
            name: row.name,
            size: row.size,
        }
    }
}
