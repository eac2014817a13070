use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use libdeflater::{CompressionLvl, Compressor};

use crate::error::{Error, Result};

/// Zip's number for "stored".
pub(super) const STORED: u16 = 0;
/// Zip's number for "deflated".
pub(super) const DEFLATED: u16 = 8;
/// Zip's number for Zstandard.
pub(super) const ZSTANDARD: u16 = 93;

/// How entries are compressed (`--zip-compression-method`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CompressionMethod {
    /// Not at all.
    None,
    /// What every reader knows.
    #[default]
    Deflate,
    /// Faster and smaller; Duplicati reads it, other zip programs often do not.
    Zstandard,
}

impl std::str::FromStr for CompressionMethod {
    type Err = Error;

    /// Reads Duplicati's names in any case. Its other methods are read, but not written.
    fn from_str(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "deflate" => Ok(Self::Deflate),
            "zstandard" => Ok(Self::Zstandard),
            _ => Err(Error::Unsupported {
                what: format!("the compression method {name}"),
            }),
        }
    }
}

/// Whether compressing is worth a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Deflate, and store after all when that does not shrink it.
    Compress,
    /// Store: content that is compressed already, and blocklists.
    Store,
}

/// An entry's data, ready to be copied into an archive.
#[derive(Debug)]
pub struct PreparedEntry {
    pub(super) method: u16,
    pub(super) crc32: u32,
    pub(super) plain_len: u64,
    pub(super) data: Vec<u8>,
}

impl PreparedEntry {
    /// An entry without compression.
    pub fn stored(data: Vec<u8>) -> Self {
        Self {
            method: STORED,
            crc32: crc32fast::hash(&data),
            plain_len: data.len() as u64,
            data,
        }
    }

    /// Bytes it takes in the archive, headers apart.
    pub fn stored_len(&self) -> u64 {
        self.data.len() as u64
    }
}

/// Compresses entries on any thread; one per thread, because it keeps its tables.
///
/// Blocks are whole in memory, so libdeflate does it, which is made for that: at level 6 it is a third faster than
/// zlib and as small, at level 1 three times as fast and a tenth larger.
pub struct BlockCompressor {
    level: u32,
    deflate: Compressor,
    zstandard: Option<zstd::bulk::Compressor<'static>>,
    stores: bool,
    /// Room for what deflate makes of one entry.
    scratch: Vec<u8>,
}

impl BlockCompressor {
    /// Deflates; `level` is 0 to 9.
    pub fn new(level: u32) -> Self {
        Self::with_method(CompressionMethod::Deflate, level)
    }

    /// `level` is 0 to 9 for any method. A Zstandard that cannot be set up, for want of memory, say, is done without.
    pub fn with_method(method: CompressionMethod, level: u32) -> Self {
        let level = level.min(9);
        let zstandard = (method == CompressionMethod::Zstandard)
            .then(|| zstd::bulk::Compressor::new(level.max(1).cast_signed()).ok())
            .flatten();
        Self {
            level,
            deflate: deflate_of(level),
            zstandard,
            stores: method == CompressionMethod::None,
            scratch: Vec::new(),
        }
    }

    /// Changes the level from the next entry on.
    pub fn set_level(&mut self, level: u32) {
        let level = level.min(9);
        if level == self.level {
            return;
        }
        self.level = level;
        self.deflate = deflate_of(level);
        if let Some(zstandard) = &mut self.zstandard {
            // One that cannot change goes on at the level it has.
            let _ = zstandard.set_compression_level(level.max(1).cast_signed());
        }
    }

    /// Compresses `data`, or keeps it when that saves nothing.
    pub fn prepare(&mut self, data: Vec<u8>, hint: Hint) -> PreparedEntry {
        if hint == Hint::Compress
            && !self.stores
            && let Some((method, compressed)) = self.compress(&data)
        {
            return PreparedEntry {
                method,
                crc32: crc32fast::hash(&data),
                plain_len: data.len() as u64,
                data: compressed,
            };
        }
        PreparedEntry::stored(data)
    }

