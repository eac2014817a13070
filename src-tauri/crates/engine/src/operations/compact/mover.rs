//! Rewriting what is still needed of volumes that go.

use std::collections::HashSet;

use coffer_database::{Index, Usage, VolumeUsage};
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::dblock::DblockReader;
use coffer_volume::{Hash, VolumeName};
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::operations::compact::options::CompactOptions;
use crate::operations::compact::plan::Plan;
use crate::repository::cache::SpooledVolume;
use crate::repository::needs::Needs;
use crate::repository::open::Repository;
use crate::repository::open_volume::open_volume;
use crate::repository::session::Session;
use crate::repository::spool::{OpenVolume, Spool};
use crate::repository::upload::upload_pair;
use crate::repository::volumes::RemoteVolume;

/// Finished volumes that may wait for their upload.
const WAITING_VOLUMES: usize = 2;

/// Writes what is needed of the plan's volumes into new ones and uploads these.
pub(super) fn rewrite(
    repository: Repository<'_>,
    needs: &mut Needs<'_>,
    plan: &Plan,
    options: &CompactOptions,
) -> Result<Vec<RemoteVolume>> {
    let Repository {
        session,
        index,
        format,
        spool,
    } = repository;
    let before: HashSet<String> = index.volumes()?.into_iter().map(|row| row.name).collect();
    let spool = Spool::new(
        spool.to_owned(),
        session.store(),
        format.clone(),
        options.now,
        options.volume_size,
    );
    let (mover_index, upload_index) = (index.handle(), index.handle());
    let upload_spool = spool.clone();
    let checkpoints = options.checkpoints.clone();
    let rewritten = plan.rewritten.clone();
    let usage = needs.take_usage()?;
    let (method, level) = (options.compression_method, options.compression_level);
    let usage = session.pipe(
        WAITING_VOLUMES,
        options.parallel_uploads.max(1),
        move |session, sender| {
            let mut mover = Mover {
                session,
                index: mover_index.open()?,
                spool,
                sender,
                usage,
                compressor: BlockCompressor::with_method(method, level),
                open: None,
            };
            // One transaction for all: thousands of blocks move in a moment.
            mover.usage.begin()?;
            for volume in rewritten {
                mover.move_blocks(&volume)?;
            }
            mover.finish()
        },
        move |session, pair| {
            let index = upload_index.open()?;
            upload_pair(session, &index, upload_spool.folder(), &pair, &checkpoints)
        },
    )?;
    needs.put_usage(usage);
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
    /// Knows which blocks of which volume move.
    usage: Usage,
    spool: Spool,
    sender: mpsc::Sender<SpooledVolume>,
    compressor: BlockCompressor,
    open: Option<OpenVolume>,
}

impl Mover<'_> {
    /// What cannot be read stays where it is, and its volume with it.
    fn move_blocks(&mut self, volume: &VolumeUsage) -> Result<()> {
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
            Err(error) => return self.session.report_unusable(&volume.name, error),
        };
        let mut blocks = self.usage.blocks_to_move(volume.id)?;
        blocks.sort_by_cached_key(|block| {
            Hash::from_bytes(&block.hash)
                .ok()
                .and_then(|hash| reader.position(hash))
        });
        for block in blocks {
            let Ok(hash) = Hash::from_bytes(&block.hash) else {
                continue;
            };
            if self.usage.is_moved(&block)? {
                continue;
            }
            self.session.check_cancelled()?;
            let data = reader
                .read(hash)
                .map_err(|source| Error::volume(name.as_str(), source));
            match data {
                Ok(data) if data.len() as u64 == block.size => {
                    self.add(hash, data)?;
                    self.usage.set_moved(&block)?;
                }
                // Another block than the one that is needed.
                Ok(_) => {}
                Err(error) => self.session.report_unusable(&volume.name, error)?,
            }
        }
        self.session.monitor().done(1, volume.size, &volume.name);
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
        if open.is_full(&self.spool) {
            return self.send(open);
        }
        self.open = Some(open);
        Ok(())
    }

    /// Gives back what knows which blocks are needed.
    fn finish(mut self) -> Result<Usage> {
        if let Some(open) = self.open.take() {
            self.send(open)?;
        }
        self.usage.commit()?;
        Ok(self.usage)
    }

    fn send(&mut self, open: OpenVolume) -> Result<()> {
        let (pair, _) = open.finish(&self.spool, &self.index)?;
        self.sender
            .blocking_send(pair)
            .map_err(|_| Error::Cancelled)
    }
}
