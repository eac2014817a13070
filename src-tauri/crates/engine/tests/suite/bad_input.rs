use std::fs;

use coffer_engine::{Error, Existing, Permissions, RestoreOptions, Selection};
use coffer_testkit::{snapshot, write_files};

use crate::support::{Bench, noise};

fn with_one_version() -> Bench {
    let mut bench = Bench::new();
    write_files(
        &bench.source(),
        &[
            ("a/one", b"1"),
            ("b/two", b"2"),
            ("big", &noise(300_000, 9)),
        ],
    );
    bench.backup().unwrap();
    bench
}

#[test]
fn a_wrong_passphrase_is_reported_before_anything_is_written() {
    let mut bench = with_one_version();
    let volumes = bench.volumes();
    bench.passphrase = Some("something else".to_owned());
    fs::remove_dir_all(bench.cache()).unwrap();
    let target = bench.folder.path().join("restored");

    let restore = bench.restore(0, &target);
    let backup = bench.backup();

    assert!(
        matches!(restore, Err(Error::WrongPassphrase { .. })),
        "{restore:?}"
    );
    assert!(
        matches!(backup, Err(Error::WrongPassphrase { .. })),
        "{backup:?}"
    );
    assert!(!target.exists());
    assert_eq!(bench.volumes(), volumes);
    // Shown by the first bytes of one volume.
    assert!(bench.recorder.transferred() <= 4096);
}

#[test]
fn a_backup_with_other_settings_is_not_mixed_with() {
    let mut bench = with_one_version();
    let volumes = bench.volumes();
    let mut options = bench.options();
    options.block_size = Some(2048);
    let size = bench.backup_with(options);
    let mut options = bench.options();
    options.hashes = Some(("SHA512".into(), "SHA256".into()));
    let hash = bench.backup_with(options);
    bench.passphrase = None;
    let plain = bench.backup();

    assert!(
        matches!(size, Err(Error::FormatMismatch { .. })),
        "{size:?}"
    );
    assert!(
        matches!(hash, Err(Error::FormatMismatch { .. })),
        "{hash:?}"
    );
    assert!(
        matches!(plain, Err(Error::PassphraseRequired { .. })),
        "{plain:?}"
    );
    assert_eq!(bench.volumes(), volumes);
}

#[test]
fn a_missing_source_is_not_a_deletion() {
    let mut bench = with_one_version();
    let other = bench.folder.path().join("other");
    write_files(&other, &[("kept", b"kept")]);
    let sources = vec![bench.source(), other.clone()];
    let mut options = bench.options();
    options.sources = sources.clone();
    bench.backup_with(options).unwrap();
    fs::rename(&other, bench.folder.path().join("unplugged")).unwrap();
    write_files(&bench.source(), &[("a/new", b"new")]);

    let mut options = bench.options();
    options.sources = sources.clone();
    options.retention = coffer_engine::Retention::KeepVersions(1);
    let stats = bench.backup_with(options).unwrap();

    assert_eq!(
        (stats.kept_sources, stats.deleted_files, stats.warnings),
        (1, 0, 1)
    );
    assert!(bench.recorder.problems()[0].ends_with("other: SourceMissing"));
    assert!(
        bench.recorder.details()[0].contains("files: 1"),
        "{:?}",
        bench.recorder.details()
    );
    // Retention waits.
    assert_eq!(stats.deleted_versions, 0);
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(fs::read(target.join("other/kept")).unwrap(), b"kept");
    assert_eq!(fs::read(target.join("source/a/new")).unwrap(), b"new");

    let mut options = bench.options();
    options.sources = sources;
    options.allow_missing_source = true;
    assert_eq!(bench.backup_with(options).unwrap().deleted_files, 1);
}

#[test]
fn a_source_that_is_suddenly_empty_is_not_a_deletion() {
    let mut bench = with_one_version();
    fs::remove_dir_all(bench.source()).unwrap();
    fs::create_dir(bench.source()).unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!((stats.kept_sources, stats.deleted_files), (1, 0));
    let details = bench.recorder.details();
    assert!(details[0].starts_with("SourceEmpty"), "{details:?}");
    assert!(!details[0].contains("files: 0"), "{details:?}");
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target).len(), 5);
}

#[test]
fn no_source_at_all_is_an_error_the_first_time() {
    let mut bench = Bench::new();
    fs::remove_dir(bench.source()).unwrap();

    let backup = bench.backup();

    assert!(matches!(backup, Err(Error::NoSource { .. })), "{backup:?}");
    assert!(bench.volumes().is_empty());
}