    /// `None` when the result would not be smaller.
    fn compress(&mut self, data: &[u8]) -> Option<(u16, Vec<u8>)> {
        let Some(zstandard) = &mut self.zstandard else {
            return Some((DEFLATED, self.deflate(data)?));
        };
        let compressed = zstandard.compress(data).ok()?;
        (compressed.len() < data.len()).then_some((ZSTANDARD, compressed))
    }

    /// `None` when the result would not be smaller.
    fn deflate(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        // One byte less than the data: what does not fit is not worth keeping.
        let room = data.len().checked_sub(1)?;
        if self.scratch.len() < room {
            self.scratch.resize(room, 0);
        }
        let out = &mut self.scratch[..room];
        let len = self.deflate.deflate_compress(data, out).ok()?;
        Some(out[..len].to_vec())
    }
}

fn deflate_of(level: u32) -> Compressor {
    let level = CompressionLvl::new(level.cast_signed()).unwrap_or_default();
    Compressor::new(level)
}

/// An entry of unknown length, compressed into a scratch file while it is written.
///
/// For file lists, which grow with the source and must not be held in memory.
pub struct PreparedStream<S: Write> {
    deflate: flate2::write::DeflateEncoder<io::BufWriter<S>>,
    crc32: crc32fast::Hasher,
    plain_len: u64,
}

impl<S: Read + Write + Seek> PreparedStream<S> {
    /// `scratch` is empty and used from its start.
    pub fn new(scratch: S, level: u32) -> Self {
        let out = io::BufWriter::with_capacity(64 * 1024, scratch);
        Self {
            deflate: flate2::write::DeflateEncoder::new(out, Compression::new(level.min(9))),
            crc32: crc32fast::Hasher::new(),
            plain_len: 0,
        }
    }

    pub(crate) fn finish(self) -> Result<FinishedStream<S>> {
        let out = self.deflate.finish()?;
        let mut scratch = out
            .into_inner()
            .map_err(|error| Error::Io(error.into_error()))?;
        let len = scratch.stream_position()?;
        scratch.seek(SeekFrom::Start(0))?;
        Ok(FinishedStream {
            scratch,
            len,
            crc32: self.crc32.finalize(),
            plain_len: self.plain_len,
        })
    }
}

impl<S: Write> Write for PreparedStream<S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.deflate.write(data)?;
        self.crc32.update(&data[..written]);
        self.plain_len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.deflate.flush()
    }
}

/// A [`PreparedStream`] that is complete and rewound.
pub(crate) struct FinishedStream<S> {
    pub(super) scratch: S,
    pub(super) len: u64,
    pub(super) crc32: u32,
    pub(super) plain_len: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_used_where_it_helps() {
        let text = b"text that repeats ".repeat(50);
        let noise: Vec<u8> = (0..200_u32).map(|i| (i * i * 7 + 13 * i) as u8).collect();
        for (method, number) in [
            (CompressionMethod::None, STORED),
            (CompressionMethod::Deflate, DEFLATED),
            (CompressionMethod::Zstandard, ZSTANDARD),
        ] {
            let mut compressor = BlockCompressor::with_method(method, 6);
            let entry = compressor.prepare(text.clone(), Hint::Compress);
            assert_eq!(entry.method, number, "{method:?}");
            let stored = compressor.prepare(text.clone(), Hint::Store);
            assert_eq!(stored.method, STORED);
            assert!(compressor.prepare(noise.clone(), Hint::Compress).data.len() <= noise.len());
        }
        assert_eq!(
            "ZStandard".parse::<CompressionMethod>().unwrap(),
            CompressionMethod::Zstandard
        );
        assert!("LZMA".parse::<CompressionMethod>().is_err());
    }

    #[test]
    fn one_compressor_serves_data_that_shrinks_and_data_that_does_not() {
        let mut state = 1_u32;
        let mut compressor = BlockCompressor::new(6);
        for round in 0..3_000 {
            let noise = (0..round % 700).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            });
            let data: Vec<u8> = if round % 3 == 0 {
                vec![7; round as usize]
            } else {
                noise.collect()
            };

            let entry = compressor.prepare(data.clone(), Hint::Compress);

            assert!(entry.data.len() <= data.len());
            assert_eq!(entry.plain_len, data.len() as u64);
        }
    }
}
