//! Rules that wait, and versions that they keep, because what is gone may be somewhere else.

use std::fs;

use coffer_testkit::write_files;

use crate::sources::{keeping_one, restored, run_keeping_one, with_files};
use crate::support::{Bench, noise};

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

    assert_eq!(deleted, [0, 0, 0, 4]);
}

#[test]
fn a_rule_of_a_new_index_keeps_what_only_an_older_version_has() {
    let mut bench = Bench::new();
    bench.machine = String::new();
    write_files(&bench.source(), &[("old", b"old")]);
    bench.backup().unwrap();
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

    // It may be another computer's: it does not say.
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
