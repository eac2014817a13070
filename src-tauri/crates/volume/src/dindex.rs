//! Index volumes (`dindex`): which blocks a dblock holds.
//!
//! `vol/<dblock name>` lists hash and size of each block and the dblock's own length and hash; `list/<hash>` holds
//! copies of the blocklists among the blocks. With these a local database is rebuilt without downloading data.
//!
//! The JSON of `vol/` is read by position in Duplicati: members stand in exactly this order, without a BOM:
//! `{"blocks":[{"hash":…,"size":…},…],"volumehash":…,"volumesize":…}`.

use std::fmt;
use std::io::{Read, Write};

use jiff::Timestamp;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::archive::{ArchiveWriter, BlockCompressor, Hint, PreparedEntry, VolumeReader};
use crate::defect::Structure;
use crate::encryption::Encryption;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::manifest::{self, BOM, Format, Manifest};
use crate::name::VolumeName;
use crate::sink::{Sink, VolumeDigest};

/// Bytes that a row of a `vol/` takes beside its hash, its size having seven digits.
const ROW_MEMBERS: usize = r#"{"hash":"","size":1234567},"#.len();

/// One block of a dblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRow {
    /// Block hash.
    pub hash: Hash,
    /// Bytes.
    pub size: u64,
}

/// Writes a dindex for one dblock that is finished.
///
/// `blocks` are all blocks of the dblock, blocklists and metadata included; `blocklists` are hash and content of
/// those among them that are blocklists.
///
/// # Errors
/// [`Error::Io`] when `out` fails.
pub fn write<W: Write>(
    out: W,
    format: &Format,
    encryption: &Encryption,
    created: Timestamp,
    dblock: (&VolumeName, VolumeDigest),
    blocks: &[BlockRow],
    blocklists: &[(Hash, Vec<u8>)],
) -> Result<(W, VolumeDigest)> {
    #[derive(Serialize)]
    struct Vol<'a> {
        blocks: &'a [BlockRow],
        volumehash: Hash,
        volumesize: u64,
    }

    let mut archive = ArchiveWriter::new(Sink::new(out, format.file_hash(), encryption)?);
    let manifest = Manifest::new(format, created).encode();
    archive.add(manifest::ENTRY, &PreparedEntry::stored(manifest))?;
    for (hash, data) in blocklists {
        let entry = PreparedEntry::stored(data.clone());
        archive.add(&format!("list/{}", hash.to_entry_name()), &entry)?;
    }
    let (name, digest) = dblock;
    let vol = Vol {
        blocks,
        volumehash: digest.hash,
        volumesize: digest.size,
    };
    let hash_len = format.block_hash().output_len().div_ceil(3) * 4;
    let mut json = Vec::with_capacity(blocks.len() * (hash_len + ROW_MEMBERS));
    serde_json::to_writer(&mut json, &vol).expect("plain structs serialize into memory");
    let entry = BlockCompressor::new(6).prepare(json, Hint::Compress);
    archive.add(&format!("vol/{name}"), &entry)?;
    archive.finish()?.finish()
}

/// What a dindex says about one dblock, apart from the blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedVolume {
    /// Name of the dblock.
    pub dblock: String,
    /// Its length and hash; old writers left them out.
    pub digest: Option<VolumeDigest>,
}

/// Reads a dindex.
pub struct DindexReader {
    volume: VolumeReader,
    format: Format,
}

impl DindexReader {
    /// # Errors
    /// [`Error::FormatMismatch`] when the volume was written with other settings.
    pub fn new(volume: VolumeReader, format: &Format) -> Result<Self> {
        volume.expect_format(format)?;
        Ok(Self {
            volume,
            format: format.clone(),
        })
    }

    /// Calls `sink` with the dblock's name and each of its blocks, dblock after dblock.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the JSON is not what the format says, and whatever `sink` returns.
    pub fn read_blocks(
        &mut self,
        mut sink: impl FnMut(&str, BlockRow) -> Result<()>,
    ) -> Result<Vec<IndexedVolume>> {
        let mut volumes = Vec::new();
        for index in 0..self.volume.len() {
            let name = self.volume.name(index).unwrap_or_default();
            let Some(dblock) = name.strip_prefix("vol/") else {
                continue;
            };
            let block_size = self.format.block_size();
            let mut failure = None;
            let text = skip_bom(self.volume.entry(index)?)?;
            let mut json = serde_json::Deserializer::from_reader(text);
            let seed = VolSeed {
                row: &mut |row| {
                    if row.size == 0 || row.size > block_size {
                        return false;
                    }
                    sink(dblock, row)
                        .map_err(|error| failure = Some(error))
                        .is_ok()
                },
            };
            // Only at its end is an entry compared with its checksum.
            let parsed = seed
                .deserialize(&mut json)
                .and_then(|parsed| json.end().map(|()| parsed));
            if let Some(error) = failure {
                return Err(error);
            }
            let (hash, size) =
                parsed.map_err(|error| Error::undecodable(Structure::IndexVolume, &error))?;
            let digest = hash
                .zip(size)
                .map(|(hash, size)| VolumeDigest { size, hash });
            volumes.push(IndexedVolume {
                dblock: dblock.to_owned(),
                digest,
            });
        }
        Ok(volumes)
    }

    /// Calls `sink` with each blocklist whose content matches its hash; others are passed over.
    ///
    /// # Errors
    /// [`Error::Io`] when the volume cannot be read, and whatever `sink` returns.
    pub fn read_blocklists(
        &mut self,
        mut sink: impl FnMut(Hash, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        for index in 0..self.volume.len() {
            let name = self.volume.name(index).unwrap_or_default();
            let Some(hash) = name.strip_prefix("list/") else {
                continue;
            };
            let Ok(hash) = Hash::from_entry_name(hash) else {
                continue;
            };
            match self.volume.read_index(index, self.format.block_size()) {
                Ok(data) if self.format.block_hash().digest(&data) == hash => sink(hash, data)?,
                Err(Error::Io(source)) => return Err(Error::Io(source)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A reader of `input` behind its byte order mark, if it has one.
pub(crate) fn skip_bom<R: Read>(mut input: R) -> Result<impl Read> {
    let mut start = Vec::with_capacity(BOM.len());
    input
        .by_ref()
        .take(BOM.len() as u64)
        .read_to_end(&mut start)?;
    if start == BOM {
        start.clear();
    }
    Ok(std::io::BufReader::with_capacity(
        32 * 1024,
        std::io::Cursor::new(start).chain(input),
    ))
}

/// Reads the `vol/` object, handing out rows as they come.
struct VolSeed<'a> {
    /// Returns false to stop.
    row: &'a mut dyn FnMut(BlockRow) -> bool,
}

impl<'de> DeserializeSeed<'de> for VolSeed<'_> {
    type Value = (Option<Hash>, Option<u64>);

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        json: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for VolSeed<'_> {
    type Value = (Option<Hash>, Option<u64>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with blocks, volumehash and volumesize")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let (mut hash, mut size) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "blocks" => map.next_value_seed(RowsSeed {
                    row: &mut *self.row,
                })?,
                "volumehash" => hash = map.next_value()?,
                "volumesize" => size = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok((hash, size))
    }
}

struct RowsSeed<'a> {
    row: &'a mut dyn FnMut(BlockRow) -> bool,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of blocks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        while let Some(row) = seq.next_element::<BlockRow>()? {
            if !(self.row)(row) {
                return Err(de::Error::custom("a block has an impossible size"));
            }
        }
        Ok(())
    }
}
