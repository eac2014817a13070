//! The worst moments: somebody deletes, damages or changes something while an operation runs, and nothing is lost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use coffer_engine::{CompactOptions, Error, Retention, Samples};
use coffer_testkit::{snapshot, write_files};
use coffer_volume::archive::VolumeReader;
use coffer_volume::dblock::DblockReader;
use coffer_volume::{Format, VolumeKind, VolumeName};
use tokio_util::sync::CancellationToken;

use crate::hooked::Hooked;
use crate::support::{Bench, noise, run};

fn small(bench: &Bench) -> coffer_engine::BackupOptions {
    let mut options = bench.options();
    options.volume_size = 1 << 20;
    options.parallel_uploads = 1;
    options.test_samples = 0;
    options
}

/// The listing lags behind by the dlist that was just made; retention and compaction follow.
#[test]
fn a_lagging_listing_does_not_cost_the_newest_version() {
    let mut bench = Bench::plain();
    for round in 0..2 {
        write_files(&bench.source(), &[("f", &noise(1_500_000, round))]);
        let mut options = small(&bench);
        options.block_size = Some(4096);
        options.compact = None;
        bench.backup_with(options).unwrap();
    }
    write_files(&bench.source(), &[("f", &noise(1_500_000, 9))]);
    let hidden = Arc::new(Mutex::new(None::<String>));
    let (put, list) = (hidden.clone(), hidden);
    let real = bench.destination.clone();
    bench.destination = Arc::new(Hooked {
        before_put: Box::new(move |name| {
            if name.contains(".dlist.") {
                *put.lock().unwrap() = Some(name.to_owned());
            }
        }),
        listed: Box::new(move |mut files| {
            let hidden = list.lock().unwrap().clone();
            files.retain(|file| Some(&file.name) != hidden.as_ref());
            files
        }),
        ..Hooked::over(real.clone())
    });
    let mut options = small(&bench);
    options.retention = Retention::KeepVersions(1);
    bench.backup_with(options).unwrap();
    bench.destination = real;

    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

/// While one computer deletes waste, another makes a version that uses it.
#[test]
fn two_clients_one_deletes_what_the_other_just_used() {
    let mut a = Bench::plain();
    write_files(&a.source(), &[("big", &noise(1_500_000, 1)), ("s", b"s")]);
    let mut options = small(&a);
    options.block_size = Some(4096);
    a.backup_with(options).unwrap();
    fs::remove_file(a.source().join("big")).unwrap();
    let mut options = small(&a);
    options.retention = Retention::KeepVersions(1);
    options.compact = None;
    a.backup_with(options).unwrap();

    let (real, now) = (a.destination.clone(), a.now);
    let done = AtomicBool::new(false);
    let b_source = a.folder.path().join("b");
    write_files(&b_source, &[("same", &noise(1_500_000, 1))]);
    let inner = real.clone();
    a.destination = Arc::new(Hooked {
        before_delete: Box::new(move |_| {
            if done.swap(true, Ordering::SeqCst) {
                return;
            }
            let (inner, source) = (inner.clone(), b_source.clone());
            std::thread::spawn(move || {
                let mut b = Bench::plain();
                b.destination = inner;
                b.now = now + jiff::SignedDuration::from_hours(3);
                let mut options = small(&b);
                options.sources = vec![source];
                b.backup_with(options).unwrap();
            })
            .join()
            .unwrap();
        }),
        ..Hooked::over(real.clone())
    });
    let (store, recorder) = (a.store(), a.recorder.clone());
    let options = CompactOptions::new(1 << 20, a.now);
    run(move || coffer_engine::compact(&store, &options, recorder, &CancellationToken::new()))
        .unwrap();
    a.destination = real;
    let target = a.folder.path().join("restored");
    let restored = a.restore(0, &target).unwrap();
    assert_eq!(restored.failed_files, 0);
}

/// Somebody deletes the index while a backup runs.
#[test]
fn the_index_is_deleted_while_a_backup_runs() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("a", b"a"), ("b", &noise(300_000, 1))]);
    bench.backup().unwrap();
    write_files(&bench.source(), &[("c", &noise(300_000, 2))]);
    let (real, cache) = (bench.destination.clone(), bench.cache());
    bench.destination = Arc::new(Hooked {
        before_put: Box::new(move |name| {
            if name.contains(".dblock.") {
                for suffix in ["", "-wal", "-shm"] {
                    let _ = fs::remove_file(cache.join(format!("index.sqlite{suffix}")));
                }
            }
        }),
        ..Hooked::over(real.clone())
    });
    let mut options = small(&bench);
    options.retention = Retention::KeepVersions(1);
    bench.backup_with(options).unwrap();
    bench.destination = real;
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert!(target.exists() && snapshot(&target).contains_key("b"));
}

