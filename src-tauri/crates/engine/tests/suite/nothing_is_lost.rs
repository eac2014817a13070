//! Reproducers of an audit. Each asserts what users expect; one that fails is a defect.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Quota, RemoteFile, Result as DResult, TransferMonitor, UploadFile,
};
use coffer_engine::{
    CompactOptions, CompactThresholds, DeleteOptions, Existing, FullRemoval, Mode, Permissions,
    RestoreOptions, Retention, Samples, Selection, VerifyOptions, Victims,
};
use coffer_testkit::{snapshot, write_files};
use coffer_volume::archive::VolumeReader;
use coffer_volume::dblock::DblockReader;
use coffer_volume::{Format, VolumeKind, VolumeName};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, noise, run};

type NameHook = Box<dyn Fn(&str) + Send + Sync>;

struct Hooked {
    inner: Arc<dyn Destination>,
    before_put: NameHook,
    before_get: NameHook,
    before_delete: NameHook,
    listed: Box<dyn Fn(Vec<RemoteFile>) -> Vec<RemoteFile> + Send + Sync>,
}

impl Hooked {
    fn over(inner: Arc<dyn Destination>) -> Self {
        Self {
            inner,
            before_put: Box::new(|_| ()),
            before_get: Box::new(|_| ()),
            before_delete: Box::new(|_| ()),
            listed: Box::new(|files| files),
        }
    }
}

#[async_trait]
impl Destination for Hooked {
    fn label(&self) -> String {
        self.inner.label()
    }
    async fn list(&self, cancel: &CancellationToken) -> DResult<Vec<RemoteFile>> {
        Ok((self.listed)(self.inner.list(cancel).await?))
    }
    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> DResult<()> {
        (self.before_put)(name);
        self.inner
            .put(name, file, checkpoints, monitor, cancel)
            .await
    }
    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> DResult<u64> {
        (self.before_get)(name);
        self.inner.get(name, target, monitor, cancel).await
    }
    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> DResult<Vec<u8>> {
        self.inner.get_range(name, range, cancel).await
    }
    async fn delete(&self, name: &str, cancel: &CancellationToken) -> DResult<()> {
        (self.before_delete)(name);
        self.inner.delete(name, cancel).await
    }
    async fn create_folder(&self, cancel: &CancellationToken) -> DResult<()> {
        self.inner.create_folder(cancel).await
    }
    async fn quota(&self, cancel: &CancellationToken) -> DResult<Option<Quota>> {
        self.inner.quota(cancel).await
    }
}

fn small(bench: &Bench) -> coffer_engine::BackupOptions {
    let mut options = bench.options();
    options.volume_size = 1 << 20;
    options.parallel_uploads = 1;
    options.test_samples = 0;
    options
}

fn plain() -> Bench {
    let mut bench = Bench::new();
    bench.passphrase = None;
    bench
}

fn verify_all(bench: &Bench) -> Vec<coffer_engine::Fault> {
    let (store, now) = (bench.store(), bench.now);
    run(move || {
        let samples = Samples::All;
        let options = VerifyOptions { samples, now };
        coffer_engine::verify(&store, &options, Arc::new(()), &CancellationToken::new())
    })
    .unwrap()
    .faults
}

fn dblocks(bench: &Bench) -> Vec<String> {
    let mut names = bench.volumes();
    names.retain(|name| name.contains(".dblock."));
    names
}

