//! Several computers in one folder: none costs another one a file, a version or its memory.

use std::fs;
use std::path::Path;

use coffer_engine::filter::{Action, Filters};
use coffer_engine::{Mode, Purged, Retention, Victims};
use coffer_testkit::write_files;

use crate::repairing::purge;
use crate::retention::{delete, options};
use crate::sources::{keeping_one, restored, run_keeping_one, with_files};
use crate::support::{Bench, noise};

/// Two computers, each with its files, that have both backed them up into one folder; the second one last.
fn two(files: &[&str], other_files: &[&str]) -> (Bench, Bench) {
    let (mut bench, mut other) = (Bench::new(), Bench::new());
    other.destination = bench.destination.clone();
    for (bench, files) in [(&mut bench, files), (&mut other, other_files)] {
        for name in files {
            write_files(&bench.source(), &[(name, name.as_bytes())]);
        }
    }
    bench.backup().unwrap();
    other.now = bench.now;
    other.backup().unwrap();
    bench.now = other.now;
    (bench, other)
}

#[test]
fn a_source_that_is_away_is_kept_though_another_computer_was_here_last() {
    let (mut bench, _other) = two(&["disk/a", "b"], &["there"]);
    let disk = bench.source().join("disk");
    for unplug in [empty, replace_by_a_file, |folder: &Path| {
        fs::remove_dir_all(folder)
    }] {
        let sources = vec![bench.source().join("b"), disk.clone()];
        let mut given = keeping_one(&bench);
        given.sources = sources.clone();
        bench.backup_with(given).unwrap();
        let mut other = Bench::new();
        other.destination = bench.destination.clone();
        other.now = bench.now;
        write_files(&other.source(), &[("there", &noise(10, 1))]);
        other.backup().unwrap();
        bench.now = other.now;
        unplug(&disk).unwrap();
        write_files(
            &bench.source(),
            &[("b", &noise(10, other.now.as_second().unsigned_abs()))],
        );

        let mut given = keeping_one(&bench);
        given.sources = sources;
        let stats = bench.backup_with(given).unwrap();

        assert_eq!((stats.kept_sources, stats.deleted_versions), (1, 0));
        assert_eq!(restored(&mut bench, 0), ["b", "disk", "disk/a"]);
        let _ = fs::remove_file(&disk);
        write_files(&bench.source(), &[("disk/a", b"disk/a")]);
    }
}

pub(crate) fn empty(folder: &Path) -> std::io::Result<()> {
    fs::remove_dir_all(folder)?;
    fs::create_dir(folder)
}

fn replace_by_a_file(folder: &Path) -> std::io::Result<()> {
    fs::remove_dir_all(folder)?;
    fs::write(folder, "a file")
}

#[test]
fn what_did_not_change_makes_no_version_though_another_computer_was_here_last() {
    let (mut bench, _other) = two(&["here"], &["there"]);
    bench.let_files_settle();
    bench.backup().unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!((stats.version, stats.read_files), (None, 0));
    assert_eq!((stats.deleted_files, stats.versions), (0, 2));
}

#[test]
fn a_new_index_compares_with_the_newest_version_that_has_its_sources() {
    let (mut bench, _other) = two(&["here"], &["there"]);
    fs::remove_dir_all(bench.cache()).unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!((stats.version, stats.deleted_files), (None, 0));
}

#[test]
fn a_rule_keeps_the_newest_version_of_another_computer_with_the_same_paths() {
    let (mut bench, mut other) = two(&["a"], &["theirs"]);
    // Each of the two sees the other one at the same place.
    let shared = bench.source();
    let theirs = other.source();
    let swap = || {
        let aside = shared.with_file_name("aside");
        fs::rename(&shared, &aside).unwrap();
        fs::rename(&theirs, &shared).unwrap();
        fs::rename(&aside, &theirs).unwrap();
    };
    swap();
    let mut given = other.options();
    given.sources = vec![shared.clone()];
    other.now = bench.now;
    other.backup_with(given).unwrap();
    bench.now = other.now;
    swap();

    for round in 0..3 {
        write_files(&shared, &[("a", &noise(10, round))]);
        run_keeping_one(&mut bench);
    }

    let mut kept = Vec::new();
    for number in 0..bench.volumes_of("dlist").len() {
        kept.extend(restored(&mut bench, number));
    }
    assert_eq!(kept, ["a", "theirs", "theirs"]);
}

/// A computer that was never here and backs up `sources` into the folder of `bench`.
fn newcomer(bench: &Bench) -> Bench {
    let mut newcomer = Bench::new();
    newcomer.destination = bench.destination.clone();
    newcomer.now = bench.now;
    newcomer
}

