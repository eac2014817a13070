//! Time per block of the look-ups of a run, in an index of many blocks beside one of few.
//!
//! Usage: `lookups FOLDER`. Prints, for 100,000 and for 10,000,000 blocks, nanoseconds per block, and the ratio of the two
//! indexes, for what a run asks:
//!
//! * blocks of files that were touched, or changed in other places: the newest version has them in the same place;
//! * blocks that are new, most of which a filter knows to be new; the time to fill it is printed separately;
//! * blocks that are known from elsewhere (files that were moved or copied), anywhere in the index as hashes are.
//!
//! As in a run, look-ups share a look at the index by the dozen.

use std::path::Path;
use std::time::Instant;

use coffer_database::{BlockFilter, Index, StreamBlocks, StreamRow, VolumeKind, VolumeState};

/// Blocks that a volume holds, about 50 MiB of 100 KiB each.
const PER_VOLUME: u64 = 500;
/// Look-ups that are timed.
const LOOKUPS: u64 = 1_600 * TOGETHER;
/// Blocks of a file, which are the hashes of a blocklist.
const PER_FILE: u64 = 3_200;
/// Bytes of a block.
const SIZE: u64 = 102_400;
/// Bytes of a hash.
const HASH_LEN: usize = 32;
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
    println!(
        "Filling the filter, once a run that needs it: {:.0} ms and {:.0} ms",
        few.filling, many.filling
    );
    type Measure = fn(&Measured) -> coffer_database::Result<f64>;
    let kinds: [(&str, Measure); 3] = [
        ("known, same file and place", Measured::unmoved),
        ("new", Measured::new_blocks),
        ("known, anywhere", Measured::known),
    ];
    for (name, measure) in kinds {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (best, index) in best.iter_mut().zip([&few, &many]) {
                *best = best.min(measure(index)?);
            }
        }
        println!(
            "{name}: {:.0} ns of {} blocks, {:.0} ns of {}, ratio {:.2}",
            best[0],
            few.blocks,
            best[1],
            many.blocks,
            best[1] / best[0]
        );
    }
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
            for file in 0..blocks / PER_FILE {
                let list: Vec<_> = (0..PER_FILE)
                    .flat_map(|place| hash(file * PER_FILE + place))
                    .collect();
                index.add_blocklist(&list_hash(file), &list)?;
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

    /// Nanoseconds for a block that the newest version has in the same place.
    fn unmoved(&self) -> coffer_database::Result<f64> {
        let files = self.blocks / PER_FILE;
        let mut found = 0_u64;
        let start = Instant::now();
        for number in 0..LOOKUPS / PER_FILE {
            // Spread over all files.
            let file = number.wrapping_mul(7_919) % files;
            let stream = StreamRow {
                hash: Vec::new(),
                size: PER_FILE * SIZE,
                parts: list_hash(file).to_vec(),
                listed: true,
            };
            let blocks = StreamBlocks::new(&self.index, &stream, HASH_LEN);
            let places = file * PER_FILE..;
            found += places
                .zip(blocks)
                .filter(|(place, block)| *block == hash(*place))
                .count() as u64;
        }
        let time = start.elapsed().as_nanos() as f64;
        assert_eq!(found, LOOKUPS, "the index knows all of them");
        Ok(time / LOOKUPS as f64)
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

/// Hash of the blocklist of a file.
fn list_hash(file: u64) -> [u8; HASH_LEN] {
    hash(u64::MAX - file)
}

/// Bytes that look like a hash (SplitMix64).
fn hash(number: u64) -> [u8; HASH_LEN] {
    let mut hash = [0; HASH_LEN];
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