/// A volume is lost. The backup says so; after a look by a restore it does not any more.
#[test]
fn a_restore_does_not_silence_the_alarm_of_a_lost_volume() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("keep", &noise(300_000, 1))]);
    bench.backup().unwrap();
    let lost = bench.volumes_of(".dblock.").remove(0);
    fs::remove_file(bench.destination_path().join(&lost)).unwrap();
    write_files(&bench.source(), &[("new", b"n")]);
    let refused = bench.backup();
    assert!(matches!(refused, Err(Error::VolumesMissing { .. })));
    let target = bench.folder.path().join("first");
    assert!(bench.restore(0, &target).unwrap().failed_files > 0);

    let next = bench.backup();
    assert!(
        matches!(next, Err(Error::VolumesMissing { .. })),
        "{next:?}"
    );
    let target = bench.folder.path().join("second");
    let restored = bench.restore(0, &target).unwrap();
    assert!(next.is_err() || restored.failed_files == 0);
}

/// Dblock and dindex are lost, and the index is deleted.
#[test]
fn a_lost_pair_is_noticed_after_the_index_was_deleted() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("keep", &noise(300_000, 1))]);
    bench.backup().unwrap();
    for name in bench.volumes() {
        if !name.contains(".dlist.") {
            fs::remove_file(bench.destination_path().join(name)).unwrap();
        }
    }
    fs::remove_dir_all(bench.cache()).unwrap();
    let mut problems = Vec::new();
    for round in 0..2 {
        write_files(&bench.source(), &[("new", &noise(100 + round, 5))]);
        bench.backup().unwrap();
        problems.extend(bench.recorder.problems());
    }
    let target = bench.folder.path().join("second");
    let restored = bench.restore(0, &target).unwrap();
    assert!(restored.failed_files == 0 || !problems.is_empty());
}

/// Damage is known, but the source that could repair it is away for one run.
#[test]
fn damage_is_mended_when_the_source_is_back() {
    let mut bench = Bench::plain();
    let other = bench.folder.path().join("other");
    write_files(&bench.source(), &[("here", b"here")]);
    let content = noise(300_000, 1);
    write_files(&other, &[("away", &content)]);
    let sources = vec![bench.source(), other.clone()];
    let options = |bench: &Bench, extra: u64| {
        write_files(&bench.source(), &[("changes", &noise(100, extra))]);
        let mut options = small(bench);
        options.sources = sources.clone();
        options
    };
    let first = options(&bench, 1);
    bench.backup_with(first).unwrap();
    // A bit of the block of `away` changes.
    let path = bench
        .destination_path()
        .join(&bench.volumes_of(".dblock.")[0]);
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes
        .windows(64)
        .position(|window| window == &content[1000..1064])
        .unwrap();
    bytes[place] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(bench.verify(Samples::All).faults.len(), 1);
    // Unplugged for one run.
    let unplugged = bench.folder.path().join("unplugged");
    fs::rename(&other, &unplugged).unwrap();
    let second = options(&bench, 2);
    let stats = bench.backup_with(second).unwrap();
    assert_eq!(stats.incomplete_files, 1);
    fs::rename(&unplugged, &other).unwrap();
    for round in 3..5 {
        let next = options(&bench, round);
        bench.backup_with(next).unwrap();
    }
    let target = bench.folder.path().join("restored");
    let restored = bench.restore(0, &target).unwrap();
    assert_eq!(restored.failed_files, 0);
}

