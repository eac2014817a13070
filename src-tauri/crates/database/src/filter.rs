//! Most blocks of a large run are new, and the larger the index, the longer it takes to find that out. A Bloom filter
//! over all blocks answers from memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fastbloom::AtomicBloomFilter;

use crate::Index;

/// Divisor of the filter sizes. A simulation makes thousands of backups of a few blocks, and would spend most of its
/// time clearing filters.
const SCALE: usize = if cfg!(feature = "simulation") {
    1 << 9
} else {
    1
};
/// 24 MiB, which is wrong about 5 of 10,000 new blocks when there are 10,000,000 blocks. With 16 MiB it would be 30.
const BITS: usize = (24 << 23) / SCALE;
/// 8 MiB for a first backup, which starts without blocks: its error rate is the same at 3,000,000 blocks, and beyond
/// that the time to compress and store a block outweighs the useless look-ups.
const BITS_OF_FIRST: usize = (8 << 23) / SCALE;
/// Bits that each block sets.
const HASHES: u32 = 5;
/// Number of look-ups after which reading the whole index pays off.
const MANY_LOOK_UPS: u64 = 20_000;

/// Recognizes most new blocks as new, on any thread. It is filled once a run has made many look-ups; until then it
/// recognizes none.
pub struct BlockFilter {
    bits: AtomicBloomFilter<foldhash::fast::RandomState>,
    is_complete: AtomicBool,
    /// Look-ups that the index answered.
    look_ups: AtomicU64,
}

impl BlockFilter {
    /// Creates an unfilled filter. `is_empty` says that the index has no blocks, so that the filter is complete from
    /// the start.
    pub fn new(is_empty: bool) -> Self {
        let bits = if is_empty { BITS_OF_FIRST } else { BITS };
        let bits = AtomicBloomFilter::with_num_bits(bits)
            .hasher(foldhash::fast::RandomState::default())
            .hashes(HASHES);
        Self {
            bits,
            is_complete: AtomicBool::new(is_empty),
            look_ups: AtomicU64::new(0),
        }
    }

    /// Adds a block that the index does not have yet.
    pub fn insert(&self, hash: &[u8], size: u64) {
        self.bits.insert(&(hash, size));
    }

    /// Whether a block is certainly neither in the index nor inserted here. `false` means unknown.
    pub fn is_surely_new(&self, hash: &[u8], size: u64) -> bool {
        self.is_complete.load(Ordering::Acquire) && !self.bits.contains(&(hash, size))
    }

    /// Counts a look-up, and fills the filter from `index` when there were many. Call it before each look-up. Blocks
    /// that `index` does not show must be inserted.
    pub fn count_look_up(&self, index: &Index) {
        if self.look_ups.fetch_add(1, Ordering::Relaxed) != MANY_LOOK_UPS
            || self.is_complete.load(Ordering::Relaxed)
        {
            return;
        }
        let filled = index.for_each_block(|hash, size| self.insert(hash, size));
        // Without the filter, look-ups are only slower.
        self.is_complete.store(filled.is_ok(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{VolumeKind, VolumeState};

    #[test]
    fn a_filter_that_is_filled_on_the_way_forgets_no_block() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        let (kind, state) = (VolumeKind::Dblock, VolumeState::Confirmed);
        let volume = index.put_volume("v", kind, state, 1, None, None).unwrap();
        let hash = |number: u64| number.to_le_bytes();
        index
            .transaction(|index| {
                (0..2_000).try_for_each(|number| index.add_block(volume, &hash(number), 1))
            })
            .unwrap();
        let filter = BlockFilter::new(false);
        filter.insert(&hash(9_999), 1);

        for _ in 0..MANY_LOOK_UPS {
            filter.count_look_up(&index);
        }
        assert!(
            !filter.is_surely_new(&hash(5_000), 1),
            "it knows nothing yet"
        );
        filter.count_look_up(&index);

        let is_new = |number| filter.is_surely_new(&hash(number), 1);
        assert!(!(0..2_000).chain([9_999]).any(is_new));
        assert!((2_000..3_000).filter(|number| is_new(*number)).count() > 990);
        assert!(filter.is_surely_new(&hash(1), 2), "the size counts");
    }
}
