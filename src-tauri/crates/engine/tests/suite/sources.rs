//! Sources that are not there, lie, or change: nothing is taken for deleted that is only away.

use std::fs;
use std::path::{Path, PathBuf};

use coffer_engine::filter::{Action, Filters};
#[cfg(unix)]
use coffer_engine::source::SymlinkPolicy;
use coffer_engine::{BackupOptions, BackupStats, Error, Retention};
use coffer_testkit::{snapshot, write_files};
use jiff::{SignedDuration, Timestamp};

use crate::support::{Bench, noise};

/// What happens to a folder.
#[cfg(unix)]
type Change = fn(&Path);

/// One version with these files, and options that keep the newest alone.
fn with_files(files: &[&str]) -> Bench {
    let mut bench = Bench::new();
    for name in files {
        write_files(&bench.source(), &[(name, name.as_bytes())]);
    }
    bench.backup().unwrap();
    bench
}

fn keeping_one(bench: &Bench) -> BackupOptions {
    let mut options = bench.options();
    options.retention = Retention::KeepVersions(1);
    options
}

fn run_keeping_one(bench: &mut Bench) -> BackupStats {
    let options = keeping_one(bench);
    bench.backup_with(options).unwrap()
}

fn restored(bench: &mut Bench, version: usize) -> Vec<String> {
    let target = tempfile::tempdir().unwrap();
    let target = target.path().join("restored");
    bench.restore(version, &target).unwrap();
    snapshot(&target).into_keys().collect()
}

fn rules(rules: &[(Action, &str)]) -> Filters {
    Filters::new(rules.iter().copied()).unwrap()
}

/// Moves the source away, as if its disk were unplugged.
fn unplug(bench: &Bench) -> PathBuf {
    let away = bench.folder.path().join("unplugged");
    fs::rename(bench.source(), &away).unwrap();
    away
}

#[test]
fn without_any_source_nothing_is_written_and_nothing_deleted() {
    let mut bench = with_files(&["a", "b"]);
    let before = bench.volumes();
    let other = bench.folder.path().join("mistyped");
    for sources in [
        vec![other.clone()],
        vec![other, bench.folder.path().join("x")],
    ] {
        let mut options = keeping_one(&bench);
        options.sources = sources;
        options.allow_missing_source = true;

        let outcome = bench.backup_with(options);

        assert!(
            matches!(outcome, Err(Error::NoSource { .. })),
            "{outcome:?}"
        );
        assert_eq!(bench.volumes(), before);
    }
}

#[cfg(unix)]
#[test]
fn a_source_that_is_a_link_to_an_unplugged_disk_is_kept() {
    let mut bench = Bench::new();
    let disk = bench.folder.path().join("disk");
    write_files(&disk, &[("photos/one", b"1"), ("photos/two", b"2")]);
    write_files(&bench.source(), &[("here", b"here")]);
    let link = bench.folder.path().join("link");
    std::os::unix::fs::symlink(disk.join("photos"), &link).unwrap();
    let options = |bench: &Bench| {
        let mut options = keeping_one(bench);
        options.sources = vec![bench.source(), link.clone()];
        options
    };
    let first = options(&bench);
    bench.backup_with(first).unwrap();
    fs::rename(&disk, bench.folder.path().join("elsewhere")).unwrap();
    write_files(&bench.source(), &[("new", b"new")]);

    let second = options(&bench);
    let stats = bench.backup_with(second).unwrap();

    assert_eq!((stats.kept_sources, stats.deleted_versions), (1, 0));
    assert_eq!(stats.deleted_files, 0);
    let names = restored(&mut bench, 0);
    assert!(
        names.iter().any(|name| name.ends_with("link/one")),
        "{names:?}"
    );
}

#[test]
fn an_empty_mount_point_is_not_a_deletion() {
    for left in [&[][..], &["NOT_MOUNTED"], &["lost+found/x", ".DS_Store"]] {
        let mut bench = with_files(&["a", "b"]);
        unplug(&bench);
        fs::create_dir(bench.source()).unwrap();
        for name in left {
            write_files(&bench.source(), &[(name, b"")]);
        }

        let stats = run_keeping_one(&mut bench);

        assert_eq!(
            (stats.kept_sources, stats.deleted_files),
            (1, 0),
            "{left:?}"
        );
        assert_eq!(stats.deleted_versions, 0);
        assert_eq!(restored(&mut bench, 0), ["a", "b"]);
    }
}

