//! Data volumes (`dblock`): one entry per block, named by the block's hash.

use std::io::Write;

use jiff::Timestamp;

use crate::archive::{ArchiveWriter, PreparedEntry, VolumeReader};
use crate::encryption::Encryption;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::manifest::{self, Format, Manifest};
use crate::sink::{Sink, VolumeDigest};

/// Writes a dblock.
pub struct DblockWriter<W: Write> {
    archive: ArchiveWriter<Sink<W>>,
    blocks: u64,
}

impl<W: Write> DblockWriter<W> {
    /// Writes the manifest.
    ///
    /// # Errors
    /// [`Error::Io`] when `out` fails.
    pub fn create(
        out: W,
        format: &Format,
        encryption: &Encryption,
        created: Timestamp,
    ) -> Result<Self> {
        let sink = Sink::new(out, format.file_hash(), encryption)?;
        let mut archive = ArchiveWriter::new(sink);
        let manifest = Manifest::new(format, created).encode();
        archive.add(manifest::ENTRY, &PreparedEntry::stored(manifest))?;
        Ok(Self { archive, blocks: 0 })
    }

    /// Adds a block that is not in this volume yet.
    ///
    /// # Errors
    /// [`Error::Io`] when the sink fails.
    pub fn add(&mut self, hash: Hash, block: &PreparedEntry) -> Result<()> {
        self.blocks += 1;
        self.archive.add(&hash.to_entry_name(), block)
    }

    /// Blocks added so far.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Bytes the archive would have if it ended now, encryption apart.
    pub fn archive_len(&self) -> u64 {
        self.archive.len()
    }

    /// Writes the directory and returns the sink with the length and hash of the whole volume.
    ///
    /// # Errors
    /// [`Error::Io`] when the sink fails.
    pub fn finish(self) -> Result<(W, VolumeDigest)> {
        self.archive.finish()?.finish()
    }
}

/// Reads blocks out of a dblock.
pub struct DblockReader {
    volume: VolumeReader,
    format: Format,
}

impl DblockReader {
    /// # Errors
    /// [`Error::FormatMismatch`] when the volume was written with other settings.
    pub fn new(volume: VolumeReader, format: &Format) -> Result<Self> {
        volume.expect_format(format)?;
        Ok(Self {
            volume,
            format: format.clone(),
        })
    }

    /// Entries of the volume, its blocks and its manifest.
    pub fn entries(&self) -> usize {
        self.volume.len()
    }

    /// Position of a block among the others; reading in this order is one pass, whatever the container.
    pub fn position(&self, hash: Hash) -> Option<usize> {
        self.volume.find(&hash.to_entry_name())
    }

    /// Reads one block and checks it against its hash.
    ///
    /// # Errors
    /// [`Error::MissingEntry`] when it is not here, [`Error::DamagedBlock`] when its content is not what it was.
    pub fn read(&mut self, hash: Hash) -> Result<Vec<u8>> {
        let name = hash.to_entry_name();
        let damaged = || Error::DamagedBlock {
            hash: hash.to_base64(),
        };
        let data = match self.volume.read(&name, self.format.block_size()) {
            Err(Error::Malformed { .. }) => return Err(damaged()),
            other => other?,
        };
        if self.format.block_hash().digest(&data) != hash {
            return Err(damaged());
        }
        Ok(data)
    }

    /// Hash and size of every block, by reading them all; for volumes that no dindex describes.
    ///
    /// Blocks whose content does not match their name are left out; of two with the same name the one that
    /// [`DblockReader::read`] reads counts.
    ///
    /// # Errors
    /// [`Error::Io`] when the volume cannot be read.
    pub fn scan(&mut self) -> Result<Vec<(Hash, u64)>> {
        self.scan_part(0, 1)
    }

    /// The same for one of `parts` parts of the volume, which can be read in parallel, each with its own reader.
    ///
    /// # Errors
    /// [`Error::Io`] when the volume cannot be read.
    pub fn scan_part(&mut self, part: usize, parts: usize) -> Result<Vec<(Hash, u64)>> {
        let entries = self.entries();
        let len = entries.div_ceil(parts.max(1));
        let mut found = Vec::new();
        for index in (part * len).min(entries)..((part + 1) * len).min(entries) {
            let name = self.volume.name(index).unwrap_or_default();
            // The manifest's name is not a hash.
            let Ok(hash) = Hash::from_entry_name(&name) else {
                continue;
            };
            if self.position(hash) != Some(index) {
                continue;
            }
            match self.volume.read_index(index, self.format.block_size()) {
                Ok(data) if self.format.block_hash().digest(&data) == hash => {
                    found.push((hash, data.len() as u64));
                }
                Err(Error::Io(source)) => return Err(Error::Io(source)),
                _ => {}
            }
        }
        Ok(found)
    }
}
