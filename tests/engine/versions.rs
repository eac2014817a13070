use std::collections::BTreeMap;
use std::fs;

use coffer_testkit::{Node, snapshot, write_files};
use coffer_tests::{assert_same_tree, noise, write_source};

use crate::support::Bench;

/// Bytes of every volume.
fn contents(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = fs::read(bench.destination().join(&name)).unwrap();
        (name, bytes)
    };
    bench.volumes().into_iter().map(read).collect()
}

#[test]
fn every_version_comes_back_and_only_changes_are_stored() {
    for options in [&["--no-encryption"][..], &[]] {
        let bench = Bench::new();
        write_source(&bench.source());
        let first = snapshot(&bench.source());
        let run = bench.backup(options).expect(0);
        let files = first
            .values()
            .filter(|node| matches!(node, Node::File { .. }));
        assert_eq!(run.count("addedFiles"), files.count() as u64);
        let stored = contents(&bench);

        write_files(
            &bench.source(),
            &[
                ("new/small.bin", &noise(50_000, 77)),
                ("letter.txt", b"P.S."),
            ],
        );
        fs::remove_file(bench.source().join("photos/a.jpg")).unwrap();
        let second = snapshot(&bench.source());
        let run = bench.backup(options).expect(0);

        assert_eq!((run.count("addedFiles"), run.count("deletedFiles")), (1, 1));
        let uploaded = run.count("uploadedBytes");
        assert!((50_000..90_000).contains(&uploaded), "{uploaded} bytes");
        let stored_now = contents(&bench);
        for (name, bytes) in &stored {
            assert!(stored_now.get(name) == Some(bytes), "{name} was touched");
        }
        for restoring in [options, &[options, &["--overwrite"]].concat()] {
            for (version, expected) in [(0, &second), (1, &first)] {
                let target = format!("restored {version}");
                let numbered = format!("--version={version}");
                bench
                    .restore(&target, &[restoring, &[&numbered]].concat())
                    .expect(0);
                let found = snapshot(&bench.computer.path(&target));
                assert_same_tree(&found, expected, &target);
            }
            // The second time on a computer that knows nothing.
            bench.computer.clear_cache();
        }
    }
}

#[test]
fn nothing_is_stored_when_nothing_changed() {
    let bench = Bench::new();
    write_source(&bench.source());
    bench.backup(&[]).expect(0);
    let stored = contents(&bench);

    let run = bench.backup(&[]).expect(1);

    assert_eq!(run.json()["result"], "unchanged");
    assert!(contents(&bench) == stored);
    bench.backup(&["--upload-unchanged-backups"]).expect(0);
    assert_eq!(bench.volumes().len(), stored.len() + 1);
}

#[test]
fn a_deleted_version_is_gone_and_the_others_stay() {
    let bench = Bench::new();
    let mut trees = Vec::new();
    for round in 0..4 {
        write_files(
            &bench.source(),
            &[
                ("same", b"same"),
                ("changes", format!("round {round}").as_bytes()),
            ],
        );
        trees.insert(0, snapshot(&bench.source()));
        bench.backup(&[]).expect(0);
    }
    let delete = |options: &[&str]| {
        let url = bench.url();
        bench.computer.coffer([&["delete", &url], options].concat())
    };

    delete(&["--version=0,2", "--dry-run"]).expect(0);
    assert_eq!(bench.restored(3), trees[3]);
    delete(&["--version=0,2"]).expect(0);

    assert_same_tree(&bench.restored(0), &trees[1], "version 1 is the newest");
    assert_same_tree(&bench.restored(1), &trees[3], "version 3 is the next");
    bench
        .restore("none", &["--version=2"])
        .expect(100)
        .reports(&["no version 2", "0 (the newest) to 1"]);
    delete(&["--version=0-1"])
        .expect(100)
        .reports(&["every version", "--allow-full-removal"]);
    assert_eq!(bench.restored(1), trees[3]);
}

#[test]
fn chosen_files_come_back_where_they_were_and_beside_what_changed() {
    let bench = Bench::new();
    write_source(&bench.source());
    bench.backup(&[]).expect(0);
    let expected = snapshot(&bench.source());
    let letter = bench.source().join("letter.txt");
    fs::write(&letter, "Changed since").unwrap();
    fs::remove_dir_all(bench.source().join("docs/deep")).unwrap();
    let url = bench.url();
    let (letter, deep) = (letter.to_str().unwrap(), bench.source().join("docs/deep"));
    let deep = format!("{}/*", deep.display());

    let run = bench
        .computer
        .coffer(["restore", &url, letter, &deep, "--json"])
        .expect(0);

    assert_eq!(fs::read(letter).unwrap(), b"Changed since");
    assert_eq!(run.count("failedFiles"), 0);
    let mut found = snapshot(&bench.source());
    let beside: Vec<_> = found
        .keys()
        .filter(|path| path.starts_with("letter.") && *path != "letter.txt")
        .cloned()
        .collect();
    let [beside] = &beside[..] else {
        panic!("{beside:?}")
    };
    assert_eq!(found.remove(beside), expected.get("letter.txt").cloned());
    assert_eq!(
        found.get("docs/deep/er/noise.bin"),
        expected.get("docs/deep/er/noise.bin")
    );

    bench
        .computer
        .coffer(["restore", &url, letter, "--overwrite"])
        .expect(0);
    assert_eq!(fs::read(letter).unwrap(), b"Dear reader");
}

#[cfg(unix)]
#[test]
fn modes_are_left_alone_when_permissions_are_not_wanted() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    write_files(&bench.source(), &[("script", b"#!/bin/sh")]);
    let script = bench.source().join("script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    bench.backup(&[]).expect(0);

    bench.restore("with", &[]).expect(0);
    bench
        .restore("without", &["--restore-permissions=false"])
        .expect(0);

    let mode = |folder: &str| {
        let path = bench.computer.path(folder).join("script");
        fs::metadata(path).unwrap().permissions().mode() & 0o111
    };
    assert_eq!((mode("with"), mode("without")), (0o111, 0));
}

#[test]
fn filters_and_retention_are_obeyed() {
    let bench = Bench::new();
    write_source(&bench.source());
    for round in 0..3 {
        write_files(&bench.source(), &[("round", &[round])]);
        bench
            .backup(&[
                "--exclude=*.jpg",
                "--exclude",
                "*/docs/deep/",
                "--keep-versions=2",
            ])
            .expect(0);
    }

    let found = bench.restored(1);

    assert!(found.contains_key("docs/twin.bin") && found.contains_key("photos"));
    assert!(
        !found
            .keys()
            .any(|path| path.ends_with(".jpg") || path.starts_with("docs/deep"))
    );
    let dlists = bench
        .volumes()
        .into_iter()
        .filter(|name| name.contains(".dlist."));
    assert_eq!(dlists.count(), 2);
}
