use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use coffer_destination::FolderDestination;
use coffer_engine::{Disposal, Fault, FaultKind, Retention, Samples};
use coffer_testkit::{fixture, write_files};

use crate::hooked::Hooked;
use crate::support::{Bench, noise};

fn with_versions(count: u64) -> Bench {
    with_versions_in(Bench::new(), count)
}

fn plain(count: u64) -> Bench {
    let mut bench = Bench::new();
    bench.passphrase = None;
    with_versions_in(bench, count)
}

fn with_versions_in(mut bench: Bench, count: u64) -> Bench {
    for round in 0..count {
        write_files(
            &bench.source(),
            &[("changes", &noise(300_000, round)), ("stays", b"the same")],
        );
        let mut options = bench.options();
        options.block_size = Some(4096);
        bench.backup_with(options).unwrap();
    }
    bench
}

fn volume(bench: &Bench, kind: &str) -> PathBuf {
    let names = bench.volumes();
    let name = names.iter().find(|name| name.contains(kind)).unwrap();
    bench.destination_path().join(name)
}

#[test]
fn a_sound_backup_has_no_faults() {
    let bench = with_versions(3);

    let known = bench.verify(Samples::All);
    fs::remove_dir_all(bench.cache()).unwrap();
    let unknown = bench.verify(Samples::All);

    for stats in [known, unknown] {
        assert_eq!(stats.faults, []);
        assert_eq!((stats.listed_volumes, stats.examined_volumes), (9, 9));
    }
}

#[test]
fn what_duplicati_wrote_has_no_faults() {
    for (case, prefix, passphrase) in [
        ("defaults", "duplicati", Some("correct horse ☂ battery")),
        ("small-blocks", "duplicati", None),
        ("other-hashes", "laptop", Some("correct horse ☂ battery")),
        ("compacted", "duplicati", Some("correct horse ☂ battery")),
    ] {
        let mut bench = Bench::new();
        let folder = fixture(&format!("duplicati-2.3/{case}/destination"));
        bench.destination = Arc::new(FolderDestination::new(folder));
        bench.prefix = prefix.to_owned();
        bench.passphrase = passphrase.map(str::to_owned);

        assert_eq!(bench.verify(Samples::All).faults, [], "{case}");
    }
}

