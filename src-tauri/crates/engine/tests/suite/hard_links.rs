//! Names of one file stay names of one file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use coffer_engine::Existing;
use coffer_testkit::{snapshot, write_files};
use jiff::{SignedDuration, Timestamp};

use crate::restoring::{back_up, entry_named, names, options, rewrite};
use crate::support::{Bench, noise};

fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path| {
        let stat = fs::symlink_metadata(path).unwrap();
        (stat.dev(), stat.ino())
    };
    id(one) == id(other)
}

#[test]
fn names_of_one_file_come_back_as_names_of_one_file() {
    let mut bench = Bench::plain();
    let (small, large) = (noise(5000, 1), noise(2 << 20, 2));
    write_files(
        &bench.source(),
        &[("small", &small), ("large", &large), ("copy", &small)],
    );
    for name in ["small", "large"] {
        fs::create_dir_all(bench.source().join("sub")).unwrap();
        let path = bench.source().join(name);
        fs::hard_link(&path, bench.source().join(format!("sub/{name}"))).unwrap();
        fs::hard_link(&path, bench.source().join(format!("{name} 2"))).unwrap();
    }
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!((stats.failed_files, stats.warnings), (0, 0));
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
    for name in ["small", "large"] {
        let first = target.join(name);
        assert!(is_same_file(&first, &target.join(format!("sub/{name}"))));
        assert!(is_same_file(&first, &target.join(format!("{name} 2"))));
    }
    assert!(!is_same_file(&target.join("small"), &target.join("copy")));
    assert_eq!(names(&target).len(), 6);
}

#[test]
fn a_name_that_is_missing_is_given_to_the_file_that_is_there() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("a", &noise(300_000, 1))]);
    for name in ["b", "c", "d"] {
        let path = bench.source().join(name);
        fs::hard_link(bench.source().join("a"), path).unwrap();
    }
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    fs::remove_file(target.join("b")).unwrap();
    for (name, content) in [("c", noise(300_000, 1)), ("d", b"other".to_vec())] {
        fs::remove_file(target.join(name)).unwrap();
        fs::write(target.join(name), content).unwrap();
    }
    let mut options = options(Some(&target));
    options.existing = Existing::Overwrite;

    let stats = bench.restore_with(options).unwrap();

    assert_eq!((stats.failed_files, stats.warnings), (0, 0));
    let is_a = |name: &str| is_same_file(&target.join("a"), &target.join(name));
    assert!(is_a("b"));
    // It is right as it is.
    assert!(!is_a("c"));
    assert!(is_a("d") || is_same_file(&target.join("c"), &target.join("d")));
    assert_eq!(names(&target), ["a", "b", "c", "d"]);
}

#[test]
fn names_whose_contents_differ_become_files_of_their_own() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("a", b"one"), ("other", b"two")]);
    fs::hard_link(bench.source().join("a"), bench.source().join("b")).unwrap();
    back_up(&mut bench);
    rewrite(&bench, |entries| {
        let other = entry_named(entries, "/other").content.clone();
        entry_named(entries, "/b").content = other;
    });
    let target = bench.folder.path().join("restored");

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!((stats.failed_files, stats.warnings), (0, 0));
    assert_eq!(fs::read(target.join("a")).unwrap(), b"one");
    assert_eq!(fs::read(target.join("b")).unwrap(), b"two");
}

#[test]
fn names_of_one_file_do_not_look_changed_in_the_next_run() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("a", &noise(300_000, 1))]);
    fs::hard_link(bench.source().join("a"), bench.source().join("b")).unwrap();
    // A computer that lost the index trusts only what was last touched before the version.
    bench.now = Timestamp::now() + SignedDuration::from_secs(5);
    bench.let_files_settle();
    back_up(&mut bench);

    let known = bench.backup().unwrap();
    fs::remove_dir_all(bench.cache()).unwrap();
    let lost = bench.backup().unwrap();

    for stats in [known, lost] {
        assert_eq!((stats.changed_files, stats.read_files), (0, 0), "{stats:?}");
    }
}
