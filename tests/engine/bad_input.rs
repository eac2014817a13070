//! What is wrong is named, with the next step; nothing is written, and the exit code says so.

use std::fs;

use coffer_testkit::{snapshot, write_files};
use coffer_tests::{assert_same_tree, noise};

use crate::support::Bench;

fn with_one_version() -> Bench {
    let bench = Bench::new();
    write_files(
        &bench.source(),
        &[
            ("a/one", b"1"),
            ("b/two", b"2"),
            ("big", &noise(300_000, 9)),
        ],
    );
    bench.backup(&[]).expect(0);
    bench
}

#[test]
fn a_wrong_passphrase_is_reported_and_nothing_is_written() {
    let mut bench = with_one_version();
    let volumes = bench.volumes();
    bench.computer.set("PASSPHRASE", "something else");
    for keeps_index in [true, false] {
        if !keeps_index {
            bench.computer.clear_cache();
        }
        let words = ["passphrase does not open", "Type the passphrase"];

        bench.restore("restored", &[]).expect(100).reports(&words);
        bench.backup(&[]).expect(100).reports(&words);
        let url = bench.url();
        bench
            .computer
            .coffer(["list", &url, "--version=0"])
            .expect(100)
            .reports(&words);

        assert!(!bench.computer.path("restored").exists());
        assert_eq!(bench.volumes(), volumes);
    }
}

#[test]
fn who_asks_for_what_is_lost_gets_it_with_or_without_an_index() {
    for keeps_index in [true, false] {
        let bench = with_one_version();
        let mut dblocks = bench.volumes();
        dblocks.retain(|name| name.contains(".dblock."));
        fs::remove_file(bench.destination().join(&dblocks[0])).unwrap();
        if !keeps_index {
            bench.computer.clear_cache();
        }
        let url = bench.url();

        for command in [
            &["list-broken-files", &url][..],
            &["purge-broken-files", &url, "--dry-run"],
        ] {
            let said = bench.computer.coffer(command).expect(0);
            assert!(said.stdout.contains("a/one"), "{}", said.stdout);
        }
    }
}

#[test]
fn a_foreign_backup_is_not_touched() {
    let bench = with_one_version();
    let volumes = bench.volumes();
    write_files(&bench.source(), &[("new", b"new")]);
    for (option, words) in [
        ("--blocksize=100kb", ["blocks of", "another folder"]),
        (
            "--block-hash-algorithm=SHA512",
            ["SHA512", "another folder"],
        ),
        ("--file-hash-algorithm=SHA384", ["SHA384", "another folder"]),
        ("--no-encryption", ["is encrypted", "passphrase"]),
    ] {
        bench.backup(&[option]).expect(100).reports(&words);

        assert_eq!(bench.volumes(), volumes, "{option}");
    }
    let mut plain = Bench::new();
    write_files(&plain.source(), &[("a", b"a")]);
    plain.backup(&["--no-encryption"]).expect(0);
    let volumes = plain.volumes();
    write_files(&plain.source(), &[("b", b"b")]);
    plain
        .backup(&[])
        .expect(100)
        .reports(&["is not encrypted", "--no-encryption"]);
    assert_eq!(plain.volumes(), volumes);
    plain.computer.unset("PASSPHRASE");
    plain
        .backup(&[])
        .expect(100)
        .reports(&["No passphrase", "PASSPHRASE"]);
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    fs::write(bench.destination(), "a file in the way").unwrap();

    let run = bench.backup(&[]).expect(100);

    run.reports(&["destination", "Choose another folder"]);
    assert_eq!(fs::read(bench.destination()).unwrap(), b"a file in the way");
}

#[test]
fn a_folder_to_restore_into_that_cannot_be_created_is_reported_before_anything_is_downloaded() {
    let bench = with_one_version();
    fs::write(bench.computer.path("in the way"), "mine").unwrap();

    for target in ["in the way", "in the way/below"] {
        let run = bench.restore(target, &[]).expect(100);

        let downloaded = run.count("downloadedBytes");
        assert!(downloaded < 100_000, "{downloaded} bytes");
        run.reports(&[
            "Could not create",
            target,
            "there is a file",
            "Choose another folder",
        ]);
    }
    assert_eq!(
        fs::read(bench.computer.path("in the way")).unwrap(),
        b"mine"
    );
}

#[test]
fn a_source_that_is_missing_or_suddenly_empty_is_not_a_deletion() {
    let bench = Bench::new();
    let other = bench.computer.path("other");
    let others = other.to_str().unwrap().to_owned();
    write_files(&bench.source(), &[("a/one", b"1")]);
    write_files(&other, &[("kept", b"kept"), ("deep/kept", b"kept")]);
    bench.backup(&[&others]).expect(0);
    let expected = snapshot(&other);

    fs::rename(&other, bench.computer.path("unplugged")).unwrap();
    write_files(&bench.source(), &[("a/two", b"2")]);
    let run = bench.backup(&[&others, "--keep-versions=1"]).expect(2);
    assert_eq!(
        (run.count("deletedFiles"), run.count("deletedVersions")),
        (0, 0)
    );
    run.reports(&[&others, "was not found", "kept"]);

    fs::create_dir(&other).unwrap();
    write_files(&bench.source(), &[("a/three", b"3")]);
    let run = bench.backup(&[&others]).expect(2);
    assert_eq!(run.count("deletedFiles"), 0);
    run.reports(&[&others, "unexpectedly empty"]);

    let found = bench.restored(0);
    for (path, node) in expected.iter().filter(|(path, _)| path.contains("kept")) {
        assert_eq!(found.get(&format!("other/{path}")), Some(node), "{path}");
    }
    let run = bench.backup(&[&others, "--allow-missing-source"]).expect(0);
    assert_eq!(run.count("deletedFiles"), 2);
}

