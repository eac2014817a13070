use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Everything under a folder, by path from it, `/` between.
pub type Tree = BTreeMap<String, Node>;

/// A file, folder or link, with what a restore must bring back. Modes are 0 on Windows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Node {
    Folder {
        mtime_ns: i64,
        mode: u32,
    },
    File {
        size: u64,
        sha256: String,
        mtime_ns: i64,
        mode: u32,
    },
    Link {
        target: String,
    },
}

/// Looks at everything under `root`; times are cut to the 100 ns that the format keeps, modes to the `rwx` bits.
///
/// # Panics
/// When something cannot be read.
pub fn snapshot(root: &Path) -> Tree {
    let mut tree = Tree::new();
    add(root, "", &mut tree);
    tree
}

/// Creates files with their folders under `root`.
///
/// # Panics
/// When one cannot be written.
pub fn write_files(root: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder"))
            .expect("folders are created");
        fs::write(path, content).expect("a file is written");
    }
}

fn add(folder: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let entry = entry.expect("the folder can be listed");
        let name = entry
            .file_name()
            .into_string()
            .expect("names in tests are Unicode");
        let path = format!("{prefix}{name}");
        let stat = fs::symlink_metadata(entry.path()).expect("the entry can be looked at");
        let node = if stat.is_symlink() {
            let target = fs::read_link(entry.path()).expect("the link can be read");
            Node::Link {
                target: target.to_string_lossy().into_owned(),
            }
        } else if stat.is_dir() {
            add(&entry.path(), &format!("{path}/"), tree);
            Node::Folder {
                mtime_ns: mtime_ns(&stat),
                mode: mode(&stat),
            }
        } else {
            let content = fs::read(entry.path()).expect("the file can be read");
            Node::File {
                size: stat.len(),
                sha256: hex::encode(Sha256::digest(&content)),
                mtime_ns: mtime_ns(&stat),
                mode: mode(&stat),
            }
        };
        tree.insert(path, node);
    }
}

fn mtime_ns(stat: &fs::Metadata) -> i64 {
    let modified = stat.modified().expect("the system keeps times");
    let nanoseconds = match modified.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    };
    nanoseconds.div_euclid(100) * 100
}

#[cfg(unix)]
fn mode(stat: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(stat) & 0o777
}

#[cfg(not(unix))]
fn mode(_stat: &fs::Metadata) -> u32 {
    0
}
