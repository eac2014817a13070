use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::tree::{Node, Tree};

/// A file or folder under `tests/fixtures` at the top of the project.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures")
        .join(path)
}

/// A copy of a fixture folder that a test may change.
///
/// # Panics
/// When the fixture cannot be copied.
pub fn copy_of(path: &str) -> TempDir {
    let copy = tempfile::tempdir().expect("a temp folder");
    for file in fs::read_dir(fixture(path)).expect("the fixture exists") {
        let file = file.expect("the fixture can be listed");
        fs::copy(file.path(), copy.path().join(file.file_name()))
            .expect("a fixture file is copied");
    }
    copy
}

/// The tree that a version of a Duplicati fixture holds, as its `expected` file says.
///
/// # Panics
/// When the file is not what its README says.
pub fn expected_tree(case: &str, stamp: &str) -> Tree {
    let path = fixture(&format!("duplicati-2.3/{case}/expected/{stamp}.json"));
    let text = fs::read_to_string(&path).expect("the expected tree exists");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let nodes = json.as_object().expect("it is an object").iter();
    nodes
        .map(|(path, node)| {
            let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
            let mtime_ns = node["mtime_ns"].as_i64();
            let mode = u32::from_str_radix(text("mode").trim_start_matches("0o"), 8).ok();
            let node = match text("kind").as_str() {
                "folder" => Node::Folder {
                    mtime_ns: mtime_ns.unwrap_or(0),
                    mode: mode.unwrap_or(0),
                },
                "file" => Node::File {
                    size: node["size"].as_u64().unwrap_or(0),
                    sha256: text("sha256"),
                    mtime_ns: mtime_ns.unwrap_or(0),
                    mode: mode.unwrap_or(0),
                },
                _ => Node::Link {
                    target: text("target"),
                },
            };
            (path.clone(), node)
        })
        .collect()
}
