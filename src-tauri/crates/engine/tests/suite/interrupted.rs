//! Runs that end in the middle, and folders that change under a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use coffer_destination::FolderDestination;
use coffer_engine::filter::{Action, Filters};
use coffer_engine::{Error, Mode, Purged};
use coffer_testkit::{copy_of, expected_tree, snapshot, write_files};
use coffer_volume::archive::VolumeReader;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dlist::DlistReader;
use coffer_volume::stream::Parts;
use coffer_volume::{Format, Hash, VolumeKind, VolumeName};

use crate::checker::assert_clean;
use crate::faulty::Faulty;
use crate::hooked::Hooked;
use crate::repairing::try_purge;
use crate::sources::restored;
use crate::support::{Bench, noise};

/// Unencrypted volumes of one kind in a folder, opened.
fn open(folder: &Path, kind: VolumeKind) -> Vec<VolumeReader> {
    let files = fs::read_dir(folder).unwrap();
    files
        .filter_map(|file| {
            let path = file.unwrap().path();
            let name = VolumeName::parse(path.file_name()?.to_str()?)?;
            (name.kind() == kind)
                .then(|| VolumeReader::open(File::open(path).unwrap(), &name, None).unwrap())
        })
        .collect()
}

/// How often each block is stored.
fn blocks(folder: &Path, format: &Format) -> BTreeMap<Vec<u8>, (u64, usize)> {
    let mut found = BTreeMap::new();
    for volume in open(folder, VolumeKind::Dblock) {
        for (hash, size) in DblockReader::new(volume, format).unwrap().scan().unwrap() {
            found.entry(hash.as_bytes().to_vec()).or_insert((size, 0)).1 += 1;
        }
    }
    found
}

fn large_source() -> Bench {
    let mut bench = Bench::new();
    bench.passphrase = None;
    write_files(
        &bench.source(),
        &[
            ("big.bin", &noise(3_500_000, 3)),
            ("other.bin", &noise(2_400_000, 4)),
            ("text", b"some text"),
        ],
    );
    bench
}

fn options(bench: &Bench) -> coffer_engine::BackupOptions {
    let mut options = bench.options();
    options.block_size = Some(64 * 1024);
    options.volume_size = 1 << 20;
    options.parallel_uploads = 1;
    options.test_samples = 0;
    options
}

fn format() -> Format {
    Format::new(64 * 1024, "SHA256", "SHA256").unwrap()
}

#[test]
fn what_arrived_before_a_run_was_cut_off_is_never_sent_again() {
    for knows in [true, false] {
        for failing_put in [0, 1, 2, 5, 8] {
            let mut bench = large_source();
            let folder: Arc<dyn coffer_destination::Destination> = bench.destination.clone();
            let cut = Arc::new(Faulty::new(folder.clone(), move |put, _| put < failing_put));
            bench.destination = cut.clone();
            let failed = bench.backup_with(options(&bench));
            assert!(matches!(failed, Err(Error::Destination(_))), "{failed:?}");
            assert_eq!(cut.arrived.lock().unwrap().len() as u64, failing_put);
            if !knows {
                fs::remove_dir_all(bench.cache()).unwrap();
            }
            bench.destination = folder;

            let stats = bench.backup_with(options(&bench)).unwrap();

            assert!(stats.version.is_some());
            let several: Vec<_> = blocks(&bench.destination_path(), &format())
                .into_values()
                .filter(|(_, count)| *count > 1)
                .collect();
            assert_eq!(several, [], "knows {knows}, failing put {failing_put}");
            assert_clean(&bench.destination_path());
            let target = bench.folder.path().join("restored");
            bench.restore(0, &target).unwrap();
            assert_eq!(snapshot(&target), snapshot(&bench.source()));
        }
    }
}

