use std::fs;

use coffer_onedrive_sim::{ALEX_DRIVE, Op, SHARED_DRIVE};
use coffer_testkit::{Node, snapshot, write_files};
use coffer_tests::{Computer, assert_same_tree, noise, write_source};

use crate::support::{Bench, FOLDER, PASSPHRASE, URL};

#[test]
fn a_folder_goes_to_onedrive_and_comes_back_on_a_new_computer() {
    let mut bench = Bench::new();
    write_source(&bench.source());
    write_files(&bench.source(), &[("film.mp4", &noise(5_000_000, 9))]);
    let first = snapshot(&bench.source());
    // As in Duplicati, the address itself may hold the AuthID.
    let auth_id = bench.microsoft.seed_auth_id("alex");
    let url = format!("{URL}?authid={}", auth_id.replace(':', "%3A"));
    bench.computer.unset("COFFER_AUTHID");
    let source = bench.source();
    let source = source.to_str().unwrap();

    let run = bench
        .computer
        .coffer(["backup", &url, source, "--json"])
        .expect(0);

    let files = first
        .values()
        .filter(|node| matches!(node, Node::File { .. }));
    assert_eq!(run.count("addedFiles"), files.count() as u64);
    let before = bench.microsoft.files(ALEX_DRIVE, FOLDER);
    let stored: usize = before.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(run.count("uploadedBytes"), stored as u64);
    assert_eq!(run.count("uploadedVolumes"), before.len() as u64);
    // Large volumes go in fragments, and all of them to the addresses that were given for it, without the token.
    let log = bench.microsoft.log();
    assert!(log.iter().any(|entry| entry.op == Op::Fragment));
    assert!(
        !log.iter()
            .any(|entry| entry.origin != "api" && entry.had_auth)
    );

    write_files(
        &bench.source(),
        &[("new.bin", &noise(50_000, 77)), ("letter.txt", b"P.S.")],
    );
    fs::remove_file(bench.source().join("photos/a.jpg")).unwrap();
    let second = snapshot(&bench.source());
    let seen = log.last().unwrap().seq;
    let run = bench
        .computer
        .coffer(["backup", &url, source, "--json"])
        .expect(0);

    let sent: u64 = bench
        .microsoft
        .log_since(seen)
        .iter()
        .map(|entry| entry.bytes)
        .sum();
    assert!((50_000..100_000).contains(&sent), "{sent} bytes were sent");
    assert_eq!(run.count("uploadedVolumes"), 3);
    let after = bench.microsoft.files(ALEX_DRIVE, FOLDER);
    assert_eq!(after.len(), before.len() + 3);
    assert!(before.iter().all(|file| after.contains(file)));

    let mut other = Computer::new();
    other
        .connect(&bench.microsoft, "alex")
        .set("PASSPHRASE", PASSPHRASE);
    for (version, expected) in [("--version=0", &second), ("--version=1", &first)] {
        let target = other.path(version);
        let path = format!("--restore-path={}", target.display());
        other.coffer(["restore", URL, &path, version]).expect(0);
        assert_same_tree(&snapshot(&target), expected, version);
    }
    bench.computer.connect(&bench.microsoft, "alex");
    assert_same_tree(&bench.restored(1, &[]), &first, "where the index is");
}

#[test]
fn a_drive_id_leads_to_the_other_drive() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a", b"on the other drive")]);
    // An AuthID of the usual kind reaches only the user's own files.
    let auth_id = bench.microsoft.seed_auth_id_for("alex", "sharepoint");
    bench.computer.set("COFFER_AUTHID", auth_id);
    let drive = format!("--drive-id={SHARED_DRIVE}");

    bench.backup(&[&drive]).expect(0);

    assert_eq!(bench.volumes(SHARED_DRIVE).len(), 3);
    assert_eq!(bench.microsoft.tree(ALEX_DRIVE), []);
    let found = bench.restored(0, &[&drive]);
    assert_same_tree(&found, &snapshot(&bench.source()), "from the other drive");
    bench.backup(&["--upload-unchanged-backups"]).expect(0);
    assert_eq!(bench.volumes(ALEX_DRIVE).len(), 3);
}

#[test]
fn versions_are_listed_and_deleted_there_too() {
    let bench = Bench::new();
    for round in 0..3 {
        write_files(&bench.source(), &[("changes", &[round; 100])]);
        bench.backup(&[]).expect(0);
    }
    let versions = |count: usize| {
        let listed = bench
            .computer
            .coffer(["list", URL, "--json"])
            .expect(0)
            .json();
        assert_eq!(listed.as_array().unwrap().len(), count);
        let held = bench
            .computer
            .coffer(["test-connection", URL, "--json"])
            .expect(0)
            .json();
        assert_eq!(held["versions"].as_array().unwrap().len(), count);
    };
    versions(3);

    bench
        .computer
        .coffer(["delete", URL, "--keep-versions=1"])
        .expect(0);

    versions(1);
    assert_same_tree(
        &bench.restored(0, &[]),
        &snapshot(&bench.source()),
        "the newest",
    );
}

#[test]
fn options_name_the_auth_id_service_and_the_size_of_fragments() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("film.mp4", &noise(5_000_000, 9))]);
    let auth_id = format!("--authid={}", bench.microsoft.seed_auth_id("alex"));
    let service = format!("--oauth-url={}", bench.microsoft.oauth_url());
    bench
        .computer
        .unset("COFFER_OAUTH_URL")
        .unset("COFFER_AUTHID");

    bench
        .backup(&[&auth_id, &service, "--fragment-size", "1000000"])
        .expect(0);

    // Rounded down to a multiple of 320 KiB.
    let log = bench.microsoft.log();
    let fragments = log.iter().filter(|entry| entry.op == Op::Fragment);
    let largest = fragments.map(|entry| entry.bytes).max();
    assert_eq!(largest, Some(3 * 327_680));
}
