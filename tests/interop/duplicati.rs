//! Every version of every backup that Duplicati wrote, restored by the command line.

use std::fs;
use std::path::Path;

use coffer_testkit::{Tree, copy_of, expected_tree, fixture, snapshot, write_files};
use coffer_tests::{Computer, assert_same_tree};
use serde_json::Value;

/// In this version `expected` names a content of two hard links that the dlist beside it does not: it was rewritten with
/// the same size and time, which Duplicati does not notice.
const MISNAMED: (&str, &str) = ("zip-none", "20260102T080000Z");
const MISNAMED_FILES: [&str; 2] = ["docs/letter.txt", "docs/letter-hardlink.txt"];

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

    /// Takes out what the fixture itself contradicts.
    fn without_misnamed(&self, stamp: &str, mut tree: Tree) -> Tree {
        if (self.name, stamp) == MISNAMED {
            for path in MISNAMED_FILES {
                tree.remove(path).unwrap();
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
            let found = self.without_misnamed(stamp, snapshot(&target));
            let expected = self.without_misnamed(stamp, expected_tree(self.name, stamp));
            assert_same_tree(&found, &expected, &what);
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
fn no_fixture_is_left_out() {
    let folders = fs::read_dir(fixture("duplicati-2.3"))
        .unwrap()
        .map(Result::unwrap);
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().join("case.json").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();

    assert_eq!(
        names,
        [
            "compacted",
            "defaults",
            "other-hashes",
            "small-blocks",
            "zip-none"
        ]
    );
}