#[test]
fn volumes_that_vanish_under_a_run_are_sent_again() {
    let mut bench = large_source();
    let path = bench.destination_path();
    // Another computer takes what no version needs for waste, just before this run makes its version.
    let vandal = move |put, _: &str| {
        if put == 6 {
            let files = fs::read_dir(&path).unwrap();
            for file in files.map(|file| file.unwrap().path()) {
                fs::remove_file(file).unwrap();
            }
        }
        true
    };
    bench.destination = Arc::new(Faulty::new(bench.destination.clone(), vandal));

    let stats = bench.backup_with(options(&bench)).unwrap();

    assert!(stats.version.is_some());
    assert_clean(&bench.destination_path());
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

#[test]
fn a_killed_run_of_duplicati_is_taken_up() {
    let folder = copy_of("duplicati-2.3/interrupted/destination-when-killed");
    let mut bench = Bench::new();
    bench.passphrase = None;
    bench.destination = Arc::new(FolderDestination::new(folder.path()));
    bench.now = "2026-06-01T08:00:00Z".parse().unwrap();
    let target = bench.folder.path().join("old");
    bench.restore(0, &target).unwrap();
    let mut found = snapshot(&target);
    let mut expected = expected_tree("interrupted", "20260301T080000Z");
    for path in ["docs/letter.txt", "docs/letter-hardlink.txt"] {
        assert_eq!(
            found.remove(path).is_some(),
            expected.remove(path).is_some()
        );
    }
    assert_eq!(found, expected);

    // A source made of the blocks that the killed run left behind.
    let mut dlist = DlistReader::new(open(folder.path(), VolumeKind::Dlist).remove(0)).unwrap();
    let format = dlist.format().clone();
    let mut referenced = BTreeSet::new();
    dlist
        .read_entries(|entry| {
            for stream in entry.content.iter().chain(&entry.metadata) {
                match &stream.parts {
                    Parts::Empty => {}
                    Parts::Block(block) => drop(referenced.insert(block.as_bytes().to_vec())),
                    Parts::Blocklists(lists) => {
                        referenced.extend(lists.iter().map(|list| list.as_bytes().to_vec()));
                    }
                }
            }
            Ok::<_, coffer_volume::Error>(())
        })
        .unwrap();
    let before = blocks(folder.path(), &format);
    let mut left = Vec::new();
    for volume in open(folder.path(), VolumeKind::Dblock) {
        let mut reader = DblockReader::new(volume, &format).unwrap();
        for (hash, _) in reader.scan().unwrap() {
            if !referenced.contains(hash.as_bytes()) {
                left.push((hash, reader.read(hash).unwrap()));
            }
        }
    }
    assert!(left.len() > 20, "{} blocks", left.len());
    for (number, (_, data)) in left.iter().enumerate() {
        write_files(&bench.source(), &[(&format!("block {number}"), data)]);
    }

    bench.backup().unwrap();

    let after = blocks(folder.path(), &format);
    for (hash, _) in left {
        let hash: Hash = hash;
        assert_eq!(after[hash.as_bytes()].1, before[hash.as_bytes()].1);
    }
    assert_clean(folder.path());
    let target = bench.folder.path().join("new");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}

#[test]
fn a_volume_that_arrived_is_not_sent_again_because_its_file_stayed() {
    let mut bench = large_source();
    let folder: Arc<dyn coffer_destination::Destination> = bench.destination.clone();
    let spool = bench.cache().join("spool");
    let (waiting, saved) = (spool.clone(), bench.folder.path().join("saved"));
    // Killed between noting that the first dblock arrived and removing its file.
    let kept = saved.clone();
    let cut = Arc::new(Faulty::new(folder.clone(), move |put, name| {
        if put == 0 {
            fs::copy(waiting.join(name), &kept).unwrap();
        }
        put == 0
    }));
    bench.destination = cut.clone();
    bench.backup_with(options(&bench)).unwrap_err();
    let dblock = cut.arrived.lock().unwrap()[0].clone();
    fs::rename(saved, spool.join(&dblock)).unwrap();
    let recording = Arc::new(Faulty::new(folder, |_, _| true));
    bench.destination = recording.clone();

    bench.backup_with(options(&bench)).unwrap();

    assert!(!recording.arrived.lock().unwrap().contains(&dblock));
    assert_eq!(fs::read_dir(spool).unwrap().count(), 0);
    assert_clean(&bench.destination_path());
}

#[test]
fn a_version_that_arrived_before_its_run_was_cut_off_is_compared_with() {
    let mut bench = large_source();
    let disk = bench.source().join("disk");
    write_files(&disk, &[("old", b"old")]);
    let both = |bench: &Bench| {
        let mut both = bench.options();
        both.sources = vec![bench.source().join("text"), disk.clone()];
        both
    };
    let given = both(&bench);
    bench.backup_with(given).unwrap();
    write_files(&disk, &[("new", b"new")]);
    let real = bench.destination.clone();
    let (spool, folder) = (bench.cache().join("spool"), bench.destination_path());
    let hooked = Hooked {
        refuse_put: Box::new(move |name| {
            name.contains(".dlist.").then(|| {
                fs::copy(spool.join(name), folder.join(name)).unwrap();
                coffer_destination::Error::Cancelled
            })
        }),
        ..Hooked::over(real.clone())
    };
    bench.destination = Arc::new(hooked);
    let given = both(&bench);
    bench.backup_with(given).unwrap_err();
    bench.destination = real;
    fs::remove_dir_all(&disk).unwrap();
    fs::create_dir(&disk).unwrap();
    write_files(&bench.source(), &[("text", b"changed")]);

    let given = both(&bench);
    let stats = bench.backup_with(given).unwrap();

    assert_eq!((stats.kept_sources, stats.versions), (1, 3));
    let names = ["disk", "disk/new", "disk/old", "text"];
    assert_eq!(restored(&mut bench, 0), names);
}

#[test]
fn what_a_purge_took_out_is_backed_up_again_also_when_it_was_cut_off() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("kept", b"kept"), ("taken", b"taken")]);
    bench.backup().unwrap();
    let real = bench.destination.clone();
    let (spool, folder) = (bench.cache().join("spool"), bench.destination_path());
    // The new version arrives, and no reply does.
    bench.destination = Arc::new(Hooked {
        refuse_put: Box::new(move |name| {
            name.contains(".dlist.").then(|| {
                fs::copy(spool.join(name), folder.join(name)).unwrap();
                coffer_destination::Error::Cancelled
            })
        }),
        ..Hooked::over(real.clone())
    });
    let rules = Filters::new([(Action::Include, "*/taken")]).unwrap();
    try_purge(&bench, Purged::Matching(rules), vec![], Mode::Run).unwrap_err();
    bench.destination = real;
    assert_eq!(restored(&mut bench, 0), ["kept"]);

    bench.backup().unwrap();

    assert_eq!(restored(&mut bench, 0), ["kept", "taken"]);
}

#[test]
fn a_rebuild_of_the_index_that_was_cut_off_forgets_no_backup() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("kept", b"kept")]);
    bench.backup().unwrap();
    // The new index was whole, and the old one gone.
    let cache = bench.cache();
    fs::rename(
        cache.join("index.sqlite"),
        cache.join("index-renewed.sqlite"),
    )
    .unwrap();
    // The disk is not mounted.
    fs::remove_dir_all(bench.destination_path()).unwrap();
    fs::create_dir(bench.destination_path()).unwrap();
    bench.reopen();

    let outcome = bench.backup();

    assert!(
        matches!(outcome, Err(Error::DestinationGone { versions: 1, .. })),
        "{outcome:?}"
    );
}
