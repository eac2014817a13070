//! Compact: giving back the space of blocks that no version needs.
//!
//! Volumes that hold nothing needed are deleted. Those that hold too little of it, or are too small, are read, what is
//! needed of them goes into new volumes, and only when these have arrived are the old ones deleted. Right before that
//! the destination is listed again, and what versions that appeared meanwhile need is spared.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use coffer_database::{Index, VolumeKind, VolumeRow, VolumeState, VolumeUsage};
use coffer_destination::Error as DestinationError;
use coffer_volume::archive::{BlockCompressor, CompressionMethod, Hint};
use coffer_volume::dblock::DblockReader;
use coffer_volume::{Format, Hash, VolumeName};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::delete::{Mode, RemoteVolume, delete_volume};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::session::Session;
use crate::spool::{Checkpoints, OpenVolume, Spool, upload_pair};
use crate::store::{
    Listed, Opened, SpooledVolume, Store, load_newest_version, open_volume, sync_volumes,
};
use crate::usage::Needs;

/// Finished volumes that may wait for their upload.
const WAITING_VOLUMES: usize = 2;

/// When compacting is worth the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactThresholds {
    /// Percent of waste from which a volume, and the whole, is worth it (`--threshold`).
    pub percent: u64,
    /// Volumes of at most so many bytes are small (`--small-file-size`); `None` is a fifth of the volume size.
    pub small_file_size: Option<u64>,
    /// More small volumes than this are merged (`--small-file-max-count`).
    pub small_file_max_count: u64,
}

impl Default for CompactThresholds {
    fn default() -> Self {
        Self {
            percent: 25,
            small_file_size: None,
            small_file_max_count: 20,
        }
    }
}

/// When and how to compact.
#[derive(Clone)]
pub struct CompactOptions {
    /// See [`CompactThresholds`].
    pub thresholds: CompactThresholds,
    /// Bytes of a volume (`--dblock-size`).
    pub volume_size: u64,
    /// How what is written is compressed.
    pub compression_method: CompressionMethod,
    /// 0 to 9.
    pub compression_level: u32,
    /// Volumes uploaded at the same time.
    pub parallel_uploads: usize,
    /// Remembers uploads that were cut off.
    pub checkpoints: Checkpoints,
    /// What new volumes state as their time.
    pub now: Timestamp,
    /// See [`Mode`].
    pub mode: Mode,
}

impl CompactOptions {
    /// Duplicati's defaults for volumes of `volume_size` bytes.
    pub fn new(volume_size: u64, now: Timestamp) -> Self {
        Self {
            thresholds: CompactThresholds::default(),
            volume_size,
            compression_method: CompressionMethod::default(),
            compression_level: 6,
            parallel_uploads: 4,
            checkpoints: Checkpoints::None,
            now,
            mode: Mode::Run,
        }
    }

    pub(crate) fn is_small(&self, size: u64) -> bool {
        let limit = self.thresholds.small_file_size;
        size <= limit.unwrap_or(self.volume_size / 5)
    }

    /// Whether volumes of these sizes are worth merging, whatever is in them.
    pub(crate) fn are_too_small(&self, sizes: impl Iterator<Item = u64>) -> bool {
        let (mut count, mut total) = (0, 0_u64);
        for size in sizes.filter(|size| self.is_small(*size)) {
            count += 1;
            total = total.saturating_add(size);
        }
        // One alone would be written anew and be as small.
        count > 1 && (total > self.volume_size || count > self.thresholds.small_file_max_count)
    }
}

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
}

