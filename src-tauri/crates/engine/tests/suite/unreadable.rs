//! What cannot be read is not lost, and what is lost is not in the way for good.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coffer_destination::Error as DestinationError;
use coffer_engine::{Disposal, Error, Mode, PurgeOptions, PurgeStats, Purged, Retention, Samples};
use coffer_testkit::{snapshot, write_files};
use tokio_util::sync::CancellationToken;

use crate::hooked::Hooked;
use crate::support::{Bench, noise, run};

fn versions(bench: &mut Bench, count: u64) {
    for round in 0..count {
        write_files(&bench.source(), &[("f", &noise(300_000, round))]);
        bench.backup().unwrap();
    }
}

fn purge_broken(bench: &Bench) -> coffer_engine::Result<PurgeStats> {
    let (store, recorder) = (bench.store(), bench.recorder.clone());
    let options = PurgeOptions {
        purged: Purged::Broken,
        versions: Vec::new(),
        compact: None,
        now: bench.now,
        mode: Mode::Run,
    };
    run(move || coffer_engine::purge(&store, &options, recorder, &CancellationToken::new()))
}

/// Lets the destination refuse to give data volumes, as long as this says so.
fn refuse_data(bench: &mut Bench) -> Arc<AtomicBool> {
    let refuses = Arc::new(AtomicBool::new(true));
    let asked = refuses.clone();
    bench.destination = Arc::new(Hooked {
        before_get: Box::new(move |name| {
            if name.contains(".dblock.") && asked.load(Ordering::SeqCst) {
                return Err(DestinationError::Refused {
                    operation: "read",
                    name: name.to_owned(),
                    why: "access is denied".to_owned(),
                });
            }
            Ok(())
        }),
        ..Hooked::over(bench.destination.clone())
    });
    refuses
}

#[test]
fn what_cannot_be_read_now_is_not_taken_out_of_versions() {
    // The index volumes are gone as well where only the data says what there is.
    for has_dindexes in [true, false] {
        let mut bench = Bench::plain();
        versions(&mut bench, 2);
        if !has_dindexes {
            for name in bench.volumes_of(".dindex.") {
                fs::remove_file(bench.destination_path().join(name)).unwrap();
            }
            fs::remove_dir_all(bench.cache()).unwrap();
        }
        let dlists = bench.volumes_of(".dlist.");
        let refuses = refuse_data(&mut bench);

        assert!(!bench.verify(Samples::All).faults.is_empty());
        let purged = purge_broken(&bench);

        let stops = matches!(purged, Err(Error::Unreadable { .. }));
        assert_eq!(stops, !has_dindexes, "{purged:?}");
        assert_eq!(bench.volumes_of(".dlist."), dlists);
        refuses.store(false, Ordering::SeqCst);
        let target = bench.folder.path().join("restored");
        assert_eq!(bench.restore(0, &target).unwrap().failed_files, 0);
        assert_eq!(snapshot(&target), snapshot(&bench.source()));
    }
}

#[test]
fn a_lost_volume_that_no_version_needs_any_more_is_no_loss() {
    let mut bench = Bench::plain();
    versions(&mut bench, 2);
    let data = bench.volumes_of(".dblock.");
    for name in [&data[0], &data[1]] {
        fs::remove_file(bench.destination_path().join(name)).unwrap();
    }
    let refused = bench.backup();
    assert!(matches!(refused, Err(Error::VolumesMissing { .. })));
    // Another computer deletes both versions, and makes one of its own.
    for name in bench.volumes_of(".dlist.") {
        fs::remove_file(bench.destination_path().join(name)).unwrap();
    }
    let mut other = Bench::plain();
    other.destination = bench.destination.clone();
    other.now = bench.now;
    versions(&mut other, 1);

    bench.now = other.now;
    bench.backup().unwrap();

    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

#[test]
fn a_damaged_file_list_is_named_with_the_version_that_it_is_of() {
    let mut bench = Bench::plain();
    versions(&mut bench, 3);
    let oldest = bench
        .destination_path()
        .join(&bench.volumes_of(".dlist.")[0]);
    fs::write(&oldest, b"").unwrap();

    // Its length alone says so.
    let faults = bench.verify(Samples::None).faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    let outcome = bench.compact(Disposal::Now);
    assert!(
        matches!(outcome, Err(Error::VersionUnreadable { number: 2, .. })),
        "{outcome:?}"
    );
}

#[test]
fn nothing_is_compared_with_a_version_that_is_known_to_be_damaged() {
    let mut bench = Bench::plain();
    versions(&mut bench, 2);
    let newest = bench
        .destination_path()
        .join(&bench.volumes_of(".dlist.")[1]);
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&newest, bytes).unwrap();
    assert_eq!(bench.verify(Samples::All).faults.len(), 1);

    let stats = bench.backup().unwrap();

    assert!(stats.version.is_some());
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_in_the_place_of_a_volume_counts_as_missing() {
    for kind in [".dblock.", ".dindex.", ".dlist."] {
        let mut bench = Bench::plain();
        versions(&mut bench, 2);
        let path = bench.destination_path().join(&bench.volumes_of(kind)[0]);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();

        let target = bench.folder.path().join("restored");
        bench.restore(0, &target).unwrap();
        bench.verify(Samples::All);
        let next = bench.backup();

        let is_data = kind == ".dblock.";
        let is_missing = matches!(next, Err(Error::VolumesMissing { .. }));
        assert_eq!(is_missing, is_data, "{kind}: {next:?}");
    }
}

#[test]
fn a_full_destination_gives_back_what_failed_runs_left() {
    /// Data volumes.
    const FITTING: usize = 3;
    let mut bench = Bench::plain();
    versions(&mut bench, 1);
    let real = bench.destination.clone();
    let folder = bench.destination_path();
    bench.destination = Arc::new(Hooked {
        refuse_put: Box::new(move |name| {
            let data = fs::read_dir(&folder).unwrap().filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().contains(".dblock.")
            });
            let is_full = name.contains(".dblock.") && data.count() >= FITTING;
            is_full.then_some(DestinationError::Full)
        }),
        ..Hooked::over(real)
    });
    write_files(&bench.source(), &[("large", &noise(8 << 20, 9))]);
    let mut options = bench.options();
    options.volume_size = 1 << 20;
    options.parallel_uploads = 1;
    let failed = bench.backup_with(options);
    assert!(
        matches!(failed, Err(Error::Destination(DestinationError::Full))),
        "{failed:?}"
    );
    assert_eq!(bench.volumes_of(".dblock.").len(), FITTING);

    fs::remove_file(bench.source().join("large")).unwrap();
    write_files(&bench.source(), &[("small", b"small")]);
    let stats = bench.backup().unwrap();

    assert!(stats.version.is_some());
    let target = bench.folder.path().join("restored");
    assert_eq!(bench.restore(0, &target).unwrap().failed_files, 0);
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

