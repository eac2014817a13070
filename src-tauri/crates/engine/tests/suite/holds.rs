//! Rules that wait, and versions that they keep, because what is gone may be somewhere else.

use std::fs;

use coffer_engine::Retention;
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