#[test]
fn a_rule_of_a_new_computer_with_the_same_paths_or_around_them_leaves_the_versions_of_another() {
    for has_same in [true, false] {
        let mut bench = with_files(&["me/precious"]);
        let mut other = newcomer(&bench);
        let mut source = bench.source();
        fs::remove_dir_all(source.join("me")).unwrap();
        if !has_same {
            source = bench.folder.path().to_owned();
        }

        for round in 0..4 {
            write_files(&bench.source(), &[("theirs", &noise(10, round))]);
            let mut given = keeping_one(&other);
            given.sources = vec![source.clone()];
            other.backup_with(given).unwrap();
        }

        assert_eq!(bench.volumes_of("dlist").len(), 2);
        assert_eq!(restored(&mut bench, 1), ["me", "me/precious"]);
    }
}

#[test]
fn what_another_computer_has_under_a_name_is_not_taken_for_the_file_that_is_here() {
    let mut bench = with_files(&["a"]);
    let date = fs::metadata(bench.source().join("a"))
        .unwrap()
        .modified()
        .unwrap();
    // A computer whose files have the same names, sizes and dates, and whose clock is behind.
    write_files(&bench.source(), &[("a", b"b")]);
    let file = fs::File::options()
        .write(true)
        .open(bench.source().join("a"))
        .unwrap();
    file.set_modified(date).unwrap();
    bench.now = "2036-01-01T08:00:00Z".parse().unwrap();
    bench.backup().unwrap();
    let mut other = newcomer(&bench);
    let mut given = other.options();
    given.sources = vec![bench.source()];

    let stats = other.backup_with(given).unwrap();

    assert_eq!((stats.read_files, stats.added_files), (1, 1));
}

#[test]
fn an_index_that_is_lost_knows_its_versions_by_their_mark_again() {
    let mut bench = with_files(&["a", "gone soon"]);
    let mut other = newcomer(&bench);
    write_files(&other.source(), &[("there", b"there")]);
    other.backup().unwrap();
    bench.now = other.now;
    fs::remove_dir_all(bench.cache()).unwrap();
    fs::remove_file(bench.source().join("gone soon")).unwrap();

    let mut deleted = Vec::new();
    for round in 0..4 {
        write_files(&bench.source(), &[("a", &noise(10, round))]);
        let stats = run_keeping_one(&mut bench);
        deleted.push((stats.deleted_files, stats.deleted_versions));
    }

    assert_eq!(
        deleted.iter().map(|one| one.1).sum::<u64>(),
        4,
        "{deleted:?}"
    );
    assert_eq!(deleted[0].0, 1);
    assert_eq!(restored(&mut other, 1), ["there"]);
}

#[test]
fn a_version_that_another_computer_wrote_anew_is_still_whose_it_was() {
    let mut bench = with_files(&["a", "secret"]);
    let other = newcomer(&bench);
    let secret = Filters::new([(Action::Include, "*/secret")]).unwrap();
    let stats = purge(&other, Purged::Matching(secret), Mode::Run);
    assert_eq!(stats.versions.len(), 1);
    fs::remove_dir_all(bench.cache()).unwrap();
    fs::remove_file(bench.source().join("secret")).unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!((stats.added_files, stats.deleted_files), (0, 0));
    assert_eq!(reports_of_others(other), 1);
}

/// How often a computer that keeps one version reports versions that are not its own.
fn reports_of_others(mut computer: Bench) -> usize {
    let reported = (0..4).filter(|round| {
        write_files(&computer.source(), &[("b", &noise(10, *round))]);
        run_keeping_one(&mut computer);
        let problems = computer.recorder.problems();
        problems.iter().any(|one| one.contains("LeftToOthers"))
    });
    reported.count()
}

#[test]
fn a_computer_that_replaces_another_takes_its_versions_over() {
    let mut bench = with_files(&["a"]);
    write_files(&bench.source(), &[("a", b"changed")]);
    bench.backup().unwrap();
    let mut other = newcomer(&bench);
    for round in 0..4 {
        write_files(&bench.source(), &[("a", &noise(10, round))]);
        let mut given = keeping_one(&other);
        given.sources = vec![bench.source()];
        given.adopt_versions = round == 0;
        other.backup_with(given).unwrap();
    }

    assert_eq!(bench.volumes_of("dlist").len(), 1);
}

