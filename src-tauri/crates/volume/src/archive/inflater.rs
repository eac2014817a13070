use std::io::Read;

use libdeflater::{Crc, Decompressor};
use zip::CompressionMethod;
use zip::read::ZipFile;

use crate::error::Result;

/// Bytes that an entry may be longer than its content; deflate adds five for every 64 KiB that do not shrink.
const OVERHEAD: u64 = 64 * 1024;

/// Unpacks deflated entries at once. Their sizes are stated, so libdeflate can do it, which takes half the time of a
/// decoder for streams.
pub(super) struct Inflater {
    decompressor: Decompressor,
    packed: Vec<u8>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            decompressor: Decompressor::new(),
            packed: Vec::new(),
        }
    }

    /// Reads an entry, given as it is stored, of at most `limit` bytes. `None` when it is not deflated or not what its
    /// header says, which is left for others to judge.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and those of damage when the archive cannot be read.
    pub(super) fn read(
        &mut self,
        entry: &mut ZipFile<'_, impl Read>,
        limit: u64,
    ) -> Result<Option<Vec<u8>>> {
        let (packed, len) = (entry.compressed_size(), entry.size());
        if entry.compression() != CompressionMethod::Deflated
            || len > limit
            || packed > limit.saturating_add(OVERHEAD)
        {
            return Ok(None);
        }
        self.packed.clear();
        let read = entry.take(packed).read_to_end(&mut self.packed);
        if let Err(error) = read {
            return Err(error.into());
        }
        let mut data = vec![0; len as usize];
        let unpacked = self
            .decompressor
            .deflate_decompress(&self.packed, &mut data);
        let mut crc = Crc::new();
        crc.update(&data);
        let is_whole = unpacked == Ok(data.len()) && crc.sum() == entry.crc32();
        Ok(is_whole.then_some(data))
    }
}