/// Lets the index believe that another file system was at a folder of the source.
#[cfg(unix)]
fn replace_disk(bench: &Bench, folder: &str) {
    let index = coffer_database::Index::open(&bench.cache().join("index.sqlite")).unwrap();
    let folder = format!("{}/{folder}", bench.source().display());
    index
        .set_mounts(&[(folder, 4711)].into_iter().collect())
        .unwrap();
}

#[cfg(unix)]
#[test]
fn a_disk_that_comes_after_its_empty_mount_point_was_backed_up_is_backed_up() {
    for left in [&["NOT_MOUNTED"][..], &["lost+found/x", ".DS_Store"]] {
        for content in [&[][..], &["a"]] {
            let mut bench = with_files(left);
            replace_disk(&bench, "");
            fs::remove_dir_all(bench.source()).unwrap();
            fs::create_dir(bench.source()).unwrap();
            for name in content {
                write_files(&bench.source(), &[(name, b"")]);
            }

            let stats = run_keeping_one(&mut bench);

            assert_eq!(stats.kept_sources, 0, "{left:?}");
            assert_eq!(restored(&mut bench, 0), *content);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_away_is_told_by_its_device_also_within_a_source() {
    let mut bench = with_files(&["disk/a", "disk/b", "here"]);
    replace_disk(&bench, "disk/");
    for name in ["a", "b"] {
        fs::remove_file(bench.source().join("disk").join(name)).unwrap();
    }
    write_files(&bench.source(), &[("disk/of the system disk", b"x")]);

    let stats = run_keeping_one(&mut bench);

    assert_eq!((stats.kept_sources, stats.deleted_files), (1, 0));
    assert_eq!(
        restored(&mut bench, 0),
        ["disk", "disk/a", "disk/b", "here"]
    );
    // Another device with the same files is the same disk at another socket.
    write_files(&bench.source(), &[("disk/a", b"disk/a")]);
    let stats = run_keeping_one(&mut bench);
    assert_eq!(stats.kept_sources, 0);
    assert_eq!(stats.deleted_files, 1);
    // One that was replaced is taken as it is when that is said; versions of the old one stay for now.
    replace_disk(&bench, "disk/");
    fs::remove_dir_all(bench.source().join("disk")).unwrap();
    write_files(&bench.source(), &[("disk/new", b"x")]);
    assert_eq!(run_keeping_one(&mut bench).kept_sources, 1);
    let mut options = keeping_one(&bench);
    options.allow_missing_source = true;
    let stats = bench.backup_with(options).unwrap();
    assert_eq!(bench.recorder.problems(), [""; 0]);
    assert_eq!((stats.kept_sources, stats.deleted_versions), (0, 0));
    assert_eq!(restored(&mut bench, 0), ["disk", "disk/new", "here"]);
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_its_mount_point_along_is_away() {
    let mut bench = with_files(&["disk/a", "here"]);
    replace_disk(&bench, "disk/");
    fs::remove_dir_all(bench.source().join("disk")).unwrap();
    write_files(&bench.source(), &[("here", b"changed")]);

    let stats = run_keeping_one(&mut bench);

    assert_eq!((stats.kept_sources, stats.deleted_versions), (1, 0));
    assert_eq!(restored(&mut bench, 0), ["disk", "disk/a", "here"]);
}

#[test]
fn a_source_that_became_something_else_is_kept_as_it_was() {
    let folder_then_file = || {
        let bench = with_files(&["a", "b"]);
        unplug(&bench);
        fs::write(bench.source(), b"a list of the photos").unwrap();
        (bench, "a, b")
    };
    let file_then_folder = || {
        let mut bench = Bench::new();
        fs::remove_dir(bench.source()).unwrap();
        fs::write(bench.source(), b"a diary").unwrap();
        bench.backup().unwrap();
        fs::remove_file(bench.source()).unwrap();
        write_files(&bench.source(), &[("a", b"a")]);
        (bench, "source")
    };
    for (mut bench, was) in [folder_then_file(), file_then_folder()] {
        let stats = run_keeping_one(&mut bench);

        assert_eq!((stats.kept_sources, stats.deleted_files), (1, 0), "{was}");
        assert_eq!(stats.deleted_versions, 0, "{was}");
        assert_eq!(restored(&mut bench, 0).join(", "), was);
        // When that is meant, the versions from before stay for now.
        let mut options = keeping_one(&bench);
        options.allow_missing_source = true;
        let stats = bench.backup_with(options).unwrap();
        assert_eq!(
            (stats.kept_sources, stats.deleted_versions),
            (0, 0),
            "{was}"
        );
        assert_eq!(restored(&mut bench, 1).join(", "), was);
    }
}

#[cfg(unix)]
#[test]
fn a_source_whose_link_leads_to_another_folder_is_kept_as_it_was() {
    let mut bench = Bench::new();
    let (one, other) = (
        bench.folder.path().join("one"),
        bench.folder.path().join("other"),
    );
    write_files(&one, &[("photos", b"1"), ("letters", b"2")]);
    write_files(&other, &[("music", b"3")]);
    fs::remove_dir(bench.source()).unwrap();
    std::os::unix::fs::symlink(&one, bench.source()).unwrap();
    bench.backup().unwrap();
    fs::remove_file(bench.source()).unwrap();
    std::os::unix::fs::symlink(&other, bench.source()).unwrap();

    let stats = run_keeping_one(&mut bench);

    assert_eq!((stats.kept_sources, stats.deleted_files), (1, 0));
    assert_eq!(stats.deleted_versions, 0);
    assert_eq!(restored(&mut bench, 0), ["letters", "photos"]);
    // The same files by another way are the same source.
    fs::remove_file(bench.source()).unwrap();
    fs::rename(&one, bench.folder.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(bench.folder.path().join("moved"), bench.source()).unwrap();
    let stats = run_keeping_one(&mut bench);
    assert_eq!((stats.kept_sources, stats.deleted_files), (0, 0));
}

#[cfg(unix)]
#[test]
fn an_index_that_knows_a_source_by_its_device_alone_goes_on() {
    use std::os::unix::fs::MetadataExt as _;
    let mut bench = with_files(&["a"]);
    let device = fs::metadata(bench.source()).unwrap().dev().cast_signed();
    let index = coffer_database::Index::open(&bench.cache().join("index.sqlite")).unwrap();
    let folder = format!("{}/", bench.source().display());
    index
        .set_mounts(&[(folder, device)].into_iter().collect())
        .unwrap();
    fs::rename(bench.source().join("a"), bench.source().join("b")).unwrap();

    let stats = run_keeping_one(&mut bench);

    assert_eq!((stats.kept_sources, stats.deleted_files), (0, 1));
}

#[test]
fn an_index_that_lost_what_it_knew_gives_nothing_up_for_two_runs() {
    let mut bench = with_files(&["disk/a", "here"]);
    fs::remove_dir_all(bench.cache()).unwrap();
    fs::remove_dir_all(bench.source().join("disk")).unwrap();
    let mut deleted = Vec::new();
    for round in 0..4 {
        write_files(&bench.source(), &[("here", &noise(10, round))]);
        deleted.push(run_keeping_one(&mut bench).deleted_versions);
    }

    assert_eq!(deleted, [0, 0, 3, 1]);
}

#[test]
fn what_was_emptied_on_purpose_still_costs_no_version() {
    let mut bench = with_files(&["a"]);
    unplug(&bench);
    fs::create_dir(bench.source()).unwrap();
    let mut options = keeping_one(&bench);
    options.allow_missing_source = true;

    let stats = bench.backup_with(options).unwrap();

    assert_eq!((stats.deleted_files, stats.deleted_versions), (1, 0));
    assert_eq!(stats.warnings, 0);
    assert_eq!(restored(&mut bench, 1), ["a"]);
}

#[test]
fn filters_that_leave_nothing_are_told_and_cost_no_version() {
    let mut bench = with_files(&["a"]);
    for round in 0..3 {
        let mut options = keeping_one(&bench);
        options.filters = rules(&[(Action::Exclude, "*")]);
        options.upload_unchanged = true;

        let stats = bench.backup_with(options).unwrap();

        assert_eq!((stats.warnings, stats.deleted_versions), (1, 0), "{round}");
    }
    let oldest = 3;
    assert_eq!(restored(&mut bench, oldest), ["a"]);
    let mut first = Bench::new();
    write_files(&first.source(), &[("a", b"a")]);
    let mut options = first.options();
    options.filters = rules(&[(Action::Include, "*.docx")]);
    assert_eq!(first.backup_with(options).unwrap().warnings, 1);
}

#[test]
fn sources_that_leave_the_list_keep_their_versions_for_two_runs() {
    let mut bench = with_files(&["a"]);
    let other = bench.folder.path().join("other");
    write_files(&other, &[("b", b"b")]);
    let mut deleted = Vec::new();
    for round in 0..4 {
        write_files(&other, &[("changes", &noise(10, round))]);
        let mut options = keeping_one(&bench);
        options.sources = vec![other.clone()];
        deleted.push(bench.backup_with(options).unwrap().deleted_versions);
    }

    assert_eq!(deleted, [0, 0, 3, 1]);
}

#[test]
fn sources_that_left_are_seen_by_an_index_that_was_lost_since() {
    let mut bench = with_files(&["a"]);
    let other = bench.folder.path().join("other");
    let mut deleted = Vec::new();
    for round in 0..4 {
        write_files(&other, &[("changes", &noise(10, round))]);
        let mut options = keeping_one(&bench);
        options.sources = vec![other.clone()];
        deleted.push(bench.backup_with(options).unwrap().deleted_versions);
        if round == 0 {
            fs::remove_dir_all(bench.cache()).unwrap();
        }
    }

    assert_eq!(deleted, [0, 0, 0, 3]);
}

#[test]
fn sources_of_another_computer_have_not_left_the_list() {
    let mut bench = with_files(&["here"]);
    let mut other = Bench::new();
    other.destination = bench.destination.clone();
    other.now = bench.now;
    write_files(&other.source(), &[("there", b"there")]);
    let mut deleted = Vec::new();
    for _ in 0..3 {
        for bench in [&mut other, &mut bench] {
            let mut options = bench.options();
            options.retention = Retention::KeepVersions(3);
            deleted.push(bench.backup_with(options).unwrap().deleted_versions);
        }
        other.now = bench.now;
    }

    // One of the two finds each time that versions are gone, and deletes none itself.
    assert_eq!(deleted, [0, 0, 0, 2, 0, 2]);
}

#[test]
fn a_rule_of_one_computer_keeps_the_newest_version_of_another() {
    let mut bench = with_files(&["here"]);
    let mut other = Bench::new();
    other.destination = bench.destination.clone();
    write_files(&other.source(), &[("there", b"there")]);
    for round in 0..2 {
        other.now = bench.now;
        write_files(&other.source(), &[("changes", &noise(10, round))]);
        other.backup().unwrap();
        bench.now = other.now;
    }

    let mut deleted = Vec::new();
    for round in 0..3 {
        write_files(&bench.source(), &[("changes", &noise(10, round))]);
        deleted.push(run_keeping_one(&mut bench).deleted_versions);
    }

    // The older one of the two goes, and this computer's own.
    assert_eq!(deleted, [2, 1, 1]);
    assert_eq!(bench.volumes_of("dlist").len(), 2);
    assert_eq!(restored(&mut other, 1), ["changes", "there"]);
}

#[test]
fn an_index_that_is_new_finds_out_that_others_work_here() {
    let mut bench = with_files(&["here"]);
    let mut other = Bench::new();
    other.destination = bench.destination.clone();
    write_files(&other.source(), &[("there", b"there")]);
    other.now = bench.now;
    other.backup().unwrap();
    bench.now = other.now;
    write_files(&bench.source(), &[("changes", b"1")]);
    bench.backup().unwrap();
    fs::remove_dir_all(bench.cache()).unwrap();

    let mut deleted = Vec::new();
    for round in 0..4 {
        write_files(&bench.source(), &[("changes", &noise(10, round))]);
        deleted.push(run_keeping_one(&mut bench).deleted_versions);
    }

    assert_eq!(deleted.iter().sum::<u64>(), 5, "{deleted:?}");
    assert_eq!(restored(&mut other, 1), ["there"]);
}

#[test]
fn a_rule_of_a_new_index_keeps_what_only_an_older_version_has() {
    let mut bench = with_files(&["old"]);
    let new = bench.folder.path().join("new");
    write_files(&new, &[("a", b"a")]);
    let mut deleted = 0;
    for round in 0..6 {
        write_files(&new, &[("a", &noise(10, round))]);
        if round == 1 {
            fs::remove_dir_all(bench.cache()).unwrap();
        }
        let mut options = keeping_one(&bench);
        options.sources = vec![new.clone()];
        deleted += bench.backup_with(options).unwrap().deleted_versions;
    }

    // It may be another computer's.
    assert_eq!((deleted, bench.volumes_of("dlist").len()), (5, 2));
    assert_eq!(restored(&mut bench, 1), ["old"]);
}

#[test]
fn an_index_that_is_lost_before_each_run_deletes_nothing() {
    let mut bench = with_files(&["disk/a", "here"]);
    fs::remove_dir_all(bench.source().join("disk")).unwrap();
    for round in 0..4 {
        fs::remove_dir_all(bench.cache()).unwrap();
        write_files(&bench.source(), &[("here", &noise(10, round))]);
        assert_eq!(run_keeping_one(&mut bench).deleted_versions, 0);
    }
    assert_eq!(restored(&mut bench, 4), ["disk", "disk/a", "here"]);
}

#[cfg(unix)]
#[test]
fn another_disk_is_told_though_names_are_the_same() {
    let both_have = [
        (&["lost+found/x", "a"][..], &["lost+found/x", "b"][..]),
        (&["DCIM/1.jpg", "DCIM/2.jpg"], &["DCIM/1.jpg", "DCIM/3.jpg"]),
    ];
    for (first, second) in both_have {
        for below in ["", "disk/"] {
            let names = |names: &[&str]| -> Vec<String> {
                names.iter().map(|name| format!("{below}{name}")).collect()
            };
            let mut bench = Bench::new();
            write_files(&bench.source(), &[("here", b"here")]);
            for (name, seed) in names(first).iter().zip(1..) {
                write_files(&bench.source(), &[(name, &noise(99, seed))]);
            }
            bench.backup().unwrap();
            replace_disk(&bench, below);
            for name in names(first) {
                fs::remove_file(bench.source().join(name)).unwrap();
            }
            for (name, seed) in names(second).iter().zip(5..) {
                write_files(&bench.source(), &[(name, &noise(77, seed))]);
            }
            if below.is_empty() {
                fs::remove_file(bench.source().join("here")).unwrap();
            }

            let stats = run_keeping_one(&mut bench);

            let told = (
                stats.kept_sources,
                stats.deleted_files,
                stats.deleted_versions,
            );
            assert_eq!(told, (1, 0, 0), "{first:?} {below}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_source_within_another_is_watched_as_well() {
    let inner = |bench: &Bench| bench.source().join("inner");
    let changes: [(&str, Change); 3] = [
        ("a file", |inner| fs::write(inner, b"a file").unwrap()),
        ("empty", |inner| fs::create_dir(inner).unwrap()),
        ("another folder", |inner| {
            let other = inner.parent().unwrap().parent().unwrap().join("other");
            write_files(&other, &[("x", b"x")]);
            std::os::unix::fs::symlink(other, inner).unwrap();
        }),
    ];
    for (what, change) in changes {
        let mut bench = Bench::new();
        write_files(&bench.source(), &[("here", b"1"), ("inner/a", b"2")]);
        let options = |bench: &Bench| {
            let mut options = keeping_one(bench);
            options.sources.push(inner(bench));
            options
        };
        let first = options(&bench);
        bench.backup_with(first).unwrap();
        fs::remove_dir_all(inner(&bench)).unwrap();
        change(&inner(&bench));

        let second = options(&bench);
        let stats = bench.backup_with(second).unwrap();

        let told = (
            stats.kept_sources,
            stats.deleted_files,
            stats.deleted_versions,
        );
        assert_eq!(told, (1, 0, 0), "{what}");
        assert!(
            restored(&mut bench, 0).contains(&"inner/a".to_owned()),
            "{what}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_disk_whose_mount_point_became_something_else_is_away() {
    let changes: [(&str, Change); 3] = [
        ("a link", |disk| {
            std::os::unix::fs::symlink("/nowhere", disk).unwrap();
        }),
        ("a file", |disk| fs::write(disk, b"x").unwrap()),
        ("in a file", |disk| {
            let around = disk.parent().unwrap();
            fs::remove_dir(around).unwrap();
            fs::write(around, b"x").unwrap();
        }),
    ];
    for (what, change) in changes {
        let mut bench = with_files(&["around/disk/a", "here"]);
        replace_disk(&bench, "around/disk/");
        let disk = bench.source().join("around/disk");
        fs::remove_dir_all(&disk).unwrap();
        change(&disk);

        let stats = run_keeping_one(&mut bench);

        assert_eq!(
            (stats.kept_sources, stats.deleted_versions),
            (1, 0),
            "{what}"
        );
        let names = restored(&mut bench, 0);
        assert!(
            names.contains(&"around/disk/a".to_owned()),
            "{what}: {names:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_is_followed_and_leads_elsewhere_is_kept_as_it_was() {
    let mut bench = with_files(&["here"]);
    let (one, other) = (
        bench.folder.path().join("one"),
        bench.folder.path().join("other"),
    );
    write_files(&one, &[("photo", b"1")]);
    write_files(&other, &[("music", b"3")]);
    let link = bench.source().join("link");
    std::os::unix::fs::symlink(&one, &link).unwrap();
    let following = |bench: &Bench| {
        let mut options = keeping_one(bench);
        options.source.symlinks = SymlinkPolicy::Follow;
        options
    };
    let options = following(&bench);
    bench.backup_with(options).unwrap();
    let options = following(&bench);
    assert_eq!(bench.backup_with(options).unwrap().kept_sources, 0);
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();

    let options = following(&bench);
    let stats = bench.backup_with(options).unwrap();

    let told = (
        stats.kept_sources,
        stats.deleted_files,
        stats.deleted_versions,
    );
    assert_eq!(told, (1, 0, 0));
    // A link that leads nowhere for good is taken as it is when that is said.
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/nowhere", &link).unwrap();
    let options = following(&bench);
    assert_eq!(bench.backup_with(options).unwrap().kept_sources, 1);
    let mut options = following(&bench);
    options.allow_missing_source = true;
    bench.backup_with(options).unwrap();
    let options = following(&bench);
    assert_eq!(bench.backup_with(options).unwrap().kept_sources, 0);
}

#[test]
fn a_source_within_a_folder_that_is_left_out_is_backed_up() {
    for rule in ["cache/", "cache*", "ignored"] {
        let mut bench = Bench::new();
        write_files(
            &bench.source(),
            &[
                ("cache/deep/wanted/f", b"1"),
                ("cache/deep/junk", b"2"),
                ("cache/junk", b"3"),
                ("z", b"4"),
            ],
        );
        if rule == "ignored" {
            write_files(&bench.source(), &[("cache/CACHEDIR.TAG", b"")]);
        }
        let mut options = bench.options();
        let rule = format!("{}/{rule}", bench.source().display());
        options.filters = rules(&[(Action::Exclude, &rule)]);
        options
            .sources
            .push(bench.source().join("cache/deep/wanted"));
        if rule.ends_with('*') {
            // The rule matches all in it as well, the source itself apart.
            bench.backup_with(options).unwrap();
            let names = restored(&mut bench, 0);
            assert!(names.contains(&"cache/deep/wanted".to_owned()), "{names:?}");
            continue;
        }

        bench.backup_with(options).unwrap();

        let names = restored(&mut bench, 0);
        let expected = [
            "cache",
            "cache/deep",
            "cache/deep/wanted",
            "cache/deep/wanted/f",
            "z",
        ];
        assert_eq!(names, expected, "{rule}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_is_followed_and_leads_nowhere_now_is_kept_as_it_was() {
    let mut bench = Bench::new();
    let disk = bench.folder.path().join("disk");
    write_files(&disk, &[("in it", b"1")]);
    write_files(&bench.source(), &[("link-2", b""), ("z", b"z")]);
    std::os::unix::fs::symlink(&disk, bench.source().join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", bench.source().join("dead")).unwrap();
    let options = |bench: &Bench| {
        let mut options = keeping_one(bench);
        options.source.symlinks = coffer_engine::source::SymlinkPolicy::Follow;
        options
    };
    let first = options(&bench);
    bench.backup_with(first).unwrap();
    let before = restored(&mut bench, 0);
    fs::rename(&disk, bench.folder.path().join("away")).unwrap();
    write_files(&bench.source(), &[("z", b"changed")]);

    let second = options(&bench);
    let stats = bench.backup_with(second).unwrap();

    assert_eq!((stats.deleted_files, stats.deleted_versions), (0, 0));
    assert_eq!(restored(&mut bench, 0), before);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_never_waited_for() {
    let mut bench = with_files(&["a"]);
    let pipe = bench.folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut options = bench.options();
    options.sources.push(pipe.clone());

    bench.backup_with(options).unwrap();

    let told = bench.recorder.problems();
    assert_eq!(told, [format!("{}: SpecialFile", pipe.display())]);
}

#[test]
fn what_cannot_be_backed_up_says_whether_a_version_has_it() {
    let mut bench = with_files(&["a"]);
    let never = bench.folder.path().join("never there");
    let mut options = bench.options();
    options.sources.push(never);

    let stats = bench.backup_with(options).unwrap();

    assert_eq!(stats.warnings, 1);
    assert!(format!("{:?}", bench.recorder.details()).contains("Nothing"));
    assert!(!format!("{:?}", bench.recorder.details()).contains("Kept"));
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_told_unless_a_rule_leaves_them_out() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let mut bench = with_files(&["a"]);
    let odd = |name: &[u8]| bench.source().join(OsStr::from_bytes(name));
    fs::write(odd(b"caf\xe9"), "").unwrap();
    fs::create_dir(odd(b"d\xe9j")).unwrap();
    let with = |bench: &mut Bench, exclude: &[(Action, &str)]| {
        let mut options = bench.options();
        options.filters = rules(exclude);
        bench.backup_with(options).unwrap().warnings
    };

    assert_eq!(with(&mut bench, &[]), 2);
    assert_eq!(with(&mut bench, &[(Action::Exclude, "*/caf*")]), 1);
    let both = [(Action::Exclude, "*/caf*"), (Action::Exclude, "*/d?j/")];
    assert_eq!(with(&mut bench, &both), 0);
}

/// Changes content and keeps size and date.
fn change_secretly(path: &Path, content: &[u8]) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, content).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before).unwrap();
}

#[test]
fn a_change_that_keeps_its_date_is_seen_without_an_index() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("f", b"before")]);
    bench.now = Timestamp::now() + SignedDuration::from_secs(5);
    bench.backup().unwrap();
    // The change comes after the version was made.
    bench.now = Timestamp::now() + SignedDuration::from_hours(24);
    let version = bench
        .volumes()
        .into_iter()
        .find(|name| name.contains("dlist"))
        .unwrap();
    let path = bench.destination_path();
    fs::rename(path.join(&version), path.join(dated(&version, -60))).unwrap();
    change_secretly(&bench.source().join("f"), b"after!");
    fs::remove_dir_all(bench.cache()).unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!(stats.changed_files, 1);
}

/// The name of a dlist made some seconds from now.
fn dated(name: &str, seconds: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_secs(seconds);
    let stamp = coffer_volume::name::format_stamp(time);
    let (prefix, rest) = name.split_once('-').unwrap();
    let (_, rest) = rest.split_once('.').unwrap();
    format!("{prefix}-{stamp}.{rest}")
}

#[test]
fn containers_are_read_in_each_run() {
    let mut bench = with_files(&["a", "safe.hc", "other.tc"]);
    bench.let_files_settle();
    bench.backup().unwrap();
    let read = |bench: &mut Bench, always: Filters| {
        let mut options = bench.options();
        options.always_read = always;
        bench.backup_with(options).unwrap().read_files
    };

    assert_eq!(bench.backup().unwrap().read_files, 2);
    assert_eq!(read(&mut bench, Filters::default()), 0);
    assert_eq!(read(&mut bench, rules(&[(Action::Include, "*/a")])), 1);
}
