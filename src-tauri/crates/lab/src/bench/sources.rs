//! What is backed up.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use xtask::run::{output, run};

/// A kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Linux,
    Photos,
    Small,
    Tiny,
}

/// Words that text is made of.
const WORDS: [&str; 16] = [
    "backup", "folder", "the", "of", "version", "key", "and", "volume", "is", "value", "in",
    "true", "name", "to", "date", "size",
];

impl Source {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Linux => "Linux source tree",
            Self::Photos => "Photos (150 files of 2 to 8 MiB that do not compress)",
            Self::Small => "200,000 files of 20 to 1,600 bytes",
            Self::Tiny => "1,000,000 files of 20 to 200 bytes",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Photos => "photos",
            Self::Small => "small",
            Self::Tiny => "tiny",
        }
    }

    /// Makes the source in `folder`, the same in every run.
    pub(super) fn create(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        match self {
            Self::Linux => {
                let archive = linux_archive()?;
                run(Command::new("tar")
                    .arg("xf")
                    .arg(archive)
                    .arg("-C")
                    .arg(folder))
            }
            Self::Photos => {
                for number in 0..150 {
                    let len = random.between(2 << 20, 8 << 20);
                    let data: Vec<u8> = (0..len.div_ceil(8))
                        .flat_map(|_| random.next().to_le_bytes())
                        .collect();
                    fs::write(folder.join(format!("IMG_{number:04}.jpg")), data)?;
                }
                Ok(())
            }
            Self::Small => texts(folder, &mut random, 200_000, 1_600),
            Self::Tiny => texts(folder, &mut random, 1_000_000, 200),
        }
    }
}

fn texts(folder: &Path, random: &mut Random, files: u64, longest: u64) -> Result<()> {
    for number in 0..files {
        let parent = folder.join(format!("{:04}", number / 500));
        if number % 500 == 0 {
            fs::create_dir_all(&parent)?;
        }
        let len = random.between(20, longest) as usize;
        let mut text = format!("{number} {:x}", random.next());
        while text.len() < len {
            let next = random.next();
            text.push(' ');
            text.push_str(WORDS[(next % 16) as usize]);
            text.push_str(&(next >> 60).to_string());
        }
        text.truncate(len);
        fs::write(parent.join(format!("{number}.txt")), text)?;
    }
    Ok(())
}

/// Appends a line to every hundredth file below `folder`, in the order of names, and says how many there were.
pub(super) fn change(folder: &Path, round: usize) -> Result<usize> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort_unstable();
    let changed: Vec<_> = files.iter().step_by(100).collect();
    for path in &changed {
        let mut file = File::options().append(true).open(path)?;
        writeln!(file, "changed in round {round}")?;
    }
    Ok(changed.len())
}

/// Bytes of all files below `folder`.
pub(super) fn size(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(total)
}

/// The archive that Debian's package of the newest kernel source has brought.
fn linux_archive() -> Result<PathBuf> {
    let depends = output(Command::new("sh").args(["-c", "ls /usr/src/linux-source-*.tar.xz"]))?;
    let newest = depends.lines().last();
    newest
        .map(PathBuf::from)
        .context("The package linux-source brought no archive to /usr/src")
}

/// Xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }
}
