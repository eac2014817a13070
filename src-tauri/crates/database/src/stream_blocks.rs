//! The blocks of a file in the newest version. A file that changed consists mostly of the same blocks in the same
//! places: reading their hashes in order is faster than looking up each one among all blocks.

use crate::index::{Index, StreamRow};

/// Raw hashes of a stream's blocks, in order. Ends early where the index does not know a blocklist.
pub struct StreamBlocks<'a> {
    index: &'a Index,
    hash_len: usize,
    /// Hashes of the blocklists that were not read yet, the last one first.
    lists: Vec<Vec<u8>>,
    /// Hashes of blocks.
    hashes: Vec<u8>,
    /// Bytes of `hashes` that were returned already.
    given: usize,
}

impl<'a> StreamBlocks<'a> {
    /// Reads the blocks of `stream`; `hash_len` is the length of a hash in bytes, at least one.
    ///
    /// # Panics
    /// When `hash_len` is zero.
    pub fn new(index: &'a Index, stream: &StreamRow, hash_len: usize) -> Self {
        let (lists, hashes) = if stream.listed {
            let lists = stream.parts.chunks_exact(hash_len).rev();
            (lists.map(<[u8]>::to_vec).collect(), Vec::new())
        } else {
            (Vec::new(), stream.parts.clone())
        };
        Self {
            index,
            hash_len,
            lists,
            hashes,
            given: 0,
        }
    }
}

impl Iterator for StreamBlocks<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.given >= self.hashes.len() {
            let list = self.lists.pop()?;
            // When the database fails here, callers look the block up, which reports the error.
            let Ok(Some(hashes)) = self.index.blocklist(&list) else {
                self.lists.clear();
                return None;
            };
            (self.hashes, self.given) = (hashes, 0);
        }
        let end = self.given + self.hash_len;
        let hash = self.hashes.get(self.given..end)?.to_vec();
        self.given = end;
        Some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(parts: &[u8], listed: bool) -> StreamRow {
        StreamRow {
            hash: b"file".to_vec(),
            size: 1,
            parts: parts.to_vec(),
            listed,
        }
    }

    #[test]
    fn blocks_come_in_order_as_far_as_they_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        index.add_blocklist(b"L1", b"b1b2").unwrap();
        index.add_blocklist(b"L2", b"b3").unwrap();
        let blocks = |parts: &[u8], listed| -> Vec<_> {
            let blocks = StreamBlocks::new(&index, &row(parts, listed), 2);
            blocks
                .map(|hash| String::from_utf8(hash).unwrap())
                .collect()
        };

        assert_eq!(blocks(b"L1L2", true), ["b1", "b2", "b3"]);
        assert_eq!(blocks(b"L1??L2", true), ["b1", "b2"]);
        assert_eq!(blocks(b"b9", false), ["b9"]);
        assert!(blocks(b"", false).is_empty());
    }
}