#[test]
fn samples_go_round_until_every_volume_was_looked_into() {
    let mut bench = with_versions(4);
    // Each backup looked into one of each kind already.
    fs::remove_dir_all(bench.cache()).unwrap();
    let path = volume(&bench, ".dblock.");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut found = Vec::new();
    for _ in 0..4 {
        bench.now += jiff::SignedDuration::from_hours(24);
        let stats = bench.verify(Samples::Count(1));
        assert_eq!(stats.examined_volumes, 3);
        found.extend(stats.faults);
    }

    // A list that comes up after the damage was found is named for what it lacks now; which comes first is chance.
    let names = found.iter().map(|fault| fault.volume.clone());
    let data: Vec<_> = names.filter(|name| !name.contains(".dlist.")).collect();
    assert_eq!(data, [path.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn every_kind_of_damage_to_every_kind_of_volume_is_found() {
    type Damage = (&'static str, fn(&PathBuf));
    let damages: [Damage; 4] = [
        ("missing", |path| fs::remove_file(path).unwrap()),
        ("cut", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("a flipped bit", |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            fs::write(path, bytes).unwrap();
        }),
        ("another's volume", |path| {
            let other = plain(1);
            let ending = path
                .to_str()
                .unwrap()
                .rsplit('.')
                .nth(1)
                .unwrap()
                .to_owned();
            let volume = volume(&other, &format!(".{ending}."));
            let _ = fs::copy(volume, path).unwrap();
        }),
    ];
    for kind in [".dblock.", ".dindex.", ".dlist."] {
        for (name, damage) in damages {
            for knows in [true, false] {
                let bench = plain(2);
                let path = volume(&bench, kind);
                damage(&path);
                if !knows {
                    fs::remove_dir_all(bench.cache()).unwrap();
                }

                let faults = bench.verify(Samples::All).faults;

                // A dlist that is gone is a version that was deleted, as far as anybody can see.
                let expects_none = name == "missing" && kind == ".dlist.";
                let file = path.file_name().unwrap().to_str().unwrap();
                let names: BTreeMap<_, _> = faults
                    .iter()
                    .map(|Fault { volume, kind }| (volume.as_str(), kind))
                    .collect();
                let is_reported = names.contains_key(file)
                    // Else what lacks shows.
                    || names.values().any(|kind| matches!(kind, FaultKind::Incomplete(_)));
                assert_eq!(
                    is_reported, !expects_none,
                    "{kind} {name} {knows}: {faults:?}"
                );
            }
        }
    }
}

#[test]
fn what_a_run_left_that_was_cut_off_is_no_damage() {
    let bench = with_versions(2);
    let dblock = volume(&bench, ".dblock.");
    let name = dblock.file_name().unwrap().to_str().unwrap().to_owned();
    let (start, rest) = name.split_at(name.find(".dblock.").unwrap() - 4);
    let left = format!("{start}0000{}", &rest[4..]);
    fs::copy(&dblock, bench.destination_path().join(&left)).unwrap();

    let stats = bench.verify(Samples::All);

    assert_eq!(stats.faults, []);
    let reported = format!("{left}: NotDescribed");
    assert_eq!(bench.recorder.problems(), [reported]);
}

#[test]
fn what_a_deletion_left_that_was_cut_off_is_no_damage() {
    for knows in [true, false] {
        let mut bench = with_versions(2);
        write_files(&bench.source(), &[("changes", &noise(300_000, 9))]);
        let mut options = bench.options();
        options.retention = Retention::KeepVersions(1);
        bench.backup_with(options).unwrap();
        let plain = bench.destination.clone();
        bench.destination = Arc::new(Hooked {
            refuse_delete: Box::new(|name| {
                let name = name.to_owned();
                let is_index = name.contains(".dindex.");
                is_index.then_some(coffer_destination::Error::Locked { name })
            }),
            ..Hooked::over(plain.clone())
        });
        let deleted = bench.compact(Disposal::Now).unwrap().deleted;
        assert!(!deleted.is_empty());
        bench.destination = plain;
        bench.recorder = Arc::default();
        if !knows {
            fs::remove_dir_all(bench.cache()).unwrap();
        }

        let stats = bench.verify(Samples::All);

        assert_eq!(stats.faults, [], "{knows}");
        let problems = bench.recorder.problems();
        assert_eq!(problems.len(), deleted.len(), "{problems:?}");
        assert!(
            problems
                .iter()
                .all(|problem| problem.ends_with(": LeftOver")),
            "{problems:?}"
        );
        // It goes with the next waste.
        bench.compact(Disposal::Now).unwrap();
        let count = |kind| bench.volumes_of(kind).len();
        assert_eq!(count(".dindex."), count(".dblock."));
    }
}

#[test]
fn without_downloads_the_listing_is_compared() {
    let bench = with_versions(2);
    let path = volume(&bench, ".dblock.");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();

    let stats = bench.verify(Samples::None);

    assert_eq!(stats.examined_volumes, 0);
    assert!(
        matches!(
            &stats.faults[..],
            [Fault {
                kind: FaultKind::OtherSize { .. },
                ..
            }]
        ),
        "{stats:?}"
    );
}

#[test]
fn a_backup_looks_into_samples_of_what_it_uploaded() {
    let mut bench = with_versions(1);
    let path = volume(&bench, ".dblock.");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    write_files(&bench.source(), &[("new", b"new")]);
    let mut options = bench.options();
    options.test_samples = 9;

    let stats = bench.backup_with(options).unwrap();

    assert_eq!((stats.faulty_volumes, stats.warnings), (1, 1));
    assert!(stats.version.is_some());
}
