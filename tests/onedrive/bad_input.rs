//! What is wrong is named, with the next step; nothing is written, and the exit code says so.

use std::net::TcpListener;

use coffer_onedrive_sim::{ALEX_DRIVE, Op, ROBIN_DRIVE};
use coffer_testkit::{snapshot, write_files};
use coffer_tests::{assert_same_tree, noise};

use crate::support::{Bench, FOLDER, URL};

fn with_a_file() -> Bench {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    bench
}

/// An address on this computer that no server listens on.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_missing_or_wrong_auth_id_is_reported() {
    let mut bench = with_a_file();
    let unknown = "0123456789abcdef0123456789abcdef:aB1!aB1!aB1!aB1!aB1!a";
    for (auth_id, words) in [
        ("nonsense", ["not an AuthID", "sign in again"]),
        (unknown, ["sign-in is no longer valid", "Sign in again"]),
        (
            "v2:onedrivev2:no-such-refresh-token",
            ["sign-in is no longer valid", "Sign in again"],
        ),
    ] {
        bench.computer.set("COFFER_AUTHID", auth_id);

        let run = bench.backup(&[]).expect(100).reports(&words);

        assert!(!run.stderr.contains(auth_id), "{}", run.stderr);
    }
    bench.computer.unset("COFFER_AUTHID");
    bench.backup(&[]).expect(100).reports(&[
        "has no AuthID",
        "coffer auth login",
        "?type=onedrivev2",
    ]);
    assert_eq!(bench.microsoft.tree(ALEX_DRIVE), []);
}

#[test]
fn a_revoked_sign_in_is_reported_and_a_new_one_resumes() {
    let mut bench = with_a_file();
    bench.backup(&[]).expect(0);
    let volumes = bench.volumes(ALEX_DRIVE);
    write_files(&bench.source(), &[("b", b"b")]);
    bench.microsoft.revoke("alex");

    let run = bench
        .backup(&[])
        .expect(100)
        .reports(&["sign-in is no longer valid", "Sign in again"]);

    assert_eq!(run.json()["error"]["code"], "signInRequired");
    assert_eq!(bench.volumes(ALEX_DRIVE), volumes);
    let auth_id = bench.microsoft.seed_auth_id("alex");
    bench.computer.set("COFFER_AUTHID", auth_id);
    bench.backup(&[]).expect(0);
}

#[test]
fn an_unknown_drive_or_one_of_another_user_is_reported() {
    let bench = with_a_file();
    for drive in ["b!no-such-drive", ROBIN_DRIVE] {
        let option = format!("--drive-id={drive}");

        bench
            .backup(&[&option])
            .expect(100)
            .reports(&[drive, "Check the drive"]);
    }
    assert_eq!(bench.microsoft.tree(ALEX_DRIVE), []);
    assert_eq!(bench.microsoft.tree(ROBIN_DRIVE), []);
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let bench = with_a_file();
    bench
        .microsoft
        .put_file(ALEX_DRIVE, "/Backups", b"a file in the way");
    bench
        .backup(&[])
        .expect(100)
        .reports(&["Backups", "folder"]);
    assert_eq!(bench.microsoft.tree(ALEX_DRIVE).len(), 1);

    let bench = with_a_file();
    bench.microsoft.set_readonly(ALEX_DRIVE, true);
    bench
        .backup(&[])
        .expect(100)
        .reports(&["Backups", "this account has permission"]);
    assert_eq!(bench.microsoft.tree(ALEX_DRIVE), []);

    for name in ["CON", "a:b*c", "x".repeat(300).as_str()] {
        let url = format!("onedrivev2:///Backups/{name}/y");
        let run = bench
            .computer
            .coffer(["backup", &url, bench.source().to_str().unwrap()])
            .expect(100);
        run.reports(&["folder", "Choose another"]);
    }
    assert_eq!(bench.microsoft.tree(ALEX_DRIVE), []);
}

#[test]
fn a_full_drive_is_reported_and_a_later_run_resumes() {
    let bench = Bench::new();
    write_files(
        &bench.source(),
        &[("big", &noise(9_000_000, 1)), ("small", b"small")],
    );
    bench.microsoft.set_quota(ALEX_DRIVE, 3_000_000);

    let run = bench
        .backup(&["--dblock-size=2mb", "--blocksize=100kb"])
        .expect(100);

    assert_eq!(run.json()["error"]["code"], "full");
    run.reports(&["destination is full", "Free up space"]);
    assert!(
        !bench
            .volumes(ALEX_DRIVE)
            .iter()
            .any(|name| name.contains(".dlist."))
    );
    bench.microsoft.set_quota(ALEX_DRIVE, 5_000_000_000);
    bench.backup(&[]).expect(0);
    assert_same_tree(
        &bench.restored(0, &[]),
        &snapshot(&bench.source()),
        "afterwards",
    );
}