/// A01: the listing lags behind by the dlist that was just made; retention and compaction follow.
#[test]
fn a01_a_lagging_listing_does_not_cost_the_newest_version() {
    let mut bench = plain();
    for round in 0..2 {
        write_files(&bench.source(), &[("f", &noise(1_500_000, round))]);
        let mut options = small(&bench);
        options.block_size = Some(4096);
        options.compact = None;
        bench.backup_with(options).unwrap();
    }
    write_files(&bench.source(), &[("f", &noise(1_500_000, 9))]);
    let hidden = Arc::new(Mutex::new(None::<String>));
    let (put, list) = (hidden.clone(), hidden.clone());
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
    let stats = bench.backup_with(options).unwrap();
    println!("A01 stats: {stats:?}");
    bench.destination = real;

    let target = bench.folder.path().join("restored");
    let restored = bench.restore(0, &target);
    println!("A01 restore: {restored:?} {:?}", bench.recorder.problems());
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

/// A02: while one computer deletes waste, another makes a version that uses it.
#[test]
fn a02_two_clients_one_deletes_what_the_other_just_used() {
    let mut a = plain();
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
                let mut b = plain();
                b.destination = inner;
                b.now = now + jiff::SignedDuration::from_hours(3);
                let mut options = small(&b);
                options.sources = vec![source];
                let stats = b.backup_with(options).unwrap();
                println!("A02 B: {stats:?}");
            })
            .join()
            .unwrap();
        }),
        ..Hooked::over(real.clone())
    });
    let (store, recorder) = (a.store(), a.recorder.clone());
    let options = CompactOptions::new(1 << 20, a.now);
    let stats =
        run(move || coffer_engine::compact(&store, &options, recorder, &CancellationToken::new()));
    println!("A02 A compacted: {stats:?}");
    a.destination = real;
    let target = a.folder.path().join("restored");
    let restored = a.restore(0, &target).unwrap();
    println!("A02 restore: {restored:?} {:?}", a.recorder.problems());
    assert_eq!(restored.failed_files, 0);
}

/// A03: somebody deletes the index while a backup runs.
#[test]
fn a03_the_index_is_deleted_while_a_backup_runs() {
    let mut bench = plain();
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
    let outcome = bench.backup_with(options);
    println!("A03 backup: {outcome:?} {:?}", bench.recorder.problems());
    bench.destination = real;
    println!("A03 volumes: {:?}", bench.volumes());
    let target = bench.folder.path().join("restored");
    let restored = bench.restore(0, &target);
    println!("A03 restore: {restored:?}");
    assert!(target.exists() && snapshot(&target).contains_key("b"));
}

/// A04: a volume is lost. The backup says so; after a look by a restore it does not any more.
#[test]
fn a04_a_restore_does_not_silence_the_alarm_of_a_lost_volume() {
    let mut bench = plain();
    write_files(&bench.source(), &[("keep", &noise(300_000, 1))]);
    bench.backup().unwrap();
    let lost = dblocks(&bench).remove(0);
    fs::remove_file(bench.destination_path().join(&lost)).unwrap();
    write_files(&bench.source(), &[("new", b"n")]);
    let refused = bench.backup();
    println!(
        "A04 backup after the loss: {:?}",
        refused.map_err(|e| e.to_string())
    );
    let target = bench.folder.path().join("first");
    let restored = bench.restore(0, &target);
    println!("A04 restore: {restored:?}");

    let next = bench.backup();
    println!("A04 next backup: {next:?} {:?}", bench.recorder.problems());
    let target = bench.folder.path().join("second");
    let restored = bench.restore(0, &target).unwrap();
    println!(
        "A04 restore of it: {restored:?} {:?}",
        bench.recorder.problems()
    );
    assert!(next.is_err() || restored.failed_files == 0);
}

/// A05: dblock and dindex are lost, and the index is deleted.
#[test]
fn a05_a_lost_pair_is_noticed_after_the_index_was_deleted() {
    let mut bench = plain();
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
        let next = bench.backup().unwrap();
        problems.extend(bench.recorder.problems());
        println!("A05 next backup: {next:?} {:?}", bench.recorder.problems());
    }
    let target = bench.folder.path().join("second");
    let restored = bench.restore(0, &target).unwrap();
    println!("A05 restore: {restored:?} {:?}", bench.recorder.problems());
    assert!(restored.failed_files == 0 || !problems.is_empty());
}

/// A06: damage is known, but the source that could mend it is away for one run.
#[test]
fn a06_damage_is_mended_when_the_source_is_back() {
    let mut bench = plain();
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
    let path = bench.destination_path().join(&dblocks(&bench)[0]);
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes
        .windows(64)
        .position(|window| window == &content[1000..1064])
        .unwrap();
    bytes[place] ^= 1;
    fs::write(&path, bytes).unwrap();
    println!("A06 verify: {:?}", verify_all(&bench));
    // Unplugged for one run.
    let unplugged = bench.folder.path().join("unplugged");
    fs::rename(&other, &unplugged).unwrap();
    let second = options(&bench, 2);
    let stats = bench.backup_with(second).unwrap();
    println!("A06 while away: {stats:?} {:?}", bench.recorder.problems());
    fs::rename(&unplugged, &other).unwrap();
    for round in 3..5 {
        let next = options(&bench, round);
        let stats = bench.backup_with(next).unwrap();
        println!("A06 back again: {stats:?} {:?}", bench.recorder.problems());
    }
    let target = bench.folder.path().join("restored");
    let restored = bench.restore(0, &target).unwrap();
    println!("A06 restore: {restored:?} {:?}", bench.recorder.problems());
    assert_eq!(restored.failed_files, 0);
}

