//! Volumes to blocks: each volume once, and another one when it is damaged.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use coffer_database::{RestorePlan, WantedBlock};
use coffer_volume::dblock::DblockReader;
use coffer_volume::{Format, Hash, VolumeName};
use crossbeam_channel::{Sender, bounded};

use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::reasons::ReadFailure;
use crate::repository::open::Repository;
use crate::repository::open_volume::open_volume;
use crate::repository::session::{LocalVolume, Session};
use crate::repository::store::Store;
use crate::repository::volumes::ListedVolume;
use crate::threads::{join, spawn};

/// Bytes of blocks that are handed on together, because one by one takes longer than writing small files.
const BATCH_BYTES: usize = 1 << 20;
/// Blocks that are handed on together.
const BATCH_BLOCKS: usize = 64;
/// Bytes of blocks that may be read ahead, as a rule; one batch at least.
const READ_AHEAD_BYTES: u64 = 16 << 20;

/// Blocks that were read out of a volume.
type Batch = Vec<(WantedBlock, Vec<u8>)>;

/// Downloads the volumes that hold open blocks of `plan` and hands each block, verified, to `take`.
///
/// A volume that cannot be read is reported, and its blocks are looked for in others. Blocks that are in none stay open.
pub(crate) fn fetch_blocks(
    repository: Repository<'_>,
    plan: &RestorePlan,
    mut take: impl FnMut(&WantedBlock, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let Repository { session, spool, .. } = repository;
    loop {
        session.check_cancelled()?;
        plan.assign_volumes()?;
        let mut ids = Vec::new();
        let mut volumes = Vec::new();
        for (id, name, size) in plan.volumes()? {
            match VolumeName::parse(&name) {
                Some(name) => {
                    ids.push((name.to_string(), id));
                    volumes.push(ListedVolume { name, size });
                }
                None => plan.volume_failed(id)?,
            }
        }
        if volumes.is_empty() {
            return Ok(());
        }
        ids.sort();
        session.fetch_all(&volumes, spool, |volume, path| {
            let position =
                ids.binary_search_by(|(name, _)| name.as_str().cmp(volume.name.as_str()));
            let Ok(id) = position.map(|position| ids[position].1) else {
                return Ok(());
            };
            read_volume(repository, plan, (id, volume), path, &mut take)
        })?;
    }
}

fn read_volume(
    repository: Repository<'_>,
    plan: &RestorePlan,
    (id, volume): (i64, &ListedVolume),
    path: Result<LocalVolume>,
    take: &mut impl FnMut(&WantedBlock, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let Repository {
        session, format, ..
    } = repository;
    // A copy goes away with its path, so that stays until the end.
    let path = match path {
        Ok(path) => path,
        Err(error) => return give_up(session, plan, id, volume.name.as_str(), error),
    };
    let wanted = plan.wanted_of(id)?;
    let largest_batch = format.block_size() + BATCH_BYTES as u64;
    let (sender, batches) = bounded((READ_AHEAD_BYTES / largest_batch).max(1) as usize);
    let read = thread::scope(|scope| {
        let reading = {
            let path = &*path;
            let read = move || read_blocks(session.store(), format, volume, path, wanted, &sender);
            spawn(scope, "blocks", read)?
        };
        let taken: Result<()> = plan.transaction(|_| {
            for (block, data) in batches.into_iter().flatten() {
                session.check_cancelled()?;
                take(&block, data)?;
            }
            Ok(())
        });
        let read = join(reading);
        taken.map(|()| read)
    })?;
    let failures = match read {
        Ok(failures) => failures,
        Err(error) => return give_up(session, plan, id, volume.name.as_str(), error),
    };
    plan.volume_done(id, &failures.blocks)?;
    let Some(why) = failures.why else {
        return Ok(());
    };
    let subject = volume.name.to_string();
    session.monitor().problem(Problem {
        subject,
        kind: ProblemKind::VolumeUnusable { why, is_lost: true },
    });
    Ok(plan.volume_failed(id)?)
}

/// Blocks that could not be read out of a volume.
#[derive(Default)]
struct Failures {
    blocks: Vec<WantedBlock>,
    /// Why the last of them could not be read.
    why: Option<ReadFailure>,
}

/// Reads, decrypts, unpacks and verifies blocks in the order of the volume, while others are written.
///
/// Ends when the receiver of blocks is gone.
fn read_blocks(
    store: &Store,
    format: &Format,
    volume: &ListedVolume,
    path: &Path,
    mut wanted: Vec<WantedBlock>,
    sender: &Sender<Batch>,
) -> Result<Failures> {
    let opened = open_volume(store, &volume.name, path)?;
    let mut reader = DblockReader::new(opened, format)
        .map_err(|source| Error::volume(volume.name.as_str(), source))?;
    wanted.sort_by_cached_key(|block| {
        Hash::from_bytes(&block.hash)
            .ok()
            .and_then(|hash| reader.position(hash))
    });
    let mut failures = Failures::default();
    let (mut batch, mut bytes) = (Batch::new(), 0);
    for block in wanted {
        let why = match Hash::from_bytes(&block.hash).map(|hash| reader.read(hash)) {
            Ok(Ok(data)) if data.len() as u64 == block.size => {
                bytes += data.len();
                batch.push((block, data));
                if bytes >= BATCH_BYTES || batch.len() >= BATCH_BLOCKS {
                    bytes = 0;
                    if sender.send(std::mem::take(&mut batch)).is_err() {
                        return Ok(failures);
                    }
                }
                continue;
            }
            Ok(Ok(_)) => ReadFailure::BlockOfOtherSize,
            Ok(Err(coffer_volume::Error::Io(source))) => {
                return Err(Error::io("read", spool_name(volume), source));
            }
            Ok(Err(error)) | Err(error) => ReadFailure::Damaged(Arc::new(error)),
        };
        failures.blocks.push(block);
        failures.why = Some(why);
    }
    // Without a receiver they are not needed.
    let _ = sender.send(batch);
    Ok(failures)
}

/// Damage and absence are reported and survived; a lost connection, say, is not.
fn give_up(session: &Session, plan: &RestorePlan, id: i64, name: &str, error: Error) -> Result<()> {
    session.report_unusable(name, error)?;
    Ok(plan.volume_failed(id)?)
}

fn spool_name(volume: &ListedVolume) -> std::path::PathBuf {
    volume.name.as_str().into()
}
