//! What volumes say of their blocks, into the index.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;

use coffer_database::{Index, VolumeKind, VolumeState};
use coffer_volume::Format;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dindex::{BlockRow, DindexReader, IndexedVolume};

use crate::error::{Error, Result};
use crate::repository::local_facts::damaged_volumes;
use crate::repository::open_volume::open_volume;
use crate::repository::store::Store;
use crate::repository::volumes::ListedVolume;

/// Reads a dindex, and returns what it describes. `sizes` are those of the dblocks that are there.
pub(super) fn read_dindex(
    store: &Store,
    index: &Index,
    volume: &ListedVolume,
    path: &Path,
    format: &Format,
    sizes: &HashMap<&str, u64>,
) -> Result<Vec<IndexedVolume>> {
    let name = volume.name.as_str();
    let damaged = |source| Error::volume(name, source);
    let opened = open_volume(store, &volume.name, path)?;
    let mut reader = DindexReader::new(opened, format).map_err(damaged)?;
    let mut dblocks = Dblocks {
        index,
        sizes,
        damaged: damaged_volumes(index)?,
        ids: HashMap::new(),
    };
    let mut failure = SinkFailure::default();
    let read = reader.read_blocks(|dblock, row| failure.note(dblocks.add(dblock, row)));
    let described_volumes = failure.or(read, damaged)?;
    for described in &described_volumes {
        dblocks.conclude(described)?;
    }
    let mut failure = SinkFailure::default();
    let read = reader
        .read_blocklists(|hash, data| failure.note(index.add_blocklist(hash.as_bytes(), &data)));
    failure.or(read, damaged)?;
    let id = index.put_volume(
        name,
        VolumeKind::Dindex,
        VolumeState::Confirmed,
        volume.size,
        None,
        None,
    )?;
    for IndexedVolume { dblock, .. } in &described_volumes {
        index.add_cover(id, dblock)?;
        if !sizes.contains_key(dblock.as_str()) {
            index.set_may_be_damaged(true)?;
        }
    }
    Ok(described_volumes)
}

pub(super) fn read_dblock(
    store: &Store,
    index: &Index,
    volume: &ListedVolume,
    path: &Path,
    format: &Format,
) -> Result<()> {
    let name = volume.name.as_str();
    let opened = open_volume(store, &volume.name, path)?;
    let blocks = DblockReader::new(opened, format)
        .and_then(|mut reader| reader.scan())
        .map_err(|source| Error::volume(name, source))?;
    let state = VolumeState::Confirmed;
    let id = index.put_volume(name, VolumeKind::Dblock, state, volume.size, None, None)?;
    for (hash, size) in blocks {
        index.add_block(id, hash.as_bytes(), size)?;
    }
    Ok(())
}

/// The dblocks that a dindex describes and that are there.
struct Dblocks<'a> {
    index: &'a Index,
    sizes: &'a HashMap<&'a str, u64>,
    /// Only these themselves say what is left of them.
    damaged: HashSet<String>,
    /// Those that the dindex named so far.
    ids: HashMap<String, i64>,
}

impl Dblocks<'_> {
    /// A volume that is not there has no blocks; one that has is found under its own dindex.
    fn add(&mut self, dblock: &str, row: BlockRow) -> coffer_database::Result<()> {
        let Some(size) = self.size_of_believed(dblock) else {
            return Ok(());
        };
        let id = match self.ids.get(dblock) {
            Some(id) => *id,
            None => {
                let (kind, state) = (VolumeKind::Dblock, VolumeState::Confirmed);
                let id = self
                    .index
                    .put_volume(dblock, kind, state, size, None, None)?;
                self.ids.insert(dblock.to_owned(), id);
                id
            }
        };
        self.index.add_block(id, row.hash.as_bytes(), row.size)
    }

    fn conclude(&self, described: &IndexedVolume) -> Result<()> {
        let name = described.dblock.as_str();
        let (Some(size), Some(digest)) = (self.size_of_believed(name), described.digest) else {
            return Ok(());
        };
        if digest.size != size {
            // It was cut, or never came whole: only the volume itself says what is left.
            if let Some(id) = self.ids.get(name) {
                self.index.remove_volume(*id)?;
            }
            return Ok(());
        }
        let hash = Some(digest.hash.as_bytes());
        let (kind, state) = (VolumeKind::Dblock, VolumeState::Confirmed);
        self.index.put_volume(name, kind, state, size, hash, None)?;
        Ok(())
    }

    /// The size of a volume of which a dindex may say what it holds.
    fn size_of_believed(&self, dblock: &str) -> Option<u64> {
        let size = self.sizes.get(dblock).copied();
        size.filter(|_| !self.damaged.contains(dblock))
    }
}

/// What the index failed with, while a reader of volumes has words for its own failures alone.
#[derive(Default)]
struct SinkFailure(Option<coffer_database::Error>);

impl SinkFailure {
    fn note(&mut self, taken: coffer_database::Result<()>) -> coffer_volume::Result<()> {
        taken.map_err(|error| {
            self.0 = Some(error);
            coffer_volume::Error::Io(ErrorKind::Other.into())
        })
    }

    fn or<T>(
        self,
        read: coffer_volume::Result<T>,
        damaged: impl FnOnce(coffer_volume::Error) -> Error,
    ) -> Result<T> {
        match self.0 {
            Some(error) => Err(error.into()),
            None => read.map_err(damaged),
        }
    }
}