/// Compacts the backup in `store`.
///
/// # Errors
/// [`Error::VolumesMissing`] and [`Error::DataMissing`] when versions are damaged; then nothing is changed.
pub fn compact(
    store: &Store,
    options: &CompactOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<CompactStats> {
    let Opened {
        session,
        cache,
        listed,
    } = Opened::existing(store, monitor, cancel)?;
    let spool = cache.spool();
    let Some(format) = listed.format(&session, &spool)? else {
        return Ok(CompactStats::default());
    };
    let index = cache.index_for(&format, store)?;
    cache.spooled(&index)?;
    compact_listed(&session, &index, &format, &spool, &listed, &[], options)
}

/// Compacts after something else was done, which stays done: when versions are damaged, that is told and nothing more.
pub(crate) fn compact_afterwards(
    session: &Session,
    index: &Index,
    format: &Format,
    spool: &Path,
    without: &[Timestamp],
    options: &CompactOptions,
) -> Result<Option<CompactStats>> {
    let listed = Listed::of(session)?;
    match compact_listed(session, index, format, spool, &listed, without, options) {
        Ok(stats) => Ok(Some(stats)),
        Err(error @ (Error::DataMissing { .. } | Error::VolumesMissing { .. })) => {
            session.monitor().problem(Problem {
                subject: session.label(),
                kind: ProblemKind::NotCompacted(error.to_string()),
            });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Compacts as if the versions `without` were gone already.
pub(crate) fn compact_listed(
    session: &Session,
    index: &Index,
    format: &Format,
    spool: &Path,
    listed: &Listed,
    without: &[Timestamp],
    options: &CompactOptions,
) -> Result<CompactStats> {
    session.monitor().phase(Phase::ReadingDestination);
    sync_volumes(session, index, listed, format, spool)?;
    load_newest_version(session, index, listed, spool)?;
    session.monitor().phase(Phase::Planning);
    let mut needs = Needs::new(session, index, format, spool)?;
    needs.add(listed, without)?;
    let missing = needs.usage().missing_blocks()?;
    if missing > 0 {
        return Err(Error::DataMissing {
            destination: session.label(),
            blocks: missing,
        });
    }

    let plan = Plan::new(&needs, options)?;
    let mut stats = plan.stats();
    if options.mode == Mode::Plan {
        let doomed = plan.doomed.iter().map(|volume| volume.id).collect();
        let doomed = with_dindexes(index, &doomed)?;
        stats.deleted = listed.with_parity(doomed.into_iter().map(RemoteVolume::from));
        return Ok(stats);
    }

    if !plan.rewritten.is_empty() {
        session.monitor().phase(Phase::Compacting);
        stats.uploaded = rewrite(session, index, format, spool, &plan, options)?;
    }
    let doomed = spare_what_is_needed(session, &mut needs, index, format, spool, &plan)?;
    stats.deleted = delete_unneeded(session, index, listed, &doomed)?;
    Ok(stats)
}

/// What to do, decided once.
struct Plan {
    /// Volumes that are to go: all without anything needed, and those rewritten.
    doomed: Vec<VolumeUsage>,
    /// Of these the ones that hold something needed, those with the most waste first, with the blocks to move.
    rewritten: Vec<(VolumeUsage, Vec<coffer_database::BlockRow>)>,
    used_bytes: u64,
    unused_bytes: u64,
}

impl Plan {
    fn new(needs: &Needs<'_>, options: &CompactOptions) -> Result<Self> {
        let volumes = needs.usage().volumes()?;
        let used_bytes = volumes.iter().map(|volume| volume.used_bytes).sum();
        let unused_bytes: u64 = volumes.iter().map(|volume| volume.unused_bytes).sum();
        let (mut doomed, mut partly): (Vec<_>, Vec<_>) = volumes
            .into_iter()
            .partition(|volume| volume.used_bytes == 0);
        partly.retain(|volume| options.is_wasted(volume) || options.is_small(volume.size));
        if !options.is_worth_it(&partly, used_bytes + unused_bytes) {
            partly.clear();
        }
        partly.sort_by_key(|volume| std::cmp::Reverse(volume.unused_bytes));
        doomed.extend(partly.iter().cloned());
        let ids: Vec<_> = doomed.iter().map(|volume| volume.id).collect();
        needs.usage().set_doomed(&ids)?;
        let mut rewritten = Vec::new();
        for volume in partly {
            let blocks = needs.usage().blocks_to_move(volume.id)?;
            rewritten.push((volume, blocks));
        }
        Ok(Self {
            doomed,
            rewritten,
            used_bytes,
            unused_bytes,
        })
    }

    fn stats(&self) -> CompactStats {
        let blocks = self.rewritten.iter().flat_map(|(_, blocks)| blocks);
        CompactStats {
            used_bytes: self.used_bytes,
            unused_bytes: self.unused_bytes,
            downloaded: self
                .rewritten
                .iter()
                .map(|(volume, _)| RemoteVolume {
                    name: volume.name.clone(),
                    size: volume.size,
                })
                .collect(),
            moved_bytes: blocks.map(|block| block.size).sum(),
            ..CompactStats::default()
        }
    }
}

impl CompactOptions {
    fn is_wasted(&self, volume: &VolumeUsage) -> bool {
        let all = volume.used_bytes + volume.unused_bytes;
        let percent = self.thresholds.percent;
        volume.unused_bytes > 0
            && (is_at_least(volume.unused_bytes, percent, all)
                || is_at_least(volume.unused_bytes, percent, self.volume_size))
    }

    fn is_worth_it(&self, candidates: &[VolumeUsage], all_bytes: u64) -> bool {
        let wasted = || candidates.iter().filter(|volume| self.is_wasted(volume));
        let waste = wasted().map(|volume| volume.unused_bytes).sum();
        let has_waste =
            wasted().count() >= 2 && is_at_least(waste, self.thresholds.percent, all_bytes);
        has_waste || self.are_too_small(candidates.iter().map(|volume| volume.size))
    }
}

/// Whether `part` is at least so many percent of `whole`.
fn is_at_least(part: u64, percent: u64, whole: u64) -> bool {
    u128::from(part) * 100 >= u128::from(percent) * u128::from(whole)
}

/// Writes what is needed of the plan's volumes into new ones and uploads these.
fn rewrite(
    session: &Session,
    index: &Index,
    format: &Format,
    spool: &Path,
    plan: &Plan,
    options: &CompactOptions,
) -> Result<Vec<RemoteVolume>> {
    let before: HashSet<String> = index.volumes()?.into_iter().map(|row| row.name).collect();
    let spool = Spool::new(
        spool.to_owned(),
        session.store(),
        format.clone(),
        options.now,
        options.volume_size,
    );
    let index_path = index.path().to_owned();
    let (upload_path, upload_spool) = (index_path.clone(), spool.clone());
    let checkpoints = options.checkpoints.clone();
    let rewritten = plan.rewritten.clone();
    let (method, level) = (options.compression_method, options.compression_level);
    session.pipe(
        WAITING_VOLUMES,
        options.parallel_uploads.max(1),
        move |session, sender| {
            let mut mover = Mover {
                session,
                index: Index::open(&index_path)?,
                spool,
                sender,
                compressor: BlockCompressor::with_method(method, level),
                open: None,
                moved: HashSet::new(),
            };
            for (volume, blocks) in rewritten {
                mover.move_blocks(&volume, &blocks)?;
            }
            mover.finish()
        },
        move |session, pair| {
            let index = Index::open(&upload_path)?;
            upload_pair(session, &index, upload_spool.folder(), &pair, &checkpoints)
        },
    )?;
    let new = index.volumes()?.into_iter();
    Ok(new
        .filter(|row| !before.contains(&row.name))
        .map(RemoteVolume::from)
        .collect())
}

/// Copies blocks from old volumes into new ones.
struct Mover<'a> {
    session: &'a Session,
    index: Index,
    spool: Spool,
    sender: mpsc::Sender<SpooledVolume>,
    compressor: BlockCompressor,
    open: Option<OpenVolume>,
    moved: HashSet<(Hash, u64)>,
}

impl Mover<'_> {
    /// What cannot be read stays where it is, and its volume with it.
    fn move_blocks(
        &mut self,
        volume: &VolumeUsage,
        blocks: &[coffer_database::BlockRow],
    ) -> Result<()> {
        let Some(name) = VolumeName::parse(&volume.name) else {
            return Ok(());
        };
        self.session.check_cancelled()?;
        let opened = self
            .session
            .fetch(name.as_str(), self.spool.folder())
            .and_then(|path| {
                let opened = open_volume(self.session.store(), &name, &path)?;
                let reader = DblockReader::new(opened, self.spool.format())
                    .map_err(|source| Error::volume(name.as_str(), source))?;
                Ok((path, reader))
            });
        let (_path, mut reader) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.tell(&volume.name, error),
        };
        let mut blocks: Vec<_> = blocks.iter().collect();
        blocks.sort_by_cached_key(|block| {
            Hash::from_bytes(&block.hash)
                .ok()
                .and_then(|hash| reader.position(hash))
        });
        for block in blocks {
            let Ok(hash) = Hash::from_bytes(&block.hash) else {
                continue;
            };
            if self.moved.contains(&(hash, block.size)) {
                continue;
            }
            self.session.check_cancelled()?;
            let data = reader
                .read(hash)
                .map_err(|source| Error::volume(name.as_str(), source));
            match data {
                Ok(data) if data.len() as u64 == block.size => self.add(hash, data)?,
                // Another block than the one that is needed.
                Ok(_) => {}
                Err(error) => self.tell(&volume.name, error)?,
            }
        }
        self.session.monitor().done(1, volume.size, &volume.name);
        Ok(())
    }

    fn tell(&self, volume: &str, error: Error) -> Result<()> {
        let why = match error {
            Error::Volume { source, .. } => source.to_string(),
            Error::WrongPassphrase { .. } => "its passphrase is another".to_owned(),
            Error::Destination(error @ DestinationError::Corrupted { .. }) => error.to_string(),
            other => return Err(other),
        };
        self.session.monitor().problem(Problem {
            subject: volume.to_owned(),
            kind: ProblemKind::VolumeUnusable(why),
        });
        Ok(())
    }

    fn add(&mut self, hash: Hash, data: Vec<u8>) -> Result<()> {
        let size = data.len() as u64;
        let is_list = self.index.blocklist(hash.as_bytes())?.is_some();
        let (hint, list) = if is_list {
            (Hint::Store, Some(data.clone()))
        } else {
            (Hint::Compress, None)
        };
        let entry = self.compressor.prepare(data, hint);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => OpenVolume::create(&self.spool)?,
        };
        open.add(&self.spool, hash, size, &entry, list)?;
        self.moved.insert((hash, size));
        if open.is_full(&self.spool) {
            return self.send(open);
        }
        self.open = Some(open);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        match self.open.take() {
            Some(open) => self.send(open),
            None => Ok(()),
        }
    }

    fn send(&mut self, open: OpenVolume) -> Result<()> {
        let (pair, _) = open.finish(&self.spool, &self.index)?;
        self.sender
            .blocking_send(pair)
            .map_err(|_| Error::Cancelled)
    }
}

/// The plan's volumes that may go, judged by the destination as it is now.
fn spare_what_is_needed(
    session: &Session,
    needs: &mut Needs<'_>,
    index: &Index,
    format: &Format,
    spool: &Path,
    plan: &Plan,
) -> Result<HashSet<i64>> {
    let listed = Listed::of(session)?;
    sync_volumes(session, index, &listed, format, spool)?;
    needs.add(&listed, &[])?;
    let mut doomed: HashSet<i64> = plan.doomed.iter().map(|volume| volume.id).collect();
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

/// Deletes volumes and the index volumes that describe nothing else, in this order.
pub(crate) fn delete_unneeded(
    session: &Session,
    index: &Index,
    listed: &Listed,
    doomed: &HashSet<i64>,
) -> Result<Vec<RemoteVolume>> {
    let rows = with_dindexes(index, doomed)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    session.monitor().phase(Phase::Deleting);
    let mut deleted = Vec::new();
    for row in rows {
        session.check_cancelled()?;
        delete_volume(session, listed, &row.name)?;
        index.remove_volume(row.id)?;
        deleted.push(row.into());
    }
    Ok(listed.with_parity(deleted))
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
