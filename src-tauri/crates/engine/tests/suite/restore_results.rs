//! What a restore says at its end: how much came, where it is, and what did not.

use std::fs;
use std::path::PathBuf;

use coffer_engine::{Existing, Permissions, RestoreOptions, RestoredFile, Selection};
use coffer_testkit::write_files;

use crate::support::{Bench, noise};

fn back_where_they_were() -> RestoreOptions {
    RestoreOptions {
        version: 0,
        selection: Selection::all(),
        target: None,
        existing: Existing::KeepBoth,
        permissions: Permissions::Leave,
    }
}

fn beside(path: PathBuf) -> RestoredFile {
    RestoredFile {
        path,
        is_beside: true,
    }
}

#[test]
fn new_names_of_files_that_are_kept_beside_others_are_reported() {
    let mut bench = Bench::new();
    write_files(
        &bench.source(),
        &[("docs/letter.odt", b"old".as_slice()), ("docs/same", b"1")],
    );
    let version = bench.now.to_zoned(jiff::tz::TimeZone::system()).date();
    bench.backup().unwrap();
    fs::write(bench.source().join("docs/letter.odt"), "new").unwrap();

    let stats = bench.restore_with(back_where_they_were()).unwrap();

    let docs = bench.source().join("docs");
    assert_eq!(
        stats.files[0],
        beside(docs.join(format!("letter.{version}.odt")))
    );
    assert_eq!(fs::read(&stats.files[0].path).unwrap(), b"old");
    assert_eq!(stats.files[1].path, docs.join("same"));
    assert!(!stats.files[1].is_beside);
    assert_eq!((stats.selected_files, stats.restored_files), (2, 2));
    assert_eq!(stats.folder.unwrap(), bench.source());
}

#[cfg(unix)]
#[test]
fn folders_and_links_are_not_counted_as_files() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a/b/file", b"1".as_slice())]);
    std::os::unix::fs::symlink("a", bench.source().join("link")).unwrap();
    bench.backup().unwrap();
    let target = bench.folder.path().join("restored");

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!((stats.selected_files, stats.restored_files), (1, 1));
    // The source itself, two folders in it, and the link.
    assert_eq!(stats.restored_others, 4);
    assert_eq!(stats.files.len(), 1);
    assert_eq!(stats.files[0].path, target.join("a/b/file"));
}

#[test]
fn what_did_not_come_is_named_by_its_stored_path() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("lost", &noise(50_000, 1))]);
    bench.backup().unwrap();
    let lost = bench.volumes_of(".dblock.");
    write_files(&bench.source(), &[("kept", &noise(50_000, 2))]);
    bench.backup().unwrap();
    for volume in lost {
        fs::remove_file(bench.destination_path().join(volume)).unwrap();
    }

    let stats = bench
        .restore(0, &bench.folder.path().join("restored"))
        .unwrap();

    assert_eq!((stats.selected_files, stats.restored_files), (2, 1));
    let stored = bench.source().join("lost").display().to_string();
    assert_eq!(stats.failed, [stored]);
}