#[test]
fn a_wrong_passphrase_is_reported_within_the_first_volume() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("big", &noise(6_000_000, 1))]);
    bench.backup(&[]).expect(0);
    let (volumes, seen) = (
        bench.volumes(ALEX_DRIVE),
        bench.microsoft.log().last().unwrap().seq,
    );
    bench
        .computer
        .set("PASSPHRASE", "something else")
        .clear_cache();
    let target = bench.computer.path("restored");
    let path = format!("--restore-path={}", target.display());

    bench
        .computer
        .coffer(["restore", URL, &path])
        .expect(100)
        .reports(&["passphrase does not open", "My PC"]);
    bench
        .backup(&[])
        .expect(100)
        .reports(&["passphrase does not open", "Nothing was written"]);

    assert!(!target.exists());
    assert_eq!(bench.volumes(ALEX_DRIVE), volumes);
    let downloads = bench.microsoft.log_since(seen);
    let downloads = downloads.iter().filter(|entry| entry.op == Op::Download);
    assert!(
        downloads.clone().all(|entry| entry.range.is_some()),
        "a volume came whole"
    );
    assert_eq!(downloads.count(), 2);
}

#[test]
fn no_network_is_reported_and_a_later_run_resumes() {
    let mut bench = with_a_file();
    bench.backup(&[]).expect(0);
    write_files(&bench.source(), &[("b", b"b")]);
    let (graph, oauth) = (
        bench.microsoft.api_url().to_owned(),
        bench.microsoft.oauth_url(),
    );
    let words = ["cannot be reached", "Nothing is lost"];

    bench.computer.set("COFFER_GRAPH_ENDPOINT", nowhere());
    let run = bench
        .backup(&["--number-of-retries=0"])
        .expect(100)
        .reports(&words);
    assert_eq!(run.json()["error"]["code"], "offline");
    bench
        .computer
        .set("COFFER_OAUTH_URL", format!("{}/refresh", nowhere()));
    bench
        .backup(&["--number-of-retries=0"])
        .expect(100)
        .reports(&words);

    bench
        .computer
        .set("COFFER_GRAPH_ENDPOINT", graph)
        .set("COFFER_OAUTH_URL", oauth);
    bench.backup(&[]).expect(0);
    assert_same_tree(
        &bench.restored(0, &[]),
        &snapshot(&bench.source()),
        "afterwards",
    );
}

#[test]
fn without_a_keychain_signing_in_is_refused_before_the_browser_opens() {
    let mut bench = Bench::new();
    bench.computer.unset("COFFER_AUTHID");
    bench.microsoft.set_auto_consent(Some("alex"));

    let run = bench.computer.coffer(["auth", "login"]).expect(100);

    run.reports(&["keychain", "in the environment instead"]);
    assert_eq!(bench.microsoft.log().len(), 0);
    // Nothing fell back to a file.
    let data = coffer_tests::volumes(&bench.computer.path("data"));
    assert!(
        data.iter()
            .all(|name| name.starts_with("coffer.sqlite") || name == "logs"),
        "{data:?}"
    );
    bench.computer.coffer(["auth", "list"]).expect(0);
}

#[test]
fn a_foreign_backup_on_the_drive_is_not_touched() {
    let bench = with_a_file();
    bench.backup(&["--blocksize=100kb"]).expect(0);
    let volumes = bench.volumes(ALEX_DRIVE);
    write_files(&bench.source(), &[("b", b"b")]);
    for keeps_index in [true, false] {
        if !keeps_index {
            bench.computer.clear_cache();
        }
        let words = [&FOLDER[1..], "another folder", "Nothing was uploaded"];
        bench
            .backup(&["--blocksize=1mb"])
            .expect(100)
            .reports(&words);
        bench
            .backup(&["--block-hash-algorithm=SHA512"])
            .expect(100)
            .reports(&words);
        bench
            .backup(&["--no-encryption"])
            .expect(100)
            .reports(&["is encrypted", "passphrase"]);
    }
    assert_eq!(bench.volumes(ALEX_DRIVE), volumes);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_for_volumes_to_restore_is_reported() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("big", &noise(30_000_000, 2))]);
    bench.backup(&[]).expect(0);
    bench.computer.clear_cache();
    let target = bench.computer.path("restored");

    let run = bench.computer.coffer_with_small_disk(
        &bench.computer.path("cache"),
        &["restore", URL, "--restore-path", target.to_str().unwrap()],
    );

    run.expect(100)
        .reports(&["The disk with /", "/cache", "is full", "Free up space"]);
}
