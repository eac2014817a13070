use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::thread::{self, JoinHandle};

use flate2::{Compress, Compression, FlushCompress, Status};
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

/// At the lowest level, entries below this many bytes are stored: setting a compressor up takes several times as long
/// as everything else that is done with them, and saves a third of them at most.
const SMALL: usize = 512;

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

    /// `level` is 0 to 9 for any method. If Zstandard cannot be initialized, for example for lack of memory, it is not
    /// used.
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
            // A compressor that cannot change keeps its level.
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
        if self.level <= 1 && data.len() < SMALL {
            return None;
        }
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

/// Bytes that are deflated together, on one thread.
const PIECE: usize = 512 * 1024;
/// Pieces that may be under way.
const MOST_PIECES: usize = 4;

/// An entry of unknown length, compressed into a scratch file while it is written.
///
/// For file lists, which grow with the source and must not be held in memory. Pieces are deflated on threads of their
/// own and end at whole bytes, so that one after another they are one deflate stream, the same on any computer.
pub struct PreparedStream<S: Write> {
    scratch: io::BufWriter<S>,
    level: u32,
    piece: Vec<u8>,
    /// In the order of the stream.
    under_way: VecDeque<JoinHandle<io::Result<Vec<u8>>>>,
    crc32: crc32fast::Hasher,
    plain_len: u64,
}

impl<S: Read + Write + Seek> PreparedStream<S> {
    /// `scratch` is empty and used from its start.
    pub fn new(scratch: S, level: u32) -> Self {
        Self {
            scratch: io::BufWriter::with_capacity(64 * 1024, scratch),
            level: level.min(9),
            piece: Vec::with_capacity(PIECE),
            under_way: VecDeque::new(),
            crc32: crc32fast::Hasher::new(),
            plain_len: 0,
        }
    }

    pub(crate) fn finish(mut self) -> Result<FinishedStream<S>> {
        self.deflate_piece(FlushCompress::Finish)?;
        while !self.under_way.is_empty() {
            self.take_piece()?;
        }
        let mut scratch = self
            .scratch
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

impl<S: Write> PreparedStream<S> {
    /// Starts to deflate what was written since the last call; waits when enough pieces are under way.
    fn deflate_piece(&mut self, end: FlushCompress) -> io::Result<()> {
        let room = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_PIECES);
        while self.under_way.len() >= room {
            self.take_piece()?;
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let level = Compression::new(self.level);
        let deflating = thread::Builder::new()
            .name("deflate".to_owned())
            .spawn(move || deflate_piece(&piece, level, end))?;
        self.under_way.push_back(deflating);
        Ok(())
    }

    /// Writes the oldest piece that is under way.
    fn take_piece(&mut self) -> io::Result<()> {
        let Some(deflating) = self.under_way.pop_front() else {
            return Ok(());
        };
        let deflated = deflating
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.scratch.write_all(&deflated?)
    }
}

impl<S: Write> Write for PreparedStream<S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let data = &data[..data.len().min(PIECE - self.piece.len())];
        self.piece.extend_from_slice(data);
        self.crc32.update(data);
        self.plain_len += data.len() as u64;
        if self.piece.len() == PIECE {
            self.deflate_piece(FlushCompress::Full)?;
        }
        Ok(data.len())
    }

    /// Pieces are written as they come; there is nothing to hurry.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Deflates a piece of a stream. Any but the last is followed by another.
fn deflate_piece(piece: &[u8], level: Compression, end: FlushCompress) -> io::Result<Vec<u8>> {
    let mut deflate = Compress::new(level, false);
    let mut out = Vec::with_capacity(piece.len() / 2 + 64);
    loop {
        let taken = deflate.total_in() as usize;
        let status = deflate.compress_vec(&piece[taken..], &mut out, end)?;
        let has_room = out.len() < out.capacity();
        // With room left, everything that was to be written has been.
        if status == Status::StreamEnd || (has_room && end != FlushCompress::Finish) {
            return Ok(out);
        }
        out.reserve(out.len() / 2 + 64);
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
    fn a_stream_of_any_length_is_one_deflate_stream() {
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let data: Vec<u8> = (0..len as u32)
                .map(|i| (i.wrapping_mul(2_654_435_761) >> 27) as u8)
                .collect();
            let mut stream = PreparedStream::new(io::Cursor::new(Vec::new()), 6);
            for part in data.chunks(70_000) {
                stream.write_all(part).unwrap();
            }

            let finished = stream.finish().unwrap();

            assert_eq!(finished.plain_len, len as u64);
            assert_eq!(finished.crc32, crc32fast::hash(&data));
            let deflated = finished.scratch.into_inner();
            assert_eq!(deflated.len() as u64, finished.len);
            let mut inflated = Vec::new();
            let mut inflate = flate2::read::DeflateDecoder::new(&deflated[..]);
            inflate.read_to_end(&mut inflated).unwrap();
            assert!(inflated == data, "{len} bytes");
            assert_eq!(inflate.total_in(), finished.len, "nothing follows the end");
        }
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
