//! Integration tests have one layout: `tests/<suite>/main.rs`, and a module in it for each other file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Item, ItemMod};

/// Folders of integration tests.
fn suites() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = tests.join("../src-tauri/crates");
    let mut parents = vec![tests.to_owned()];
    for name in fs::read_dir(crates).unwrap() {
        parents.push(name.unwrap().path().join("tests"));
    }
    let suites = parents
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok());
    let suites = suites.flatten().map(|entry| entry.unwrap().path());
    suites
        .filter(|path| path.join("main.rs").is_file())
        .collect()
}

/// Adds the files of the modules that a file declares, and of those in them.
fn declared(file: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(file).unwrap();
    for item in syn::parse_file(&text).unwrap().items {
        if let Item::Mod(ItemMod {
            ident,
            content: None,
            ..
        }) = item
        {
            let file = folder.join(format!("{ident}.rs"));
            declared(&file, &folder.join(ident.to_string()), found);
            found.insert(file);
        }
    }
}

fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.insert(path);
        }
    }
}

#[test]
fn no_file_of_tests_is_forgotten() {
    let suites = suites();
    assert!(suites.len() > 10, "{suites:?}");
    for suite in suites {
        let main = suite.join("main.rs");
        let (mut there, mut run) = (BTreeSet::new(), BTreeSet::from([main.clone()]));
        files(&suite, &mut there);

        declared(&main, &suite, &mut run);

        assert_eq!(there, run);
    }
}

#[test]
fn no_tests_lie_beside_the_suites() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut beside = Vec::new();
    for name in fs::read_dir(tests.join("../src-tauri/crates")).unwrap() {
        let files = fs::read_dir(name.unwrap().path().join("tests"));
        let files = files.into_iter().flatten().map(|file| file.unwrap().path());
        beside.extend(files.filter(|file| file.extension().is_some_and(|end| end == "rs")));
    }
    assert!(beside.is_empty(), "{beside:?}");
}
