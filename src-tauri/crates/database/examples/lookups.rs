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
/// Look-ups that share a look at the index: 64 small files, each with its content and its metadata.
const TOGETHER: u64 = 128;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("names no folder")?;
    let few = measure(Path::new(&folder), 100_000)?;
    let many = measure(Path::new(&folder), 10_000_000)?;
    println!(
        "ratio: known {:.2}, new {:.2}",
        many.0 / few.0,
        many.1 / few.1
    );
    Ok(())
}

/// Nanoseconds for a known and for a new block.
fn measure(folder: &Path, blocks: u64) -> coffer_database::Result<(f64, f64)> {
    let path = folder.join(format!("{blocks}.sqlite"));
    let index = Index::open(&path)?;
    index.transaction(|index| -> coffer_database::Result<()> {
        let mut volume = 0;
        for number in 0..blocks {
            if number % PER_VOLUME == 0 {
                let (kind, state) = (VolumeKind::Dblock, VolumeState::Confirmed);
                volume = index.put_volume(&format!("b{number}"), kind, state, 1, None, None)?;
            }
            index.add_block(volume, &hash(number), 102_400)?;
        }
        Ok(())
    })?;
    // A run opens the index anew.
    drop(index);
    let index = Index::open(&path)?;
    let filter = BlockFilter::new(false);
    let timed = |first: u64| -> coffer_database::Result<f64> {
        let start = Instant::now();
        for number in 0..LOOKUPS {
            if number % TOGETHER == 0 {
                index.begin_reading()?;
            }
            // Spread over all blocks.
            let hash = hash(first + number.wrapping_mul(7_368_787) % blocks);
            if !filter.is_surely_new(&hash, 102_400) {
                filter.count_look_up(&index);
                std::hint::black_box(index.has_block(&hash, 102_400)?);
            }
            if (number + 1) % TOGETHER == 0 {
                index.end_reading()?;
            }
        }
        Ok(start.elapsed().as_nanos() as f64 / LOOKUPS as f64)
    };
    // Once before, so that the system's cache of files holds both; this also fills the filter.
    let first = timed(0)?;
    let result = (timed(0)?, timed(blocks)?);
    let filling = (first - result.0).max(0.0) * LOOKUPS as f64 / 1e6;
    println!(
        "{blocks} blocks: known {:.0} ns, new {:.0} ns; once a run, filling the filter and the cache of files: {filling:.0} ms",
        result.0, result.1
    );
    Ok(result)
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
