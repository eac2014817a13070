use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coffer_engine::{
    CompactOptions, CompactStats, CompactThresholds, DeleteOptions, Disposal, Error, FullRemoval,
    Mode, Retention, Victims,
};
use coffer_testkit::{Tree, snapshot, write_files};
use tokio_util::sync::CancellationToken;

use crate::checker::assert_clean;
use crate::hooked::Hooked;
use crate::support::{Bench, noise, run};

const VOLUME_SIZE: u64 = 1 << 20;

/// Backs up changing files in small volumes, without compacting, and keeps what each version holds, oldest first.
fn with_changes(rounds: u64) -> (Bench, Vec<Tree>) {
    let mut bench = Bench::new();
    bench.passphrase = None;
    let mut trees = Vec::new();
    for round in 0..rounds {
        write_files(
            &bench.source(),
            &[
                ("changes.bin", &noise(700_000, round)),
                ("stays.bin", &noise(300_000, 99)),
                (&format!("added {round}"), &noise(200_000, 100 + round)),
                ("text.txt", format!("round {round}").repeat(900).as_bytes()),
            ],
        );
        bench.let_files_settle();
        let mut options = bench.options();
        options.block_size = Some(16 * 1024);
        options.volume_size = VOLUME_SIZE;
        options.compact = None;
        bench.backup_with(options).unwrap();
        trees.push(snapshot(&bench.source()));
    }
    (bench, trees)
}

fn at_once(bench: &Bench) -> CompactOptions {
    let mut options = CompactOptions::new(VOLUME_SIZE, bench.now);
    options.disposal = Disposal::Now;
    options
}

fn compact(bench: &Bench, mode: Mode) -> coffer_engine::Result<CompactStats> {
    let (store, recorder) = (bench.store(), bench.recorder.clone());
    let mut options = at_once(bench);
    options.mode = mode;
    run(move || coffer_engine::compact(&store, &options, recorder, &CancellationToken::new()))
}

fn delete(
    bench: &Bench,
    numbers: &[usize],
    compacts: bool,
    mode: Mode,
) -> coffer_engine::DeleteStats {
    let store = bench.store();
    let options = DeleteOptions {
        victims: Victims::Numbers(numbers.to_vec()),
        full_removal: FullRemoval::Allow,
        compact: compacts.then(|| at_once(bench)),
        mode,
        now: bench.now,
    };
    run(move || coffer_engine::delete(&store, &options, Arc::new(()), &CancellationToken::new()))
        .unwrap()
}

fn assert_restorable(bench: &mut Bench, expected: &[&Tree]) {
    for (version, tree) in expected.iter().rev().enumerate() {
        let target = tempfile::tempdir().unwrap();
        let target = target.path().join("restored");
        bench.restore(version, &target).unwrap();
        assert_eq!(bench.recorder.problems(), Vec::<String>::new());
        assert_eq!(&&snapshot(&target), tree, "version {version}");
    }
}