/// The list of a file's blocks is damaged, and only index volumes have a copy of it.
#[test]
fn a_damaged_blocklist_is_stored_again() {
    let mut bench = Bench::plain();
    let content = noise(20_000, 1);
    write_files(&bench.source(), &[("large", &content)]);
    let small_blocks = |bench: &Bench| {
        let mut options = small(bench);
        options.block_size = Some(4096);
        options
    };
    let first = small_blocks(&bench);
    bench.backup_with(first).unwrap();
    let dblock = bench.destination_path();
    let dblock = dblock.join(&bench.volumes_of(".dblock.")[0]);
    let mut bytes = fs::read(&dblock).unwrap();
    let format = Format::default();
    let last = format.block_hash().digest(&content[4 * 4096..]);
    let place = bytes.windows(32).position(|part| part == last.as_bytes());
    bytes[place.unwrap()] ^= 1;
    fs::write(&dblock, bytes).unwrap();
    assert_eq!(bench.verify(Samples::All).faults.len(), 1);

    write_files(&bench.source(), &[("changes", b"something else")]);
    let second = small_blocks(&bench);
    bench.backup_with(second).unwrap();

    for dindex in bench.volumes_of(".dindex.") {
        fs::remove_file(bench.destination_path().join(dindex)).unwrap();
    }
    fs::remove_dir_all(bench.cache()).unwrap();
    let target = bench.folder.path().join("restored");
    assert_eq!(bench.restore(0, &target).unwrap().failed_files, 0);
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

/// A volume was found damaged; then the index is rebuilt, or a new one begins because the backup starts over.
/// Index volumes say what the volume once held, which must not count for what it holds.
#[test]
fn damage_outlives_the_index_that_knew_of_it() {
    for starts_over in [true, false] {
        let mut bench = Bench::plain();
        write_files(&bench.source(), &[("f", &noise(300_000, 1))]);
        bench.backup().unwrap();
        let dblock = bench.destination_path();
        let dblock = dblock.join(&bench.volumes_of(".dblock.")[0]);
        let mut bytes = fs::read(&dblock).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&dblock, bytes).unwrap();
        assert_eq!(bench.verify(Samples::All).faults.len(), 1);

        let mut options = small(&bench);
        if starts_over {
            for dlist in bench.volumes_of(".dlist.") {
                fs::remove_file(bench.destination_path().join(dlist)).unwrap();
            }
            options.allow_new_destination = true;
        } else {
            let store = bench.store();
            run(move || coffer_engine::recreate(&store, Arc::new(()), &CancellationToken::new()))
                .unwrap();
        }
        bench.backup_with(options).unwrap();

        let target = bench.folder.path().join("restored");
        assert_eq!(bench.restore(0, &target).unwrap().failed_files, 0);
        assert_eq!(snapshot(&target), snapshot(&bench.source()));
    }
}

/// One old dlist is damaged; backups go on.
#[test]
fn a_damaged_old_dlist_does_not_fail_backups() {
    let mut bench = Bench::plain();
    for round in 0..4 {
        write_files(&bench.source(), &[("f", &noise(100_000, round))]);
        bench.backup().unwrap();
    }
    let mut dlists = bench.volumes();
    dlists.retain(|name| name.contains(".dlist."));
    let oldest = bench.destination_path().join(&dlists[0]);
    let bytes = fs::read(&oldest).unwrap();
    fs::write(&oldest, &bytes[..bytes.len() / 2]).unwrap();
    fs::remove_dir_all(bench.cache()).unwrap();
    let mut outcomes = Vec::new();
    for round in 10..13 {
        write_files(&bench.source(), &[("f", &noise(100_000, round))]);
        let mut options = small(&bench);
        options.retention = Retention::KeepVersions(2);
        let outcome = bench.backup_with(options);
        outcomes.push(outcome.is_ok());
    }
    assert!(outcomes.into_iter().all(|ok| ok));
}

