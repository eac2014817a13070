use std::fs;

use coffer_engine::{Existing, Permissions, RestoreOptions, Retention, Selection};
use coffer_testkit::{snapshot, write_files};

use crate::support::{Bench, noise};

fn some_files(bench: &Bench) {
    write_files(
        &bench.source(),
        &[
            ("letter.txt", b"Dear reader"),
            ("empty", b""),
            ("docs/a.txt", &b"text that repeats ".repeat(500)),
            ("docs/deep/er/b.bin", &noise(70_000, 1)),
            ("docs/copy.bin", &noise(70_000, 1)),
            ("a b/ü ☂.txt", b"umbrella"),
            ("a.txt", b"sorts between"),
        ],
    );
    fs::create_dir(bench.source().join("empty folder")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        symlink("docs", bench.source().join("link to folder")).unwrap();
        symlink("/nowhere/at/all", bench.source().join("dangling")).unwrap();
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(bench.source().join("letter.txt"), mode).unwrap();
    }
}

#[test]
fn what_was_backed_up_comes_back_on_a_new_computer() {
    for (block_size, passphrase) in [
        (1024, None),
        (100 * 1024, Some("secret")),
        (1 << 20, Some("secret")),
    ] {
        let mut bench = Bench::new();
        bench.passphrase = passphrase.map(str::to_owned);
        some_files(&bench);
        let mut options = bench.options();
        options.block_size = Some(block_size);
        let stats = bench.backup_with(options).unwrap();
        assert_eq!(bench.recorder.problems(), Vec::<String>::new());
        assert_eq!(stats.added_files, stats.examined_files);
        let before = snapshot(&bench.source());
        fs::remove_dir_all(bench.cache()).unwrap();
        let target = bench.folder.path().join("restored");

        let restored = bench.restore(0, &target).unwrap();

        assert_eq!(bench.recorder.problems(), Vec::<String>::new());
        assert_eq!(snapshot(&target), before, "block size {block_size}");
        assert_eq!(restored.restored_files, stats.examined_files);
        assert_eq!(restored.restored_others, stats.other_changes);
    }
}

#[test]
fn every_compression_method_comes_back() {
    use coffer_volume::archive::CompressionMethod;
    let mut sizes = Vec::new();
    for method in [
        CompressionMethod::None,
        CompressionMethod::Deflate,
        CompressionMethod::Zstandard,
    ] {
        let mut bench = Bench::new();
        some_files(&bench);
        write_files(
            &bench.source(),
            &[("long.txt", &b"a line of text\n".repeat(9_000))],
        );
        let mut options = bench.options();
        options.compression_method = method;

        let stats = bench.backup_with(options).unwrap();

        sizes.push(stats.uploaded_bytes);
        let target = bench.folder.path().join("restored");
        bench.restore(0, &target).unwrap();
        assert_eq!(snapshot(&target), snapshot(&bench.source()), "{method:?}");
    }
    assert!(
        sizes[0] > sizes[1] + 100_000 && sizes[0] > sizes[2] + 100_000,
        "{sizes:?}"
    );
}

#[test]
fn an_unchanged_run_reads_and_uploads_nothing() {
    let mut bench = Bench::new();
    some_files(&bench);
    bench.let_files_settle();
    bench.backup().unwrap();
    let volumes = bench.volumes();

    let stats = bench.backup().unwrap();

    assert_eq!(stats.read_files, 0);
    assert_eq!(stats.uploaded_bytes, 0);
    assert_eq!(stats.version, None);
    assert_eq!(bench.volumes(), volumes);
}

#[test]
fn only_what_changed_is_uploaded() {
    let mut bench = Bench::new();
    some_files(&bench);
    bench.backup().unwrap();
    write_files(
        &bench.source(),
        &[("new.txt", b"new"), ("moved/copy.bin", &noise(70_000, 1))],
    );
    fs::remove_file(bench.source().join("letter.txt")).unwrap();

    let stats = bench.backup().unwrap();

    // new.txt and moved/copy.bin; moved/ is new, and the source's own time changed.
    assert_eq!(
        (stats.added_files, stats.changed_files, stats.deleted_files),
        (2, 0, 1)
    );
    assert_eq!(stats.other_changes, 2);
    assert!(
        stats.uploaded_bytes < 20_000,
        "{} bytes",
        stats.uploaded_bytes
    );
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
    let old = bench.folder.path().join("old");
    bench.restore(1, &old).unwrap();
    assert!(old.join("letter.txt").exists());
}

