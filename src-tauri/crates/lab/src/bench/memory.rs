//! Memory of the release command line with a small and a large source, which has limits.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::process::{Measured, measure};
use xtask::project::Project;

const MIB: u64 = 1 << 20;
/// Bytes of the small source.
const SMALL: u64 = 300 * MIB;
/// Bytes of the large source.
const LARGE: u64 = 3000 * MIB;
/// Peak that the small source may take.
const SMALL_LIMIT: u64 = 150 * MIB;
/// What the large source may take above the small one.
const GROWTH_LIMIT: u64 = 20 * MIB;

pub(super) fn check(project: &Project, folder: &Path) -> Result<()> {
    println!(
        "\n{:<22} {:>10} {:>10} {:>10}",
        "backup to a folder", "seconds", "MiB/s", "peak MiB"
    );
    let small = one(project, folder, "300 MiB", SMALL)?;
    let large = one(project, folder, "3000 MiB", LARGE)?;
    if small > SMALL_LIMIT {
        bail!(
            "The small backup took {} MiB, more than {}",
            small / MIB,
            SMALL_LIMIT / MIB
        );
    }
    if large > small + GROWTH_LIMIT {
        bail!(
            "The large backup took {} MiB more than the small one, at most {} are allowed",
            (large - small) / MIB,
            GROWTH_LIMIT / MIB
        );
    }
    Ok(())
}

/// Backs up so many bytes and returns the peak of resident memory in bytes.
fn one(project: &Project, folder: &Path, name: &str, bytes: u64) -> Result<u64> {
    let source = folder.join(format!("source {name}"));
    generate(&source, bytes)?;
    let destination = folder.join(format!("destination {name}"));
    fs::create_dir_all(&destination)?;
    let mut command = Command::new(project.built("release", "coffer"));
    command
        .arg("backup")
        .arg(format!("file://{}", destination.display()))
        .arg(&source)
        .arg("--no-progress")
        .env("PASSPHRASE", "bench")
        .env("COFFER_DATA_DIR", folder.join("data"))
        .env("COFFER_CACHE_DIR", folder.join("cache"));
    let Measured { wall, peak, .. } = measure(&mut command, &[0])?;
    let seconds = wall.as_secs_f64();
    let speed = bytes as f64 / MIB as f64 / seconds;
    println!(
        "{name:<22} {seconds:>10.1} {speed:>10.1} {:>10}",
        peak / MIB
    );
    fs::remove_dir_all(&source)?;
    fs::remove_dir_all(&destination)?;
    Ok(peak)
}

/// Files of many sizes, half of each made of what compresses.
fn generate(folder: &Path, bytes: u64) -> Result<()> {
    let sizes = [4 << 10, 60 << 10, 300 << 10, 2 * MIB, 20 * MIB, 120 * MIB];
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    let mut left = bytes;
    let mut number = 0;
    while left > 0 {
        let size = sizes[number % sizes.len()].min(left);
        let parent = folder.join(format!("{:03}", number / 50));
        fs::create_dir_all(&parent)?;
        let mut file =
            std::io::BufWriter::new(fs::File::create(parent.join(format!("{number}.bin")))?);
        let mut written = 0;
        while written < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut piece = [b'.'; 16];
            piece[..8].copy_from_slice(&state.to_le_bytes());
            let length = piece.len().min((size - written) as usize);
            file.write_all(&piece[..length])?;
            written += length as u64;
        }
        file.flush()?;
        left -= size;
        number += 1;
    }
    Ok(())
}