/// A07: one old dlist is damaged; backups go on.
#[test]
fn a07_a_damaged_old_dlist_does_not_fail_backups() {
    let mut bench = plain();
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
        println!(
            "A07: {:?} {:?}",
            outcome.as_ref().map_err(|e| format!("{e:?}")),
            bench.recorder.problems()
        );
        outcomes.push(outcome.is_ok());
    }
    assert!(outcomes.into_iter().all(|ok| ok));
}

fn block_counts(folder: &Path, format: &Format) -> BTreeMap<Vec<u8>, usize> {
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Some(name) = VolumeName::parse(path.file_name().unwrap().to_str().unwrap()) else {
            continue;
        };
        if name.kind() != VolumeKind::Dblock {
            continue;
        }
        let volume = VolumeReader::open(File::open(path).unwrap(), &name, None).unwrap();
        for (hash, _) in DblockReader::new(volume, format).unwrap().scan().unwrap() {
            *found.entry(hash.as_bytes().to_vec()).or_insert(0) += 1;
        }
    }
    found
}

/// A08: equal content is stored once, also within a first backup.
#[test]
fn a08_a_first_backup_stores_equal_blocks_once() {
    let mut bench = plain();
    let content = noise(12 << 20, 1);
    write_files(&bench.source(), &[("a", &content), ("b", &content)]);
    let mut options = small(&bench);
    options.block_size = Some(64 * 1024);
    options.volume_size = 1 << 20;
    bench.backup_with(options).unwrap();
    let format = Format::new(64 * 1024, "SHA256", "SHA256").unwrap();
    let counts = block_counts(&bench.destination_path(), &format);
    let twice = counts.values().filter(|count| **count > 1).count();
    println!("A08: {twice} of {} blocks are stored twice", counts.len());
    assert_eq!(twice, 0);
}

/// A08b: the same for small files.
#[test]
fn a08b_a_first_backup_stores_equal_small_files_once() {
    let mut bench = plain();
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
    let format = Format::new(64 * 1024, "SHA256", "SHA256").unwrap();
    let counts = block_counts(&bench.destination_path(), &format);
    let twice = counts.values().filter(|count| **count > 1).count();
    println!("A08b: {twice} of {} blocks are stored twice", counts.len());
    assert_eq!(twice, 0);
}