#[test]
fn without_any_source_there_is_no_first_version() {
    let bench = Bench::new();

    bench
        .backup(&[])
        .expect(100)
        .reports(&["None of the sources can be read", "attach the disk"]);

    assert_eq!(bench.volumes(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn an_older_version_stays_while_a_file_that_is_kept_unread_lacks_data() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("fine", b"fine"), ("secret", b"older")]);
    bench.computer.become_ordinary_user();
    bench.backup(&[]).expect(0);
    let before = bench.volumes();
    write_files(&bench.source(), &[("secret", b"newer!")]);
    bench.backup(&[]).expect(0);
    let is_lost = |name: &String| name.contains(".dblock.") && !before.contains(name);
    let lost = bench.volumes().into_iter().find(is_lost).unwrap();
    fs::write(bench.destination().join(lost), "").unwrap();
    let secret = bench.source().join("secret");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o000)).unwrap();
    write_files(&bench.source(), &[("fine", b"better")]);

    let run = bench.backup(&["--keep-versions=1"]).expect(2);

    assert_eq!(run.json()["counts"]["deletedVersions"], 0);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_named_and_the_rest_is_backed_up() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bench = Bench::new();
    write_files(
        &bench.source(),
        &[
            ("fine", b"fine"),
            ("secret", b"before"),
            ("closed/file", b"file"),
        ],
    );
    bench.computer.become_ordinary_user();
    bench.backup(&[]).expect(0);
    write_files(
        &bench.source(),
        &[("fine", b"better"), ("secret", b"after!")],
    );
    let forbid = |name: &str, mode| {
        fs::set_permissions(bench.source().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    forbid("secret", 0o000);
    forbid("closed", 0o000);

    let run = bench.backup(&[]).expect(2);

    assert_eq!(run.json()["result"], "warning");
    let messages = run.json()["messages"].clone();
    let subjects: Vec<&str> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects.len(), 2, "{messages}");
    assert!(
        subjects.iter().any(|subject| subject.ends_with("/secret")),
        "{messages}"
    );
    assert!(
        subjects.iter().any(|subject| subject.contains("/closed")),
        "{messages}"
    );
    run.reports(&["permission denied", "is kept"]);
    // The version is there, with what was in the one before for what could not be read.
    bench.restore("restored", &[]).expect(0);
    forbid("closed", 0o700);
    let restored = bench.computer.path("restored");
    let read = |name: &str| String::from_utf8(fs::read(restored.join(name)).unwrap()).unwrap();
    assert_eq!(
        (read("fine"), read("secret")),
        ("better".to_owned(), "before".to_owned())
    );
    assert_eq!(read("closed/file"), "file");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named_and_read_again() {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    let bench = Bench::new();
    write_files(
        &bench.source(),
        &[("busy.log", &noise(20_000_000, 5)), ("calm", b"calm")],
    );
    let mut busy = fs::File::options()
        .append(true)
        .open(bench.source().join("busy.log"))
        .unwrap();
    let done = AtomicBool::new(false);

    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                busy.write_all(b"x").unwrap();
            }
        });
        let run = bench.backup(&["--no-encryption"]);
        done.store(true, Ordering::Relaxed);
        run
    });

    run.expect(2)
        .reports(&["busy.log", "Changed while being read", "next run"]);
    // Its size and time may look the same now; it is read again all the same.
    bench.backup(&["--no-encryption"]).expect(0);
    bench.restore("restored", &["--no-encryption"]).expect(0);
    let restored = snapshot(&bench.computer.path("restored"));
    assert_same_tree(
        &restored,
        &snapshot(&bench.source()),
        "after the second run",
    );
}

#[test]
fn a_clock_behind_the_newest_version_is_reported() {
    let bench = with_one_version();
    let newest = bench
        .volumes()
        .into_iter()
        .find(|name| name.contains(".dlist."))
        .unwrap();
    let later = newest.replacen(&newest["duplicati-".len()..][..4], "2999", 1);
    fs::rename(
        bench.destination().join(newest),
        bench.destination().join(later),
    )
    .unwrap();
    // As on a computer that never saw the name of before.
    bench.computer.clear_cache();
    let entries = bench.restored(0).len();
    for name in ["new", "newer"] {
        write_files(&bench.source(), &[(name, name.as_bytes())]);
        bench.backup(&["--keep-versions=2"]).expect(2).reports(&[
            "The system clock",
            "2999-",
            "right after it",
            "set it",
        ]);
        bench.computer.clear_cache();
    }
    assert_eq!(bench.restored(0).len(), entries + 2);
    assert_eq!(bench.restored(1).len(), entries + 1);
}