fn size(bench: &Bench) -> u64 {
    let files = fs::read_dir(bench.destination_path()).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

#[test]
fn what_only_deleted_versions_needed_is_given_back() {
    let (mut bench, trees) = with_changes(4);
    let before = size(&bench);

    let stats = delete(&bench, &[1, 2, 3], true, Mode::Run)
        .compacted
        .unwrap();

    assert!(!stats.deleted.is_empty() && !stats.uploaded.is_empty());
    assert!(
        size(&bench) < before * 3 / 5,
        "{} of {before}",
        size(&bench)
    );
    assert_clean(&bench.destination_path());
    assert_restorable(&mut bench, &[&trees[3]]);
    // A computer that knows nothing of it reads the same.
    fs::remove_dir_all(bench.cache()).unwrap();
    assert_restorable(&mut bench, &[&trees[3]]);
    assert_eq!(bench.backup().unwrap().uploaded_bytes, 0);
}

/// A run that was killed while it deleted leaves an index volume whose data volume is gone.
#[test]
fn the_next_backup_deletes_index_volumes_that_describe_nothing() {
    let (mut bench, _) = with_changes(4);
    let folder = bench.destination_path();
    let before: Vec<_> = bench
        .volumes()
        .into_iter()
        .filter(|name| name.contains(".dindex."))
        .map(|name| (fs::read(folder.join(&name)).unwrap(), name))
        .collect();
    delete(&bench, &[1, 2, 3], true, Mode::Run);
    let (content, left) = before
        .into_iter()
        .find(|(_, name)| !bench.volumes().contains(name))
        .unwrap();
    fs::write(folder.join(&left), content).unwrap();

    bench.backup().unwrap();
    assert!(bench.volumes().contains(&left), "it may be on its way");
    bench.backup().unwrap();

    assert!(!bench.volumes().contains(&left));
    assert_clean(&folder);
}

#[test]
fn a_plan_names_exactly_what_goes() {
    let (bench, _) = with_changes(4);
    let before = bench.volumes();

    let planned = delete(&bench, &[1, 2, 3], true, Mode::Plan);

    assert_eq!(bench.volumes(), before);
    let done = delete(&bench, &[1, 2, 3], true, Mode::Run);
    let names = |stats: &coffer_engine::DeleteStats| {
        let compacted = stats.compacted.as_ref().unwrap();
        let both = stats.deleted.iter().chain(&compacted.deleted);
        let mut names: Vec<_> = both.map(|volume| volume.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&planned), names(&done));
    let gone: Vec<_> = before
        .into_iter()
        .filter(|name| !bench.volumes().contains(name))
        .collect();
    assert_eq!(names(&done), gone);
    let planned = planned.compacted.unwrap();
    assert_eq!(planned.moved_bytes, done.compacted.unwrap().moved_bytes);
}

#[test]
fn nothing_is_rewritten_below_the_thresholds() {
    let (mut bench, trees) = with_changes(3);
    let before = bench.volumes();

    let stats = compact(&bench, Mode::Run).unwrap();

    assert_eq!(
        (stats.unused_bytes, stats.deleted, stats.uploaded),
        (0, vec![], vec![])
    );
    assert_eq!(bench.volumes(), before);
    assert_restorable(&mut bench, &trees.iter().collect::<Vec<_>>());
}

#[test]
fn many_small_volumes_are_merged_after_a_backup() {
    let mut bench = Bench::new();
    bench.passphrase = None;
    let mut options = bench.options();
    options.block_size = Some(16 * 1024);
    for round in 0..22 {
        write_files(&bench.source(), &[("f", &noise(1000, round))]);
        let mut options = bench.options();
        options.volume_size = VOLUME_SIZE;
        bench.backup_with(options).unwrap();
    }
    compact(&bench, Mode::Run).unwrap();

    let dblocks = bench
        .volumes()
        .into_iter()
        .filter(|name| name.contains(".dblock."));

    assert!(dblocks.count() < 5);
    assert_clean(&bench.destination_path());
    let target = bench.folder.path().join("restored");
    bench.restore(21, &target).unwrap();
    assert_eq!(fs::read(target.join("f")).unwrap(), noise(1000, 0));
}

#[test]
fn versions_that_an_index_does_not_know_are_spared() {
    let (mut bench, trees) = with_changes(4);
    fs::remove_dir_all(bench.cache()).unwrap();

    delete(&bench, &[1, 2], true, Mode::Run);

    assert_clean(&bench.destination_path());
    assert_restorable(&mut bench, &[&trees[0], &trees[3]]);
}

#[test]
fn the_whole_backup_goes_when_that_is_meant() {
    let (bench, _) = with_changes(2);

    delete(&bench, &[0, 1], true, Mode::Run);

    assert_eq!(bench.volumes(), Vec::<String>::new());
}

#[test]
fn a_damaged_volume_stays_with_what_it_holds() {
    let (mut bench, trees) = with_changes(4);
    delete(&bench, &[1, 2, 3], false, Mode::Run);
    let stats = compact(&bench, Mode::Plan).unwrap();
    let victim = &stats.downloaded[0];
    let path = bench.destination_path().join(&victim.name);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let entire = fs::read(&path).unwrap();
    fs::write(&path, &bytes).unwrap();

    let done = compact(&bench, Mode::Run).unwrap();

    let is_deleted = done.deleted.iter().any(|volume| volume.name == victim.name);
    let reported = bench.recorder.problems();
    // Only when the damage hit something that is needed.
    assert_eq!(is_deleted, reported.is_empty(), "{reported:?}");
    if !is_deleted {
        fs::write(&path, entire).unwrap();
    }
    assert_clean(&bench.destination_path());
    assert_restorable(&mut bench, &[&trees[3]]);
}

#[test]
fn nothing_is_deleted_while_data_of_versions_is_missing() {
    let (bench, _) = with_changes(3);
    let lost = bench
        .volumes()
        .into_iter()
        .find(|name| name.contains(".dblock."))
        .unwrap();
    fs::remove_file(bench.destination_path().join(lost)).unwrap();
    let before = bench.volumes();

    let known = compact(&bench, Mode::Run);
    fs::remove_dir_all(bench.cache()).unwrap();
    let unknown = compact(&bench, Mode::Run);

    assert!(
        matches!(known, Err(Error::VolumesMissing { .. })),
        "{known:?}"
    );
    assert!(
        matches!(unknown, Err(Error::DataMissing { .. })),
        "{unknown:?}"
    );
    assert_eq!(bench.volumes(), before);
}

#[test]
fn retention_gives_space_back_unless_told_otherwise() {
    let with = |compacts: bool| {
        let (mut bench, _) = with_changes(3);
        write_files(&bench.source(), &[("changes.bin", &noise(700_000, 7))]);
        let mut options = bench.options();
        options.volume_size = VOLUME_SIZE;
        options.retention = Retention::KeepVersions(1);
        if !compacts {
            options.compact = None;
        }
        let stats = bench.backup_with(options).unwrap();
        assert_eq!(
            (stats.deleted_versions, stats.compacted.is_some()),
            (3, compacts)
        );
        let compacted = stats.compacted.unwrap_or_default();
        assert_eq!(compacted.deleted, [], "another computer may need it now");
        assert_eq!(!compacted.retired.is_empty(), compacts);
        assert_clean(&bench.destination_path());
        let mut options = bench.options();
        if !compacts {
            options.compact = None;
        }
        let next_day = bench.backup_with(options).unwrap();
        assert_clean(&bench.destination_path());
        next_day.stored_bytes
    };

    assert!(with(true) < with(false) * 2 / 3);
}

#[test]
fn parity_files_of_another_writer_go_with_their_volumes_and_with_nothing_else() {
    let (mut bench, trees) = with_changes(3);
    let before = bench.volumes();
    let add = |name: &str| fs::write(bench.destination_path().join(name), "parity").unwrap();
    for name in &before {
        add(&format!("{name}.par2"));
    }
    let strange = [
        "other-b0123.dblock.zip.par2",
        "duplicati-b0123.dblock.zip.par2",
        "notes.par2",
    ];
    strange.iter().for_each(|name| add(name));
    let listed = bench.volumes();

    let planned = delete(&bench, &[2, 1], true, Mode::Plan);
    assert_eq!(bench.volumes(), listed);
    let done = delete(&bench, &[2, 1], true, Mode::Run);

    let after = bench.volumes();
    let names = |stats: &coffer_engine::DeleteStats| -> Vec<String> {
        let compacted = stats.compacted.iter().flat_map(|stats| &stats.deleted);
        let files = stats.deleted.iter().chain(compacted);
        let mut names: Vec<_> = files.map(|file| file.name.clone()).collect();
        names.sort();
        names
    };
    let mut gone: Vec<_> = listed.iter().filter(|name| !after.contains(name)).collect();
    gone.sort();
    assert_eq!(names(&done).iter().collect::<Vec<_>>(), gone);
    assert_eq!(names(&planned), names(&done));
    let is_gone = |name: &String| !after.contains(name);
    for name in &before {
        assert_eq!(is_gone(name), is_gone(&format!("{name}.par2")), "{name}");
    }
    assert!(before.iter().any(is_gone));
    assert!(
        strange
            .iter()
            .all(|name| after.contains(&(*name).to_owned()))
    );
    assert_restorable(&mut bench, &[&trees[2]]);
}

#[test]
fn older_versions_are_read_once_by_an_index_that_does_not_know_them() {
    let (mut bench, trees) = with_changes(9);
    fs::remove_dir_all(bench.cache()).unwrap();
    let read = Arc::new(std::sync::Mutex::new(0));
    let counted = read.clone();
    let real = bench.destination.clone();
    bench.destination = Arc::new(crate::hooked::Hooked {
        before_get: Box::new(move |name| {
            if name.contains(".dlist.") {
                *counted.lock().unwrap() += 1;
            }
            Ok(())
        }),
        ..crate::hooked::Hooked::over(real.clone())
    });
    let (mut counts, mut deleted) = (Vec::new(), Vec::new());
    for round in 0..5 {
        write_files(&bench.source(), &[("text.txt", &noise(100, 50 + round))]);
        let mut options = bench.options();
        options.retention = Retention::KeepVersions(9);
        options.test_samples = 0;
        let before = *read.lock().unwrap();
        let stats = bench.backup_with(options).unwrap();
        deleted.push(stats.deleted_versions);
        counts.push(*read.lock().unwrap() - before);
    }
    bench.destination = real;

    // No rule deletes in the first two runs of an index.
    assert_eq!(deleted, [0, 0, 3, 1, 1]);
    assert!(counts[2] >= 9, "{counts:?}");
    assert_eq!(counts[3..], [0, 0]);
    compact(&bench, Mode::Run).unwrap();
    assert_clean(&bench.destination_path());
    let target = bench.folder.path().join("restored");
    bench.restore(8, &target).unwrap();
    assert_eq!(snapshot(&target), trees[5]);
}

#[test]
fn a_version_of_another_computer_keeps_what_this_one_knows_of_unchanged_files() {
    let (mut bench, _) = with_changes(2);
    let mut other = Bench::new();
    other.passphrase = None;
    other.destination = bench.destination.clone();
    other.now = bench.now;
    let mut options = other.options();
    options.sources = vec![bench.source()];
    options.upload_unchanged = true;
    other.backup_with(options).unwrap();
    bench.now = other.now;

    let stats = bench.backup().unwrap();

    assert_eq!((stats.read_files, stats.version), (0, None));
}

#[test]
fn a_backup_that_deletes_and_compacts_lists_the_destination_four_times() {
    let (mut bench, _) = with_changes(4);
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    bench.destination = Arc::new(Hooked {
        listed: Box::new(move |files| {
            counted.fetch_add(1, Ordering::Relaxed);
            files
        }),
        ..Hooked::over(bench.destination.clone())
    });
    write_files(&bench.source(), &[("new", b"new")]);
    let mut options = bench.options();
    options.retention = Retention::KeepVersions(1);
    options.allow_mass_deletion = true;
    options.compact = Some(CompactThresholds {
        percent: 1,
        ..CompactThresholds::default()
    });

    let stats = bench.backup_with(options).unwrap();

    assert!(stats.deleted_versions > 0);
    assert!(!stats.compacted.unwrap().uploaded.is_empty());
    assert!(count.load(Ordering::Relaxed) <= 4, "{count:?}");
}
