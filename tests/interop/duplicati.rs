//! Every version of every backup that Duplicati wrote, restored by the command line.

use std::fs;
use std::path::Path;

use coffer_testkit::{Node, Tree, copy_of, expected_tree, fixture, snapshot, write_files};
use coffer_tests::{Computer, assert_same_tree};
use serde_json::Value;

/// Two hard links that were rewritten with the same size and time, which Duplicati does not notice. In some cases
/// `expected` names the new content of them all the same, while the dlist beside it names the old one.
const REWRITTEN: [&str; 2] = ["docs/letter.txt", "docs/letter-hardlink.txt"];
const OLD_CONTENT: &str = "404bcc987e4c0fd780d9d77c003efc688779bb157e2a47b534b16733f43693e2";
const NEW_CONTENT: &str = "3ef3f3c83b6b3a0b235f8c6e2d4219a353b23197f55990f0cbe0ec73aa428649";

/// Options of a case that Duplicati and Coffer share, and the passphrase.
struct Case {
    name: &'static str,
    passphrase: Option<String>,
    options: Vec<String>,
    /// Stamps of its versions, newest first.
    stamps: Vec<String>,
}

impl Case {
    fn read(name: &'static str) -> Self {
        let text = fs::read_to_string(fixture(&format!("duplicati-2.3/{name}/case.json"))).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let option = |key: &str| json["options"][key].as_str().map(str::to_owned);
        let passphrase = option("passphrase");
        let mut options = Vec::new();
        options.extend(option("prefix").map(|prefix| format!("--prefix={prefix}")));
        if passphrase.is_none() {
            options.push("--no-encryption".to_owned());
        }
        let expected = fs::read_dir(fixture(&format!("duplicati-2.3/{name}/expected"))).unwrap();
        let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut stamps: Vec<String> = expected.map(|file| stem(&file.unwrap().path())).collect();
        stamps.sort();
        stamps.reverse();
        assert!(stamps.len() >= 2, "{name}");
        Self {
            name,
            passphrase,
            options,
            stamps,
        }
    }

    fn computer(&self) -> Computer {
        let mut computer = Computer::new();
        if let Some(passphrase) = &self.passphrase {
            computer.set("PASSPHRASE", passphrase);
        }
        computer
    }

    /// What a version holds, of which `found` came back.
    fn expected(&self, stamp: &str, found: &Tree) -> Tree {
        let mut tree = expected_tree(self.name, stamp);
        for path in REWRITTEN {
            let is_old = content(found.get(path)) == Some(OLD_CONTENT);
            match tree.get_mut(path) {
                Some(Node::File { sha256, .. }) if is_old && sha256 == NEW_CONTENT => {
                    *sha256 = OLD_CONTENT.to_owned();
                }
                _ => {}
            }
        }
        tree
    }

    /// Restores each version and compares it; `later` versions were added by others.
    fn restore_all(&self, computer: &Computer, destination: &Path, later: usize) {
        let url = format!("file://{}", destination.display());
        for (number, stamp) in self.stamps.iter().enumerate() {
            let target = computer.path(&format!("{later} {stamp}"));
            let arguments = [
                "restore".to_owned(),
                url.clone(),
                format!("--restore-path={}", target.display()),
                format!("--version={}", number + later),
            ];

            let run = computer
                .coffer(arguments.iter().chain(&self.options))
                .expect(0);

            let what = format!("{} {stamp}", self.name);
            assert!(!run.stderr.contains("Warning"), "{what}: {}", run.stderr);
            let found = snapshot(&target);
            assert_same_tree(&found, &self.expected(stamp, &found), &what);
        }
    }
}

/// Without an index, then with the one that a backup by Coffer into the same folder left.
fn every_version_is_restored(name: &'static str) {
    let case = Case::read(name);
    let computer = case.computer();
    case.restore_all(
        &computer,
        &fixture(&format!("duplicati-2.3/{name}/destination")),
        0,
    );

    let destination = copy_of(&format!("duplicati-2.3/{name}/destination"));
    let source = computer.path("source");
    write_files(&source, &[("from coffer.txt", b"one more version")]);
    let url = format!("file://{}", destination.path().display());
    let arguments = ["backup".to_owned(), url, source.display().to_string()];
    computer
        .coffer(arguments.iter().chain(&case.options))
        .expect(0);
    case.restore_all(&computer, destination.path(), 1);
}

#[test]
fn the_defaults_are_restored() {
    every_version_is_restored("defaults");
}