#[test]
fn files_that_somebody_holds_stop_no_run() {
    for kind in [".dlist.", ".dblock."] {
        let mut bench = Bench::plain();
        versions(&mut bench, 2);
        let held = bench.volumes_of(kind);
        let real = bench.destination.clone();
        bench.destination = Arc::new(Hooked {
            refuse_delete: Box::new(move |asked| {
                let name = asked.to_owned();
                held.contains(&name)
                    .then_some(DestinationError::Locked { name })
            }),
            ..Hooked::over(real.clone())
        });
        write_files(&bench.source(), &[("f", &noise(300_000, 9))]);
        let keep_one = |bench: &mut Bench| {
            let mut options = bench.options();
            options.retention = Retention::KeepVersions(1);
            options.allow_mass_deletion = true;
            bench.backup_with(options).unwrap();
            bench.compact(Disposal::Now).unwrap();
        };
        for round in 0..2 {
            keep_one(&mut bench);
            let reported = bench.recorder.problems();
            let is_reported = reported
                .iter()
                .any(|reported| reported.ends_with(": NotDeleted"));
            assert!(is_reported, "{kind} {round} {reported:?}");
        }
        let before = bench.volumes_of(kind).len();

        bench.destination = real;
        keep_one(&mut bench);

        assert_eq!(bench.volumes_of(".dlist.").len(), 1);
        assert!(bench.volumes_of(kind).len() < before, "{kind}");
        assert_eq!(bench.verify(Samples::All).faults, []);
    }
}

#[test]
fn a_version_found_gone_by_a_compaction_is_reported_by_the_next_backup() {
    let mut bench = Bench::plain();
    versions(&mut bench, 3);
    let gone = bench.volumes_of(".dlist.").remove(0);
    fs::remove_file(bench.destination_path().join(&gone)).unwrap();
    bench.recorder = Arc::default();
    bench.compact(Disposal::Now).unwrap();
    assert_eq!(bench.recorder.problems(), [format!("{gone}: VersionGone")]);
    // Once reported, it holds up no further compaction.
    bench.recorder = Arc::default();
    bench.compact(Disposal::Now).unwrap();
    assert_eq!(bench.recorder.problems(), [""; 0]);

    for expected in [1, 0] {
        let mut options = bench.options();
        options.retention = Retention::KeepVersions(9);
        assert_eq!(bench.backup_with(options).unwrap().warnings, expected);
    }
}

#[test]
fn what_only_the_index_knew_outlives_an_index_that_is_read_anew() {
    let mut bench = Bench::plain();
    versions(&mut bench, 2);
    let gone = bench.volumes_of(".dlist.").remove(0);
    fs::remove_file(bench.destination_path().join(&gone)).unwrap();
    let store = bench.store();
    run(move || coffer_engine::recreate(&store, Arc::new(()), &CancellationToken::new())).unwrap();

    assert_eq!(bench.backup().unwrap().warnings, 1);
}

#[test]
fn a_data_volume_that_a_listing_lacks_is_asked_for_also_without_an_index() {
    let mut bench = Bench::plain();
    versions(&mut bench, 1);
    fs::remove_dir_all(bench.cache()).unwrap();
    let real = bench.destination.clone();
    bench.destination = Arc::new(Hooked {
        listed: Box::new(|mut files| {
            files.retain(|file| !file.name.contains(".dblock."));
            files
        }),
        ..Hooked::over(real)
    });
    let dlists = bench.volumes_of(".dlist.");

    let stats = purge_broken(&bench).unwrap();

    assert_eq!(stats.versions, []);
    assert_eq!(bench.volumes_of(".dlist."), dlists);
}