/// Of a backup with blocks of 64 KiB.
fn blocks_stored_twice(bench: &Bench) -> usize {
    let format = Format::new(64 * 1024, "SHA256", "SHA256").unwrap();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for text in bench.volumes() {
        let name = VolumeName::parse(&text).unwrap();
        if name.kind() != VolumeKind::Dblock {
            continue;
        }
        let file = File::open(bench.destination_path().join(&text)).unwrap();
        let volume = VolumeReader::open(file, &name, None).unwrap();
        for (hash, _) in DblockReader::new(volume, &format).unwrap().scan().unwrap() {
            *counts.entry(hash.as_bytes().to_vec()).or_default() += 1;
        }
    }
    counts.values().filter(|count| **count > 1).count()
}

/// Equal content is stored once, also within a first backup.
#[test]
fn a_first_backup_stores_equal_blocks_once() {
    let mut bench = Bench::plain();
    let content = noise(12 << 20, 1);
    write_files(&bench.source(), &[("a", &content), ("b", &content)]);
    let mut options = small(&bench);
    options.block_size = Some(64 * 1024);
    options.volume_size = 1 << 20;
    bench.backup_with(options).unwrap();
    assert_eq!(blocks_stored_twice(&bench), 0);
}

/// The same for small files.
#[test]
fn a_first_backup_stores_equal_small_files_once() {
    let mut bench = Bench::plain();
    for number in 0..2000_u64 {
        let content = noise(3000, number);
        write_files(
            &bench.source(),
            &[
                (&format!("a/{number}"), &content),
                (&format!("b/{number}"), &content),
            ],
        );
    }
    let mut options = small(&bench);
    options.block_size = Some(64 * 1024);
    bench.backup_with(options).unwrap();
    assert_eq!(blocks_stored_twice(&bench), 0);
}

/// A page in the middle of the index is damaged.
#[test]
fn a_damaged_page_of_the_index_heals() {
    let mut bench = Bench::plain();
    for number in 0..3000_u64 {
        write_files(
            &bench.source(),
            &[(&format!("f{number}"), &noise(50, number))],
        );
    }
    bench.backup().unwrap();
    let path = bench.cache().join("index.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    for page in (pages / 4..pages * 3 / 4).step_by(3) {
        bytes[page * 4096..page * 4096 + 512].fill(0xa5);
    }
    fs::write(&path, bytes).unwrap();
    let mut outcomes = Vec::new();
    for round in 0..3 {
        write_files(&bench.source(), &[("new", &noise(60, 9000 + round))]);
        let outcome = bench.backup();
        outcomes.push(outcome.is_ok());
    }
    assert!(outcomes.last().copied().unwrap());
}

/// The folder of the destination is gone (its disk is not mounted).
#[test]
fn a_destination_that_is_not_mounted_is_reported() {
    for leaves_folder in [false, true] {
        let mut bench = Bench::plain();
        write_files(&bench.source(), &[("f", &noise(100_000, 1))]);
        bench.backup().unwrap();
        bench.backup().unwrap();
        let disk = bench.folder.path().join("unplugged");
        fs::rename(bench.destination_path(), &disk).unwrap();
        if leaves_folder {
            fs::create_dir(bench.destination_path()).unwrap();
        }
        let outcome = bench.backup();
        assert!(outcome.is_err() || !bench.recorder.problems().is_empty());
    }
}