/// A10: metadata is not applied through a link that stands in the way.
#[test]
fn a10_metadata_is_not_set_through_a_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bench = plain();
    write_files(
        &bench.source(),
        &[("sub/f", b"the same content"), ("x", b"x")],
    );
    fs::set_permissions(
        bench.source().join("sub/f"),
        fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    bench.backup().unwrap();
    let outside = bench.folder.path().join("outside");
    write_files(&outside, &[("f", b"the same content")]);
    fs::set_permissions(outside.join("f"), fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::metadata(outside.join("f")).unwrap();
    let target = bench.folder.path().join("restored");
    fs::create_dir(&target).unwrap();
    std::os::unix::fs::symlink(&outside, target.join("sub")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));

    let stats = bench.restore(0, &target).unwrap();
    let after = fs::metadata(outside.join("f")).unwrap();
    println!(
        "A10 {stats:?} {:?} mode {:o} -> {:o}, mtime {:?} -> {:?}",
        bench.recorder.problems(),
        before.permissions().mode(),
        after.permissions().mode(),
        before.modified().unwrap(),
        after.modified().unwrap()
    );
    assert_eq!(before.permissions().mode(), after.permissions().mode());
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

/// A11: a folder below the target becomes a link while the restore goes on.
#[test]
fn a11_nothing_is_written_through_a_link_that_appears_meanwhile() {
    let mut bench = plain();
    for number in 0..40_u64 {
        write_files(
            &bench.source(),
            &[(&format!("sub/{number:02}"), &noise(200_000, number))],
        );
    }
    bench.backup_with(small(&bench)).unwrap();
    let target = bench.folder.path().join("restored");
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let (real, sub, away) = (
        bench.destination.clone(),
        target.join("sub"),
        outside.clone(),
    );
    let gets = AtomicU64::new(0);
    bench.destination = Arc::new(Hooked {
        before_get: Box::new(move |name| {
            if !name.contains(".dblock.") {
                return;
            }
            gets.fetch_add(1, Ordering::SeqCst);
            // Another process of the owner of the target.
            if sub.is_dir() && !sub.is_symlink() {
                fs::rename(&sub, sub.with_extension("old")).unwrap();
                std::os::unix::fs::symlink(&away, &sub).unwrap();
            }
        }),
        ..Hooked::over(real)
    });
    let stats = bench.restore(0, &target);
    let written: Vec<_> = fs::read_dir(&outside)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    println!("A11 {stats:?}, outside: {written:?}");
    assert!(written.is_empty());
}

/// A13: a page in the middle of the index is damaged.
#[test]
fn a13_a_damaged_page_of_the_index_heals() {
    let mut bench = plain();
    for number in 0..3000_u64 {
        write_files(
            &bench.source(),
            &[(&format!("f{number}"), &noise(50, number))],
        );
    }
    bench.backup().unwrap();
    let path = bench.cache().join("index.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    println!(
        "A13 index has {} bytes, wal {:?}",
        bytes.len(),
        fs::metadata(bench.cache().join("index.sqlite-wal")).map(|m| m.len())
    );
    let pages = bytes.len() / 4096;
    for page in (pages / 4..pages * 3 / 4).step_by(3) {
        bytes[page * 4096..page * 4096 + 512].fill(0xa5);
    }
    fs::write(&path, bytes).unwrap();
    let mut outcomes = Vec::new();
    for round in 0..3 {
        write_files(&bench.source(), &[("new", &noise(60, 9000 + round))]);
        let outcome = bench.backup();
        println!("A13: {:?}", outcome.as_ref().map_err(|e| format!("{e:?}")));
        outcomes.push(outcome.is_ok());
    }
    assert!(outcomes.last().copied().unwrap());
}

/// A14: the folder of the destination is gone (its disk is not mounted).
#[test]
fn a14_a_destination_that_is_not_mounted_is_told() {
    for leaves_folder in [false, true] {
        let mut bench = plain();
        write_files(&bench.source(), &[("f", &noise(100_000, 1))]);
        bench.backup().unwrap();
        bench.backup().unwrap();
        let disk = bench.folder.path().join("unplugged");
        fs::rename(bench.destination_path(), &disk).unwrap();
        if leaves_folder {
            fs::create_dir(bench.destination_path()).unwrap();
        }
        let outcome = bench.backup();
        println!("A14: {outcome:?} {:?}", bench.recorder.problems());
        assert!(outcome.is_err() || !bench.recorder.problems().is_empty());
    }
}

/// A09: a file is rewritten in place (truncated, written) again and again while it is read. Many names of one file make
/// many tries.
#[test]
fn a09_a_file_that_is_cut_and_grows_while_it_is_read() {
    let mut broken = Vec::new();
    for round in 0..8_u64 {
        let mut bench = plain();
        let path = bench.source().join("log");
        let content = noise(100_000, round);
        fs::write(&path, &content).unwrap();
        for number in 0..2000 {
            fs::hard_link(&path, bench.source().join(format!("name {number:05}"))).unwrap();
        }
        write_files(&bench.source(), &[("zzz", b"another file")]);
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, writing) = (stop.clone(), path.clone());
        let writer = std::thread::spawn(move || {
            use std::io::Write as _;
            let mut turn = 0;
            while !stopping.load(Ordering::Relaxed) {
                // An ordinary way to save: cut, then write through a small buffer.
                let mut file = File::create(&writing).unwrap();
                turn = (turn + 7) % 60;
                for part in content.chunks(9_000) {
                    file.write_all(part).unwrap();
                    let pause = std::time::Instant::now();
                    while pause.elapsed().as_micros() < turn {}
                }
                let pause = std::time::Instant::now();
                while pause.elapsed().as_micros() < 200 {}
            }
        });
        let mut options = small(&bench);
        options.block_size = Some(4096);
        let outcome = bench.backup_with(options);
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        let told = bench.recorder.problems().len();
        let faults = verify_all(&bench);
        let target = bench.folder.path().join("restored");
        let restored = bench.restore(0, &target);
        let lost: Vec<_> = bench
            .recorder
            .problems()
            .into_iter()
            .filter(|p| p.contains("DataMissing") || p.contains("Mismatch"))
            .collect();
        println!(
            "A09 round {round}: backup {:?}, told {told}\n  verify {faults:?}\n  restore {restored:?} {:?} {:?}",
            outcome.map(|s| (s.version, s.warnings)),
            lost.len(),
            lost.first()
        );
        let (store, now) = (bench.store(), bench.now);
        let compacted = run(move || {
            let options = CompactOptions::new(1 << 20, now);
            coffer_engine::compact(&store, &options, Arc::new(()), &CancellationToken::new())
        });
        println!(
            "  compact afterwards: {:?}",
            compacted.map(|_| ()).map_err(|e| format!("{e:?}"))
        );
        if restored.as_ref().map_or(true, |r| r.failed_files > 0) {
            broken.push(round);
        }
    }
    println!("A09: broken versions in {} of 3 rounds", broken.len());
    assert!(broken.is_empty());
}

