//! The spool: volumes that are being filled, and those on their way to the destination.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use coffer_database::{Index, VolumeKind, VolumeState};
use coffer_volume::archive::PreparedEntry;
use coffer_volume::dblock::DblockWriter;
use coffer_volume::dindex::{self, BlockRow};
use coffer_volume::{Encryption, Format, Hash, VolumeName};
use indexmap::IndexSet;
use jiff::Timestamp;

use crate::crash;
use crate::error::{Error, Result};
use crate::repository::cache::SpooledVolume;
use crate::repository::store::Store;

/// Smallest volume, in bytes, as Duplicati has it.
const MIN_VOLUME_SIZE: u64 = 1 << 20;

/// The spool folder and how volumes are written into it.
#[derive(Clone)]
pub(crate) struct Spool {
    folder: PathBuf,
    prefix: String,
    encryption: Encryption,
    format: Format,
    time: Timestamp,
    volume_size: u64,
}

impl Spool {
    pub(crate) fn new(
        folder: PathBuf,
        store: &Store,
        format: Format,
        time: Timestamp,
        volume_size: u64,
    ) -> Self {
        let volume_size = volume_size
            .max(MIN_VOLUME_SIZE)
            .max(2 * format.block_size());
        Self {
            folder,
            prefix: store.prefix().to_owned(),
            encryption: store.encryption(),
            format,
            time,
            volume_size,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    pub(crate) fn set_time(&mut self, time: Timestamp) {
        self.time = time;
    }

    pub(crate) fn create(&self, name: &VolumeName) -> Result<BufWriter<File>> {
        let path = self.folder.join(name.as_str());
        crash::point(&path, "before a volume is begun");
        let file = crash::room(&path)
            .and_then(|()| File::create(&path))
            .map_err(|source| Error::io("create", path, source))?;
        Ok(BufWriter::with_capacity(256 * 1024, file))
    }

    /// Makes sure that the file is on the disk before the index says so.
    pub(crate) fn close(&self, out: BufWriter<File>, name: &VolumeName) -> Result<()> {
        let failed = |source| self.write_failed(name, source);
        let file = out
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        crash::room(&self.folder).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        crash::point(&self.folder, "a volume is written");
        Ok(())
    }

    fn write_failed(&self, name: &VolumeName, source: std::io::Error) -> Error {
        Error::io("write", self.folder.join(name.as_str()), source)
    }

    /// Writing a volume fails only because the disk does.
    pub(crate) fn volume_failed(&self, name: &VolumeName, source: coffer_volume::Error) -> Error {
        match source {
            coffer_volume::Error::Io(source) => self.write_failed(name, source),
            source => Error::volume(name.as_str(), source),
        }
    }
}

/// Blocks in memory. Hash flooding is no threat: larger files slow a backup down just as well. A `HashSet` would
/// take twice the room while it grows.
pub(crate) type BlockSet = IndexSet<(Hash, u64), foldhash::fast::RandomState>;

/// The dblock that is being filled.
pub(crate) struct OpenVolume {
    name: VolumeName,
    writer: DblockWriter<BufWriter<File>>,
    rows: Vec<BlockRow>,
    lists: Vec<(Hash, Vec<u8>)>,
}

impl OpenVolume {
    pub(crate) fn create(spool: &Spool) -> Result<Self> {
        let name = VolumeName::new_dblock(&spool.prefix, &spool.encryption);
        let out = spool.create(&name)?;
        let writer = DblockWriter::create(out, &spool.format, &spool.encryption, spool.time)
            .map_err(|source| spool.volume_failed(&name, source))?;
        Ok(Self {
            name,
            writer,
            rows: Vec::new(),
            lists: Vec::new(),
        })
    }

    pub(crate) fn add(
        &mut self,
        spool: &Spool,
        hash: Hash,
        size: u64,
        entry: &PreparedEntry,
        blocklist: Option<Vec<u8>>,
    ) -> Result<()> {
        let written = self.writer.add(hash, entry);
        written.map_err(|source| spool.volume_failed(&self.name, source))?;
        self.rows.push(BlockRow { hash, size });
        self.lists.extend(blocklist.map(|data| (hash, data)));
        Ok(())
    }

    pub(crate) fn is_full(&self, spool: &Spool) -> bool {
        self.writer.archive_len() > spool.volume_size - spool.format.block_size()
    }

    /// Ends the dblock, writes its dindex, and notes both in the index as spooled. Returns their bytes, too.
    pub(crate) fn finish(mut self, spool: &Spool, index: &Index) -> Result<(SpooledVolume, u64)> {
        let dindex = VolumeName::new_dindex(&spool.prefix, &spool.encryption);
        let (out, digest) = self
            .writer
            .finish()
            .map_err(|source| spool.volume_failed(&self.name, source))?;
        spool.close(out, &self.name)?;
        let (out, index_digest) = dindex::write(
            spool.create(&dindex)?,
            &spool.format,
            &spool.encryption,
            spool.time,
            (&self.name, digest),
            &self.rows,
            &self.lists,
        )
        .map_err(|source| spool.volume_failed(&dindex, source))?;
        spool.close(out, &dindex)?;

        // In the order of the index, which therefore touches each of its pages once.
        self.rows.sort_unstable_by_key(|row| (row.hash, row.size));
        let spooled = VolumeState::Spooled;
        index.transaction(|index| {
            let (name, hash) = (self.name.as_str(), Some(digest.hash.as_bytes()));
            let id =
                index.put_volume(name, VolumeKind::Dblock, spooled, digest.size, hash, None)?;
            for row in &self.rows {
                index.add_block(id, row.hash.as_bytes(), row.size)?;
            }
            for (hash, data) in &self.lists {
                index.add_blocklist(hash.as_bytes(), data)?;
            }
            let (name, hash) = (dindex.as_str(), Some(index_digest.hash.as_bytes()));
            let size = index_digest.size;
            let dindex =
                index.put_volume(name, VolumeKind::Dindex, spooled, size, hash, Some(id))?;
            index.add_cover(dindex, self.name.as_str())?;
            Ok::<_, Error>(())
        })?;
        crash::point(&spool.folder, "a pair is noted as spooled");
        let pair = SpooledVolume {
            dblock: self.name.to_string(),
            dindex: dindex.to_string(),
        };
        Ok((pair, digest.size + index_digest.size))
    }
}