#[test]
fn small_blocks_are_restored() {
    every_version_is_restored("small-blocks");
}

#[test]
fn other_hashes_and_another_prefix_are_restored() {
    every_version_is_restored("other-hashes");
}

#[test]
fn stored_entries_are_restored() {
    every_version_is_restored("zip-none");
}

#[test]
fn compacted_volumes_are_restored() {
    every_version_is_restored("compacted");
}

#[test]
fn a_backup_without_index_volumes_is_restored() {
    every_version_is_restored("no-index");
}

#[test]
fn rewritten_file_lists_are_restored() {
    every_version_is_restored("purged");
}

/// Paths in a version of `broken` that Duplicati names as damaged, relative to the source.
fn damaged(version: usize) -> Vec<String> {
    let path = fixture("duplicati-2.3/broken/list-broken-files.txt");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(str::trim);
    let start = format!("Fileset {version}\t");
    let lines = lines.skip_while(|line| !line.starts_with(&start)).skip(1);
    lines
        .take_while(|line| line.starts_with('/'))
        .map(|line| {
            let (path, _) = line.rsplit_once(" (").unwrap();
            let path = path.strip_prefix("/srv/source/").unwrap();
            path.trim_end_matches('/').to_owned()
        })
        .collect()
}

/// Content of a file.
fn content(node: Option<&Node>) -> Option<&str> {
    match node {
        Some(Node::File { sha256, .. }) => Some(sha256),
        _ => None,
    }
}

/// Duplicati itself gives nothing back of such a version.
#[test]
fn what_is_whole_comes_back_from_a_backup_that_lost_a_volume() {
    let case = Case::read("broken");
    let computer = case.computer();
    let url = format!(
        "file://{}",
        fixture("duplicati-2.3/broken/destination").display()
    );
    for (number, stamp) in case.stamps.iter().enumerate() {
        let damaged = damaged(number);
        let target = computer.path(stamp);
        let arguments = [
            "restore".to_owned(),
            url.clone(),
            format!("--restore-path={}", target.display()),
            format!("--version={number}"),
        ];

        let run = computer.coffer(arguments.iter().chain(&case.options));

        let run = run.expect(if damaged.is_empty() { 0 } else { 2 });
        let found = snapshot(&target);
        let expected = case.expected(stamp, &found);
        for (path, node) in &expected {
            if !damaged.contains(path) {
                assert_eq!(found.get(path), Some(node), "{stamp} {path}");
            }
        }
        for path in &damaged {
            let is_reported = run
                .stderr
                .lines()
                .any(|line| line.contains(&format!("/srv/source/{path}")));
            assert!(is_reported, "{path} in {}", run.stderr);
            // What lost only its times and rights stays; half a file does not.
            assert_eq!(
                content(found.get(path)).or(content(expected.get(path))),
                content(expected.get(path))
            );
        }
    }
    assert_eq!(
        (damaged(0).len(), damaged(1).len(), damaged(2).len()),
        (2, 15, 0)
    );
}

#[test]
fn the_version_before_a_killed_run_is_restored_and_the_backup_resumes() {
    let case = Case::read("interrupted");
    let computer = case.computer();
    let destination = copy_of("duplicati-2.3/interrupted/destination-when-killed");
    let url = format!("file://{}", destination.path().display());
    let restored = |version: &str| {
        let target = computer.path(version);
        let path = format!("--restore-path={}", target.display());
        computer
            .coffer(["restore", &url, "--no-encryption", &path, version])
            .expect(0);
        snapshot(&target)
    };
    let expected = expected_tree("interrupted", "20260301T080000Z");
    assert_same_tree(&restored("--version=0"), &expected, "as it was left");
    let source = computer.path("source");
    write_files(&source, &[("from coffer.txt", b"one more version")]);

    computer
        .coffer(["backup", &url, source.to_str().unwrap(), "--no-encryption"])
        .expect(0);

    assert_same_tree(&restored("--version=1"), &expected, "with a version more");
}

#[test]
fn volumes_that_are_tar_archives_are_restored() {
    every_version_is_restored("tgz");
    every_version_is_restored("tzstd");
}

#[test]
fn volumes_encrypted_by_gnupg_are_restored() {
    every_version_is_restored("gpg");
}

#[test]
fn uncommon_zip_methods_are_restored() {
    for name in ["zip-bzip2", "zip-lzma", "zip-ppmd", "zip-zstandard"] {
        every_version_is_restored(name);
    }
}