/// A volume that just arrived is cut before the listing that confirms it.
#[test]
fn a_volume_of_another_length_is_not_referenced() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("first", b"1")]);
    bench.backup().unwrap();
    write_files(&bench.source(), &[("f", &noise(300_000, 1))]);
    let real = bench.destination.clone();
    let (folder, last) = (bench.destination_path(), Mutex::new(None::<String>));
    bench.destination = Arc::new(Hooked {
        before_put: Box::new(move |name| {
            if name.contains(".dblock.") {
                *last.lock().unwrap() = Some(name.to_owned());
            }
            if name.contains(".dindex.")
                && let Some(dblock) = last.lock().unwrap().take()
            {
                let bytes = fs::read(folder.join(&dblock)).unwrap();
                let copy = folder.join("x");
                fs::write(&copy, &bytes[..bytes.len() - 5000]).unwrap();
                fs::rename(copy, folder.join(&dblock)).unwrap();
            }
        }),
        ..Hooked::over(real.clone())
    });
    let outcome = bench.backup_with(small(&bench));
    bench.destination = real;
    let mut later = Vec::new();
    for round in 0..2 {
        write_files(&bench.source(), &[("g", &noise(100 + round, 2))]);
        let outcome = bench.backup_with(small(&bench));
        later.push(outcome.is_ok());
    }
    let target = bench.folder.path().join("restored");
    assert_eq!(bench.restore(0, &target).unwrap().failed_files, 0);
    assert_eq!(later, [true, true]);
    assert!(outcome.is_err());
}

/// Two disks take turns at one place.
#[test]
fn two_disks_take_turns() {
    let mut bench = Bench::plain();
    let swap = |bench: &mut Bench, to: &str, from: &str| {
        bench.reopen();
        let base = bench.folder.path();
        if bench.destination_path().exists() {
            fs::rename(bench.destination_path(), base.join(from)).unwrap();
        }
        if base.join(to).exists() {
            fs::rename(base.join(to), bench.destination_path()).unwrap();
        }
    };
    for round in 0..6_u64 {
        let (to, from) = if round % 2 == 0 {
            ("one", "two")
        } else {
            ("two", "one")
        };
        swap(&mut bench, to, from);
        write_files(
            &bench.source(),
            &[
                (&format!("f{round}"), &noise(200_000, round)),
                ("same", &noise(50_000, 77)),
            ],
        );
        let mut options = small(&bench);
        options.retention = Retention::KeepVersions(2);
        // The second disk is new, and somebody says so.
        options.allow_new_destination = round == 1;
        // Where the other disk is, nothing is written.
        let _ = bench.backup_with(options);
    }
    for (to, from) in [("one", "two"), ("two", "one")] {
        swap(&mut bench, to, from);
        assert_eq!(bench.verify(Samples::All).faults, []);
        let target = bench.folder.path().join(format!("restored {to}"));
        let restored = bench.restore(0, &target).unwrap();
        assert_eq!(restored.failed_files, 0);
    }
}

/// Whatever page of the index is damaged, the next backup sees what changed.
#[test]
fn no_page_of_the_index_can_hide_a_change() {
    const PAGE: usize = 4096;
    let mut bench = Bench::plain();
    for number in 0..40_u64 {
        let name = format!("f{number}");
        write_files(&bench.source(), &[(&name, &noise(50, number))]);
    }
    bench.backup().unwrap();
    let path = bench.cache().join("index.sqlite");
    let pages = fs::read(&path).unwrap().len() / PAGE;
    for page in 1..pages {
        for len in [PAGE / 8, PAGE] {
            let mut bytes = fs::read(&path).unwrap();
            let start = page * PAGE;
            if bytes.len() < start + PAGE {
                continue;
            }
            bytes[start..start + len].fill(0xa5);
            fs::write(&path, bytes).unwrap();
            let changed = noise(60, (page * 10 + len) as u64);
            write_files(&bench.source(), &[("changed", &changed)]);

            let stats = bench.backup().unwrap();

            assert!(stats.version.is_some(), "page {page}: {stats:?}");
        }
    }
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}