/// A12: what a purge over many versions keeps in memory.
#[test]
fn a12_delete_by_number_is_for_reference() {
    let mut bench = plain();
    write_files(&bench.source(), &[("f", b"1")]);
    bench.backup().unwrap();
    let store = bench.store();
    let options = DeleteOptions {
        victims: Victims::Numbers(vec![0]),
        full_removal: FullRemoval::Refuse,
        compact: Some(CompactOptions {
            thresholds: CompactThresholds::default(),
            ..CompactOptions::new(1 << 20, bench.now)
        }),
        mode: Mode::Run,
        now: bench.now,
    };
    let outcome = run(move || {
        coffer_engine::delete(&store, &options, Arc::new(()), &CancellationToken::new())
    });
    assert!(outcome.is_err());
    let _ = (
        RestoreOptions {
            version: 0,
            selection: Selection::all(),
            target: Some(PathBuf::new()),
            existing: Existing::KeepBoth,
            permissions: Permissions::Restore,
        },
        PathBuf::new(),
    );
}

/// A15: a volume that just arrived is cut before the listing that confirms it.
#[test]
fn a15_a_volume_of_another_length_is_not_referenced() {
    let mut bench = plain();
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
    println!("A15 backup: {outcome:?} {:?}", bench.recorder.problems());
    bench.destination = real;
    let mut later = Vec::new();
    for round in 0..2 {
        write_files(&bench.source(), &[("g", &noise(100 + round, 2))]);
        let outcome = bench.backup_with(small(&bench));
        println!("A15 next: {outcome:?} {:?}", bench.recorder.problems());
        later.push(outcome.is_ok());
    }
    let target = bench.folder.path().join("restored");
    let restored = bench.restore(0, &target).unwrap();
    println!("A15 restore: {restored:?} {:?}", bench.recorder.problems());
    let target = bench.folder.path().join("of that run");
    let restored = bench.restore(2, &target).unwrap();
    println!(
        "A15 restore of that run's version: {restored:?} {:?}",
        bench.recorder.problems()
    );
    assert!(outcome.is_err());
}

/// A16: two disks take turns at one place.
#[test]
fn a16_two_disks_take_turns() {
    let mut bench = plain();
    let swap = |bench: &Bench, to: &str, from: &str| {
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
        swap(&bench, to, from);
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
        let outcome = bench.backup_with(options);
        println!(
            "A16 {round}: {:?} {:?}",
            outcome.map(|s| s.versions),
            bench.recorder.problems()
        );
    }
    for (to, from) in [("one", "two"), ("two", "one")] {
        swap(&bench, to, from);
        println!("A16 faults {:?}", verify_all(&bench));
        let target = bench.folder.path().join(format!("restored {to}"));
        let restored = bench.restore(0, &target).unwrap();
        println!("A16 restore {restored:?}");
        assert_eq!(restored.failed_files, 0);
    }
}