#[test]
fn what_was_taken_over_is_not_compared_with() {
    let mut bench = with_files(&["a"]);
    let source = bench.source();
    let mut other = newcomer(&bench);
    let date = fs::metadata(source.join("a")).unwrap().modified().unwrap();
    let write = |text: &[u8]| {
        write_files(&source, &[("a", text)]);
        let file = fs::File::options().write(true).open(source.join("a"));
        file.unwrap().set_modified(date).unwrap();
    };
    let with_source = |bench: &Bench| {
        let mut given = bench.options();
        given.sources = vec![source.clone()];
        given
    };
    write(b"b");
    other.now = "2036-01-01T08:00:00Z".parse().unwrap();
    other.backup_with(with_source(&other)).unwrap();
    write(b"a");
    bench.now = other.now;
    write_files(&source, &[("new", b"1")]);

    let mut given = with_source(&bench);
    given.adopt_versions = true;
    bench.backup_with(given).unwrap();

    let target = tempfile::tempdir().unwrap();
    bench.restore(0, &target.path().join("restored")).unwrap();
    assert_eq!(fs::read(target.path().join("restored/a")).unwrap(), b"a");
}

#[test]
fn what_only_versions_have_that_were_taken_over_is_kept() {
    let mut bench = with_files(&["disk/precious", "src/a"]);
    let mut other = newcomer(&bench);
    let sources = ["disk", "src"]
        .map(|name| bench.source().join(name))
        .to_vec();
    empty(&sources[0]).unwrap();

    for round in 0..6 {
        write_files(&sources[1], &[("a", &noise(10, round))]);
        let mut given = keeping_one(&other);
        given.sources.clone_from(&sources);
        given.adopt_versions = round == 3;
        other.backup_with(given).unwrap();
    }

    let versions = bench.volumes_of("dlist").len();
    assert_eq!(versions, 2);
    let files = restored(&mut bench, 1);
    assert!(files.contains(&"disk/precious".to_owned()), "{files:?}");
}

#[test]
fn a_version_that_another_computer_renamed_is_compared_with() {
    let mut bench = with_files(&["disk/precious", "src/a", "secret"]);
    let other = newcomer(&bench);
    let secret = Filters::new([(Action::Include, "*/secret")]).unwrap();
    purge(&other, Purged::Matching(secret), Mode::Run);
    empty(&bench.source().join("disk")).unwrap();
    let mut given = bench.options();
    given.sources = ["disk", "src"]
        .map(|name| bench.source().join(name))
        .to_vec();

    let stats = bench.backup_with(given).unwrap();

    assert_eq!(stats.kept_sources, 1);
}

#[test]
fn a_version_of_an_empty_source_stands_for_none_with_its_files() {
    let (mut bench, _other) = two(&["a"], &["there"]);
    let disk = bench.folder.path().join("disk");
    let old_index = fs::read(bench.cache().join("index.sqlite")).unwrap();
    let sources = vec![bench.source(), disk.clone()];
    write_files(&disk, &[("on disk", b"1")]);
    let mut given = keeping_one(&bench);
    given.sources = sources.clone();
    bench.backup_with(given).unwrap();
    // The computer is set back to a day before, and the disk is away.
    fs::write(bench.cache().join("index.sqlite"), old_index).unwrap();
    fs::remove_dir_all(&disk).unwrap();
    fs::create_dir(&disk).unwrap();

    for round in 0..4 {
        write_files(&bench.source(), &[("a", &noise(10, round))]);
        let mut given = keeping_one(&bench);
        given.sources = sources.clone();
        bench.backup_with(given).unwrap();
    }

    let mut kept = Vec::new();
    for number in 0..bench.volumes_of("dlist").len() {
        kept.extend(restored(&mut bench, number));
    }
    assert!(
        kept.iter().any(|name| name.ends_with("on disk")),
        "{kept:?}"
    );
}

#[test]
fn sources_of_another_computer_have_not_left_the_list() {
    let (mut bench, mut other) = two(&["here"], &["there"]);
    let mut deleted = Vec::new();
    for round in 0..3 {
        for bench in [&mut bench, &mut other] {
            write_files(&bench.source(), &[("changes", &noise(10, round))]);
            let mut given = bench.options();
            given.retention = Retention::KeepVersions(3);
            deleted.push(bench.backup_with(given).unwrap().deleted_versions);
        }
        bench.now = other.now;
    }

    // Each counts its own versions.
    assert_eq!(deleted, [0, 0, 0, 0, 1, 1]);
}

