//! Whether two folders hold the same: content, times, modes, links.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

/// Bytes compared at a time.
const PIECE: usize = 1 << 16;

/// What was compared and what differs.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Files that both have.
    pub files: usize,
    /// Folders that both have.
    pub folders: usize,
    /// Links that both have.
    pub links: usize,
    /// Bytes of the files.
    pub bytes: u64,
    /// One line per difference.
    pub differences: Vec<String>,
}

/// Compares everything below two folders; sockets, pipes and devices are left out.
pub fn compare(expected: &Path, actual: &Path) -> Result<Comparison> {
    let mut result = Comparison::default();
    let (left, right) = (entries(expected)?, entries(actual)?);
    for (path, stat) in &left {
        match right.get(path) {
            None => result.differ(path, "is missing"),
            Some(other) => result.pair(
                path,
                (&expected.join(path), stat),
                (&actual.join(path), other),
            )?,
        }
    }
    for path in right.keys().filter(|path| !left.contains_key(*path)) {
        result.differ(path, "should not be there");
    }
    Ok(result)
}

impl Comparison {
    fn pair(
        &mut self,
        path: &Path,
        left: (&Path, &Metadata),
        right: (&Path, &Metadata),
    ) -> Result<()> {
        let ((left, left_stat), (right, right_stat)) = (left, right);
        if left_stat.file_type() != right_stat.file_type() {
            self.differ(path, "is of another kind");
            return Ok(());
        }
        if left_stat.is_symlink() {
            self.links += 1;
            if fs::read_link(left)? != fs::read_link(right)? {
                self.differ(path, "links to something else");
            }
            return Ok(());
        }
        if left_stat.is_dir() {
            self.folders += 1;
        } else {
            self.files += 1;
            self.bytes += left_stat.len();
            if !same_content(left, right).with_context(|| path.display().to_string())? {
                self.differ(path, "has other content");
            }
        }
        if time(left_stat) != time(right_stat) {
            self.differ(path, "has another time");
        }
        if mode(left_stat) != mode(right_stat) {
            self.differ(path, "has other permissions");
        }
        Ok(())
    }

    fn differ(&mut self, path: &Path, how: &str) {
        self.differences.push(format!("{} {how}", path.display()));
    }
}

fn entries(root: &Path) -> Result<BTreeMap<PathBuf, Metadata>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        let listed = fs::read_dir(root.join(&folder))
            .with_context(|| format!("Could not list {}", root.join(&folder).display()))?;
        for entry in listed {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let stat = entry.path().symlink_metadata()?;
            if stat.is_dir() {
                waiting.push(path.clone());
            }
            if stat.is_dir() || stat.is_file() || stat.is_symlink() {
                found.insert(path, stat);
            }
        }
    }
    Ok(found)
}

fn same_content(left: &Path, right: &Path) -> Result<bool> {
    let mut left = BufReader::with_capacity(PIECE, File::open(left)?);
    let mut right = BufReader::with_capacity(PIECE, File::open(right)?);
    let (mut a, mut b) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        let read = fill(&mut left, &mut a)?;
        if read != fill(&mut right, &mut b)? || a[..read] != b[..read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

fn fill(reader: &mut impl std::io::Read, buffer: &mut [u8]) -> Result<usize> {
    let length = buffer.len() as u64;
    let mut rest = &mut buffer[..];
    Ok(std::io::copy(&mut reader.take(length), &mut rest)? as usize)
}

/// In units of 100 ns, which is what the format keeps.
fn time(stat: &Metadata) -> i128 {
    let nanoseconds = match stat.modified().map(|time| time.duration_since(UNIX_EPOCH)) {
        Ok(Ok(after)) => after.as_nanos() as i128,
        Ok(Err(before)) => -(before.duration().as_nanos() as i128),
        Err(_) => 0,
    };
    nanoseconds.div_euclid(100)
}

#[cfg(unix)]
fn mode(stat: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&stat.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode(_stat: &Metadata) -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let root = std::env::temp_dir().join(format!("xtask-compare-{}", std::process::id()));
        let (left, right) = (root.join("left"), root.join("right"));
        for folder in [&left, &right] {
            fs::create_dir_all(folder.join("a")).unwrap();
            fs::write(folder.join("a/same"), "same").unwrap();
            fs::write(folder.join("a/other"), folder.to_str().unwrap()).unwrap();
        }
        fs::write(left.join("gone"), "x").unwrap();
        fs::write(right.join("extra"), "x").unwrap();

        let result = compare(&left, &right).unwrap();

        let has = |line: &str| result.differences.iter().any(|found| found == line);
        assert!(has("a/other has other content"), "{result:?}");
        assert!(has("gone is missing"), "{result:?}");
        assert!(has("extra should not be there"), "{result:?}");
        assert!(
            !result
                .differences
                .iter()
                .any(|found| found.contains("same has other content"))
        );
        fs::remove_dir_all(&root).unwrap();
    }
}