#[test]
fn a_backup_that_is_not_there_is_reported() {
    let bench = Bench::new();
    let url = bench.url();
    bench
        .restore("restored", &[])
        .expect(100)
        .reports(&["no backup", "destination"]);
    write_files(&bench.source(), &[("a", b"a")]);
    bench.backup(&["--prefix=laptop"]).expect(0);
    bench
        .restore("restored", &[])
        .expect(100)
        .reports(&["no backup", "duplicati", "laptop"]);
    bench
        .restore("restored", &["--prefix=laptop", "no-such-file"])
        .expect(100)
        .reports(&["Nothing", "check the path"]);
    bench
        .computer
        .coffer(["backup", &url, "/", "--prefix=a-b"])
        .expect(100)
        .reports(&["prefix", "hyphen"]);
    bench
        .computer
        .coffer(["backup", "ftp://x", "/"])
        .expect(100)
        .reports(&["ftp://", "onedrivev2://"]);
    assert!(!bench.computer.path("restored").exists());
}

#[test]
fn coffers_own_folders_are_never_a_source() {
    let bench = Bench::new();
    fs::create_dir(bench.source()).unwrap();
    let everything = bench.computer.path(".");
    let everything = everything.to_str().unwrap();
    let url = bench.url();
    write_files(&bench.computer.path("data"), &[("own", b"own")]);
    write_files(&bench.computer.path("cache"), &[("own", b"own")]);
    write_files(&bench.computer.path("home"), &[("mine", b"mine")]);

    bench
        .computer
        .coffer(["backup", &url, everything, "--exclude=*/destination/"])
        .expect(0);

    let listed = bench
        .computer
        .coffer(["list", &url, "--version=0"])
        .expect(0);
    assert!(listed.stdout.contains("home/mine"), "{}", listed.stdout);
    assert!(!listed.stdout.contains("/own"), "{}", listed.stdout);
}

#[test]
fn the_folder_that_the_backup_goes_to_is_never_a_source() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    let inside = bench.source().join("backup");
    let (inside, source) = (inside.to_str().unwrap(), bench.source());
    let backup = || {
        bench
            .computer
            .coffer(["backup", inside, source.to_str().unwrap()])
    };
    backup().expect(0);
    // The folder is in the way that leads to it, and it has changed.
    backup();

    backup().expect(1);

    let listed = bench
        .computer
        .coffer(["list", inside, "--version=0"])
        .expect(0);
    assert!(!listed.stdout.contains(".dlist."), "{}", listed.stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_spool_disk_is_reported_and_a_later_run_resumes() {
    let bench = Bench::new();
    write_files(
        &bench.source(),
        &[
            ("first", &noise(3_000_000, 1)),
            ("second", &noise(30_000_000, 2)),
        ],
    );
    let (url, source) = (bench.url(), bench.source());

    let run = bench.computer.coffer_with_small_disk(
        &bench.computer.path("cache"),
        &["backup", &url, source.to_str().unwrap()],
    );

    run.expect(100)
        .reports(&["cache", "is full", "Free up space"]);
    assert!(!bench.volumes().iter().any(|name| name.contains(".dlist.")));
    bench.backup(&[]).expect(0);
    assert_same_tree(&bench.restored(0), &snapshot(&bench.source()), "afterwards");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_destination_disk_is_reported() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("big", &noise(30_000_000, 2))]);
    fs::create_dir(bench.destination()).unwrap();
    let (url, source) = (bench.url(), bench.source());

    let run = bench.computer.coffer_with_small_disk(
        &bench.destination(),
        &[
            "backup",
            &url,
            source.to_str().unwrap(),
            "--dblock-size=4mb",
        ],
    );

    run.expect(100)
        .reports(&["destination", "full", "Free up space"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_while_restoring_is_reported_by_its_folder() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("big", &noise(30_000_000, 2))]);
    bench.backup(&[]).expect(0);
    let (url, target) = (bench.url(), bench.computer.path("restored"));
    fs::create_dir(&target).unwrap();

    let run = bench.computer.coffer_with_small_disk(
        &target,
        &["restore", &url, "--restore-path", target.to_str().unwrap()],
    );

    run.expect(100)
        .reports(&["The disk with /", "/restored", "is full", "Free up space"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_restore_from_a_folder_needs_no_room_for_volumes() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("big", &noise(30_000_000, 2))]);
    bench.backup(&[]).expect(0);
    bench.computer.clear_cache();
    let (url, target) = (bench.url(), bench.computer.path("restored"));

    let run = bench.computer.coffer_with_small_disk(
        &bench.computer.path("cache"),
        &["restore", &url, "--restore-path", target.to_str().unwrap()],
    );

    run.expect(0);
    assert_same_tree(&snapshot(&target), &snapshot(&bench.source()), "restored");
}