#[cfg(unix)]
#[test]
fn a_change_that_keeps_size_and_time_is_noticed() {
    let mut bench = Bench::new();
    some_files(&bench);
    bench.backup().unwrap();
    let path = bench.source().join("letter.txt");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, b"Dear writer").unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!(stats.changed_files, 1);
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(fs::read(target.join("letter.txt")).unwrap(), b"Dear writer");
}

#[test]
fn a_lost_index_costs_no_upload() {
    let mut bench = Bench::new();
    some_files(&bench);
    bench.let_files_settle();
    // Later than the changes of the files, whose time cannot be chosen.
    bench.now = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    bench.backup().unwrap();
    fs::remove_dir_all(bench.cache()).unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!(stats.uploaded_bytes, 0);
    assert_eq!(stats.read_files, 0);
    assert_eq!(stats.version, None);
    let again = bench.backup().unwrap();
    assert_eq!(again.read_files, 0);
}

#[test]
fn a_damaged_index_is_read_anew() {
    let mut bench = Bench::new();
    some_files(&bench);
    bench.backup().unwrap();
    for file in fs::read_dir(bench.cache()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "lock" {
            fs::write(path, noise(10_000, 7)).unwrap();
        }
    }

    let stats = bench.backup().unwrap();

    assert_eq!(stats.uploaded_bytes, 0);
}

#[test]
fn files_that_fill_several_volumes_come_back() {
    let mut bench = Bench::new();
    write_files(
        &bench.source(),
        &[("big.bin", &noise(3_500_000, 3)), ("b", &noise(900_000, 4))],
    );
    let mut options = bench.options();
    options.block_size = Some(64 * 1024);
    options.volume_size = 1 << 20;

    let stats = bench.backup_with(options).unwrap();

    assert!(
        stats.uploaded_volumes > 8,
        "{} volumes",
        stats.uploaded_volumes
    );
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

#[test]
fn old_versions_go_with_keep_versions() {
    let mut bench = Bench::new();
    for round in 0..4 {
        write_files(
            &bench.source(),
            &[("f", format!("round {round}").as_bytes())],
        );
        let mut options = bench.options();
        options.retention = Retention::KeepVersions(2);
        bench.backup_with(options).unwrap();
    }

    let dlists = bench
        .volumes()
        .into_iter()
        .filter(|name| name.contains(".dlist."))
        .count();

    assert_eq!(dlists, 2);
    let target = bench.folder.path().join("restored");
    bench.restore(1, &target).unwrap();
    assert_eq!(fs::read(target.join("f")).unwrap(), b"round 2");
}

#[test]
fn chosen_files_are_restored_beside_changed_ones() {
    let mut bench = Bench::new();
    some_files(&bench);
    bench.backup().unwrap();
    let path = bench.source().join("letter.txt");
    fs::write(&path, b"Changed since").unwrap();
    let stored = coffer_engine::source::stored_path(&path).unwrap();
    let mut options = RestoreOptions {
        version: 0,
        selection: Selection::paths([stored]),
        target: None,
        existing: Existing::KeepBoth,
        permissions: Permissions::Restore,
    };

    let stats = bench.restore_with(options.clone()).unwrap();

    assert_eq!((stats.selected_files, stats.restored_files), (1, 1));
    assert_eq!(fs::read(&path).unwrap(), b"Changed since");
    let beside = fs::read_dir(bench.source())
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("letter.2026-01-0")
        });
    assert_eq!(fs::read(beside.unwrap()).unwrap(), b"Dear reader");

    options.existing = Existing::Overwrite;
    bench.restore_with(options).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"Dear reader");
}

#[test]
fn files_that_are_right_already_are_not_fetched_again() {
    let mut bench = Bench::new();
    write_files(
        &bench.source(),
        &[("big.bin", &noise(500_000, 3)), ("other", b"x")],
    );
    bench.backup().unwrap();
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    fs::remove_file(target.join("other")).unwrap();

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!(stats.failed_files, 0);
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 2);
}

#[test]
fn filters_leave_files_out() {
    use coffer_engine::filter::{Action, Filters};
    let mut bench = Bench::new();
    some_files(&bench);
    let mut options = bench.options();
    options.filters = Filters::new([
        (Action::Exclude, "*.bin"),
        (Action::Exclude, "*/docs/deep/"),
    ])
    .unwrap();

    bench.backup_with(options).unwrap();

    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert!(target.join("docs/a.txt").exists());
    assert!(!target.join("docs/copy.bin").exists());
    assert!(!target.join("docs/deep").exists());
}