#[test]
fn a_clock_that_went_back_is_reported_and_stops_nothing() {
    let mut bench = with_one_version();
    // The clock of the bench has gone on.
    let first = bench.now - jiff::SignedDuration::from_hours(24);
    bench.now = "2025-06-01T00:00:00Z".parse().unwrap();
    write_files(&bench.source(), &[("new", b"new")]);

    let stats = bench.backup().unwrap();

    assert_eq!(
        stats.version,
        Some(first + jiff::SignedDuration::from_secs(1))
    );
    assert_eq!(stats.warnings, 1);
    assert!(bench.recorder.problems()[0].ends_with(": ClockBehind"));
}

#[test]
fn a_missing_volume_stops_the_backup_and_not_the_restore() {
    let mut bench = with_one_version();
    write_files(&bench.source(), &[("c/three", b"three")]);
    bench.backup().unwrap();
    let lost = bench
        .volumes()
        .into_iter()
        .filter(|name| name.contains(".dblock."))
        .max_by_key(|name| {
            fs::metadata(bench.destination_path().join(name))
                .unwrap()
                .len()
        })
        .unwrap();
    fs::remove_file(bench.destination_path().join(&lost)).unwrap();
    let volumes = bench.volumes();
    write_files(&bench.source(), &[("d", b"d")]);

    let backup = bench.backup();
    let target = bench.folder.path().join("restored");
    let stats = bench.restore(0, &target).unwrap();

    assert!(
        matches!(&backup, Err(Error::VolumesMissing { names, .. }) if *names == [lost.as_str()]),
        "{backup:?}"
    );
    assert_eq!(bench.volumes(), volumes);
    assert_eq!(fs::read(target.join("c/three")).unwrap(), b"three");
    assert!(!target.join("big").exists());
    let problems = bench.recorder.problems();
    assert!(
        problems.contains(&format!("{lost}: VolumeUnusable")),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.ends_with("source/big: DataMissing"))
    );
    assert!(stats.failed_files >= 3);
}

#[test]
fn versions_and_paths_that_do_not_exist_are_reported() {
    let mut bench = with_one_version();
    let target = bench.folder.path().join("restored");

    let version = bench.restore(3, &target);
    let path = bench.restore_with(RestoreOptions {
        version: 0,
        selection: Selection::paths(["/no/such/file".to_owned()]),
        target: Some(target),
        existing: Existing::KeepBoth,
        permissions: Permissions::Leave,
    });
    bench.prefix = "other".to_owned();
    let prefix = bench.restore(0, &bench.folder.path().join("x"));

    assert!(
        matches!(
            version,
            Err(Error::NoVersion {
                number: 3,
                oldest: 0
            })
        ),
        "{version:?}"
    );
    assert!(matches!(path, Err(Error::NothingMatches)), "{path:?}");
    assert!(
        matches!(&prefix, Err(Error::NoBackup { others, .. }) if others == &["duplicati"]),
        "{prefix:?}"
    );
}

#[test]
fn what_a_version_has_nothing_of_is_named_when_the_rest_comes_back() {
    let mut bench = with_one_version();
    let target = bench.folder.path().join("restored");
    let wanted = ["*", "no such name", "/no/such/path"].map(str::to_owned);

    let stats = bench.restore_with(RestoreOptions {
        version: 0,
        selection: Selection::arguments(&wanted),
        target: Some(target),
        existing: Existing::KeepBoth,
        permissions: Permissions::Leave,
    });

    assert_eq!(stats.unwrap().failed_files, 0);
    let mut reported = bench.recorder.problems();
    reported.retain(|problem| problem.contains("NotInVersion"));
    let expected = ["no such name: NotInVersion", "/no/such/path: NotInVersion"];
    assert_eq!(reported, expected);
}

#[test]
fn two_operations_on_one_destination_do_not_meet() {
    let mut bench = with_one_version();
    let lock = fs::File::create(bench.cache().join("lock")).unwrap();
    lock.lock().unwrap();

    let backup = bench.backup();
    let target = bench.folder.path().join("restored");
    let restore = bench.restore(0, &target);

    assert!(matches!(backup, Err(Error::Locked { .. })), "{backup:?}");
    // Restoring does not have to wait.
    assert_eq!(restore.unwrap().failed_files, 0);
}

#[cfg(unix)]
#[test]
fn special_files_and_names_without_unicode_are_reported() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("fine", b"fine")]);
    fs::write(
        bench.source().join(std::ffi::OsStr::from_bytes(b"odd\xff")),
        "x",
    )
    .unwrap();
    std::os::unix::net::UnixListener::bind(bench.source().join("socket")).unwrap();

    let stats = bench.backup().unwrap();

    let problems = bench.recorder.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems
            .iter()
            .any(|problem| problem.ends_with(": NameNotUnicode"))
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.ends_with("socket: SpecialFile"))
    );
    assert_eq!(stats.warnings, 1);
    assert!(stats.version.is_some());
}
