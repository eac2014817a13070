//! Rules that wait, and versions that they keep, because what is gone may be somewhere else.

use std::fs;

use coffer_engine::{BackupStats, Retention};
use coffer_testkit::write_files;

use crate::computers::empty;
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

/// A run with some folders of the source, of which `src` changed.
fn run_of(bench: &mut Bench, sources: &[&str], round: u64) -> BackupStats {
    write_files(&bench.source(), &[("src/changes", &noise(10, round))]);
    let mut options = bench.options();
    options.retention = Retention::KeepVersions(3);
    options.sources = sources
        .iter()
        .map(|name| bench.source().join(name))
        .collect();
    bench.backup_with(options).unwrap()
}

#[test]
fn runs_with_other_sources_do_not_make_a_disk_forgotten() {
    for runs_before in [
        &[&["src", "disk"][..], &["other"]][..],
        &[&["src", "disk"], &["src"]],
        &[&["src"], &["disk"], &["other"], &["src"]],
    ] {
        for loses_index in [false, true] {
            let mut bench = Bench::new();
            write_files(
                &bench.source(),
                &[("disk/precious", b"1"), ("other/b", b"2")],
            );
            for (round, sources) in (0..).zip(runs_before) {
                run_of(&mut bench, sources, round);
            }
            if loses_index {
                fs::remove_dir_all(bench.cache()).unwrap();
            }
            empty(&bench.source().join("disk")).unwrap();

            for round in 10..16 {
                let stats = run_of(&mut bench, &["src", "disk"], round);
                let facts = (stats.kept_sources, stats.deleted_versions);
                assert_eq!(facts, (1, 0), "{runs_before:?} {loses_index} {round}");
            }

            let files = restored(&mut bench, 0);
            assert!(files.contains(&"disk/precious".to_owned()), "{files:?}");
        }
    }
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