#[test]
fn a_rule_of_one_computer_deletes_no_version_of_another() {
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

    // This computer's own.
    assert_eq!(deleted, [1, 1, 1]);
    assert_eq!(bench.volumes_of("dlist").len(), 3);
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
fn a_rule_spares_the_only_version_of_sources_that_does_not_say_who_made_it() {
    let mut bench = with_files(&["a"]);
    let mut other = newcomer(&bench);
    for computer in [&mut bench, &mut other] {
        computer.machine = String::new();
    }
    write_files(&other.source(), &[("there", b"there")]);
    other.backup().unwrap();
    bench.now = other.now;
    fs::remove_dir_all(bench.cache()).unwrap();

    assert_eq!(left_of_the_other(&mut bench, &mut other), 1);
}

#[test]
fn a_person_who_deletes_by_a_rule_costs_another_computer_no_last_version() {
    let (mut bench, mut other) = two(&["a"], &["there"]);
    write_files(&bench.source(), &[("a", b"changed")]);
    bench.backup().unwrap();
    let rule = Victims::Retention(Retention::KeepVersions(1));

    let gone = delete(&bench, options(&bench, rule)).unwrap();

    assert_eq!(gone, [2]);
    assert_eq!(restored(&mut other, 1), ["there"]);
    let named = Victims::Numbers(vec![1]);
    assert_eq!(delete(&bench, options(&bench, named)).unwrap(), [1]);
}

/// Runs of `bench` whose rule keeps one version; how many of the other one's are there afterwards.
fn left_of_the_other(bench: &mut Bench, other: &mut Bench) -> usize {
    let source = bench.source();
    for round in 0..4 {
        write_files(&source, &[("changes", &noise(10, 100 + round))]);
        run_keeping_one(bench);
    }
    let versions = 0..bench.volumes_of("dlist").len();
    let has_theirs = |number: &usize| {
        let names = restored(other, *number);
        names.iter().any(|name| name.ends_with("there"))
    };
    versions.filter(has_theirs).count()
}

#[test]
fn a_computer_all_of_whose_versions_are_gone_takes_those_of_others_for_no_ones_own() {
    let (mut bench, mut other) = two(&["a"], &["there"]);
    let oldest = bench.volumes_of("dlist").remove(0);
    fs::remove_file(bench.destination_path().join(oldest)).unwrap();

    assert_eq!(left_of_the_other(&mut bench, &mut other), 1);
}

#[test]
fn a_rule_deletes_no_version_of_a_third_computer_with_the_same_paths() {
    let (mut bench, mut other) = two(&["a"], &["there"]);
    let mut third = Bench::new();
    third.destination = bench.destination.clone();
    for computer in [&mut other, &mut third] {
        let mut given = bench.options();
        write_files(&bench.source(), &[("there", b"x")]);
        computer.now = bench.now;
        given.now = bench.now;
        computer.backup_with(given).unwrap();
        bench.now = computer.now;
    }
    fs::remove_file(bench.source().join("there")).unwrap();

    assert_eq!(left_of_the_other(&mut bench, &mut other), 3);
}

#[test]
fn a_new_index_is_kept_from_versions_that_cannot_be_read() {
    let (mut bench, mut other) = two(&["a"], &["there"]);
    fs::remove_dir_all(other.cache()).unwrap();
    let oldest = bench.volumes_of("dlist").remove(0);
    let source = other.source();
    for round in 0..5 {
        write_files(&source, &[("changes", &noise(10, round))]);
        if round == 2 {
            fs::write(bench.destination_path().join(&oldest), "damaged").unwrap();
        }
        run_keeping_one(&mut other);
        bench.now = other.now;
    }

    assert!(bench.volumes_of("dlist").contains(&oldest));
}

#[test]
fn a_computer_whose_newest_version_another_deleted_compares_with_its_own_before() {
    let (mut bench, mut other) = two(&["disk/a", "b"], &["there"]);
    write_files(&bench.source(), &[("b", b"changed")]);
    let mut given = keeping_one(&bench);
    let sources = vec![bench.source().join("b"), bench.source().join("disk")];
    given.sources = sources.clone();
    given.retention = Retention::KeepVersions(9);
    bench.backup_with(given).unwrap();
    other.now = bench.now;
    write_files(&other.source(), &[("there", b"changed")]);
    other.backup().unwrap();
    let named = Victims::Numbers(vec![1]);
    assert_eq!(delete(&other, options(&other, named)).unwrap(), [1]);
    bench.now = other.now;
    empty(&bench.source().join("disk")).unwrap();

    let mut given = keeping_one(&bench);
    given.sources = sources;
    let stats = bench.backup_with(given).unwrap();

    assert_eq!((stats.kept_sources, stats.deleted_versions), (1, 0));
}
