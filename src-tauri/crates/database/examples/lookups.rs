//! Time per block of the look-ups of a run, in an index of many blocks beside one of few.
//!
//! Usage: `lookups FOLDER`. Prints, for 100,000 and for 10,000,000 blocks, nanoseconds per block for known blocks and for
//! new ones, both in random order as hashes are, and the ratio of the two indexes. As in a run, look-ups share a look at
//! the index by the dozen, and a filter answers most of those for new blocks; the time to fill it is told apart.

use std::path::Path;
use std::time::Instant;

use coffer_database::{BlockFilter, Index, VolumeKind, VolumeState};

/// Blocks that a volume holds, about 50 MiB of 100 KiB each.
const PER_VOLUME: u64 = 500;
/// Look-ups that are timed.
const LOOKUPS: u64 = 1_600 * TOGETHER;
/// Bytes of a block.
const SIZE: u64 = 102_400;
/// More look-ups than it takes to make a run fill the filter.
const MANY: u64 = 100_000;
/// Look-ups that share a look at the index: 64 small files, each with its content and its metadata.
const TOGETHER: u64 = 128;

/// Rounds, of which the fastest counts.
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("names no folder")?;
    let few = Measured::create(Path::new(&folder), 100_000)?;
    let many = Measured::create(Path::new(&folder), 10_000_000)?;
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        let times = [
            few.known()?,
            many.known()?,
            few.new_blocks()?,
            many.new_blocks()?,
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time);
        }
    }
    for (index, known, new) in [(&few, best[0], best[2]), (&many, best[1], best[3])] {
        println!(
            "{} blocks: known {known:.0} ns, new {new:.0} ns; filling the filter, once a run: {:.0} ms",
            index.blocks, index.filling
        );
    }
    println!(
        "ratio: known {:.2}, new {:.2}",
        best[1] / best[0],
        best[3] / best[2]
    );
    Ok(())
}

/// An index, opened as a run opens it.
struct Measured {
    index: Index,
    filter: BlockFilter,
    blocks: u64,
    /// Milliseconds that filling the filter took.
    filling: f64,
}

impl Measured {
    fn create(folder: &Path, blocks: u64) -> coffer_database::Result<Self> {
        let path = folder.join(format!("{blocks}.sqlite"));
        let index = Index::open(&path)?;
        index.transaction(|index| -> coffer_database::Result<()> {
            let mut volume = 0;
            for number in 0..blocks {
                if number % PER_VOLUME == 0 {
                    let (kind, state) = (VolumeKind::Dblock, VolumeState::Confirmed);
                    volume = index.put_volume(&format!("b{number}"), kind, state, 1, None, None)?;
                }
                index.add_block(volume, &hash(number), SIZE)?;
            }
            Ok(())
        })?;
        drop(index);
        let index = Index::open(&path)?;
        let filter = BlockFilter::new(false);
        let start = Instant::now();
        for _ in 0..=MANY {
            filter.count_look_up(&index);
        }
        Ok(Self {
            index,
            filter,
            blocks,
            filling: start.elapsed().as_secs_f64() * 1e3,
        })
    }

    /// Nanoseconds for a known block.
    fn known(&self) -> coffer_database::Result<f64> {
        self.timed(0)
    }

    /// Nanoseconds for a new block.
    fn new_blocks(&self) -> coffer_database::Result<f64> {
        self.timed(self.blocks)
    }

    fn timed(&self, first: u64) -> coffer_database::Result<f64> {
        let start = Instant::now();
        for number in 0..LOOKUPS {
            if number % TOGETHER == 0 {
                self.index.begin_reading()?;
            }
            // Spread over all blocks.
            let hash = hash(first + number.wrapping_mul(7_368_787) % self.blocks);
            if !self.filter.is_surely_new(&hash, SIZE) {
                std::hint::black_box(self.index.has_block(&hash, SIZE)?);
            }
            if (number + 1) % TOGETHER == 0 {
                self.index.end_reading()?;
            }
        }
        Ok(start.elapsed().as_nanos() as f64 / LOOKUPS as f64)
    }
}

/// 32 bytes that look like a hash (SplitMix64).
fn hash(number: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    let mut state = number;
    for part in hash.chunks_exact_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        part.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
        state = mixed ^ number;
    }
    hash
}
