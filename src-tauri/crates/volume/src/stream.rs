//! How a stream (a file's content or metadata) is put together from blocks.

use crate::defect::{Defect, Structure};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::manifest::Format;

/// Names a stream and its parts, as a dlist entry does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamRef {
    /// File hash over all bytes.
    pub hash: Hash,
    /// Bytes.
    pub size: u64,
    /// What it is put together from.
    pub parts: Parts,
}

/// Parts of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Parts {
    /// No bytes, no blocks.
    Empty,
    /// One block with this block hash.
    Block(Hash),
    /// Two blocks or more: block hashes of the blocklists, in order.
    Blocklists(Vec<Hash>),
}

impl StreamRef {
    /// Checks that `parts` is what a stream of this size needs.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the number of blocklists does not fit the size.
    pub fn check(&self, format: &Format) -> Result<()> {
        let needed = blocklist_count(self.size, format);
        let fits = match &self.parts {
            Parts::Empty => self.size == 0,
            Parts::Block(_) => self.size > 0 && self.size <= format.block_size(),
            Parts::Blocklists(lists) => needed > 0 && lists.len() as u64 == needed,
        };
        if fits {
            return Ok(());
        }
        Err(Error::malformed(
            Structure::FileList,
            Defect::WrongParts(self.size),
        ))
    }
}

/// Blocks of a stream of `size` bytes.
pub fn block_count(size: u64, format: &Format) -> u64 {
    size.div_ceil(format.block_size())
}

/// Blocklists of a stream of `size` bytes; none when one block or less holds it.
pub fn blocklist_count(size: u64, format: &Format) -> u64 {
    match block_count(size, format) {
        0 | 1 => 0,
        blocks => blocks.div_ceil(format.hashes_per_blocklist()),
    }
}

/// Bytes of block number `index` of a stream of `size` bytes.
pub fn block_len(index: u64, size: u64, format: &Format) -> u64 {
    size.saturating_sub(index.saturating_mul(format.block_size()))
        .min(format.block_size())
}

/// Cuts a blocklist into the hashes it holds.
///
/// # Errors
/// [`Error::Malformed`] when its length is no multiple of the hash length.
pub fn split_blocklist(data: &[u8], format: &Format) -> Result<Vec<Hash>> {
    let len = format.block_hash().output_len();
    if data.is_empty() || !data.len().is_multiple_of(len) {
        return Err(Error::malformed(
            Structure::Blocklist,
            Defect::Length(data.len()),
        ));
    }
    data.chunks_exact(len).map(Hash::from_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_at_the_edges() {
        let format = Format::new(1024, "SHA256", "SHA256").unwrap();

        let counts: Vec<_> = [0, 1, 1024, 1025, 32 * 1024, 32 * 1024 + 1]
            .map(|size| (block_count(size, &format), blocklist_count(size, &format)))
            .into();

        assert_eq!(counts, [(0, 0), (1, 0), (1, 0), (2, 1), (32, 1), (33, 2)]);
        assert_eq!(block_len(1, 1025, &format), 1);
        assert_eq!(block_len(0, 1025, &format), 1024);
    }
}
