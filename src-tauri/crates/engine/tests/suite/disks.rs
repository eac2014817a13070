//! Sources and disks that are away, or another one in their place: nothing of them is taken for deleted.

use std::fs;
#[cfg(unix)]
use std::path::Path;

#[cfg(unix)]
use coffer_engine::source::SymlinkPolicy;
use coffer_testkit::write_files;

use crate::sources::{keeping_one, restored, run_keeping_one, unplug, with_files};
use crate::support::Bench;
#[cfg(unix)]
use crate::support::noise;

/// What happens to a folder.
#[cfg(unix)]
type Change = fn(&Path);

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
fn a_disk_that_is_away_is_reported_by_its_device_also_within_a_source() {
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

#[cfg(unix)]
#[test]
fn another_disk_is_reported_though_names_are_the_same() {
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

            let reported = (
                stats.kept_sources,
                stats.deleted_files,
                stats.deleted_versions,
            );
            assert_eq!(reported, (1, 0, 0), "{first:?} {below}");
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

        let reported = (
            stats.kept_sources,
            stats.deleted_files,
            stats.deleted_versions,
        );
        assert_eq!(reported, (1, 0, 0), "{what}");
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

    let reported = (
        stats.kept_sources,
        stats.deleted_files,
        stats.deleted_versions,
    );
    assert_eq!(reported, (1, 0, 0));
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
