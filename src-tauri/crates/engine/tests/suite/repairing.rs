//! Damage that can be repaired, files that are taken out of versions, and what versions differ in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use coffer_destination::FolderDestination;
use coffer_engine::filter::{Action, Filters};
use coffer_engine::{
    Change, CompactOptions, Disposal, Error, Lost, Mode, PurgeOptions, PurgeStats, Purged,
    RepairStats, Samples, Selection, VerifyOptions,
};
use coffer_testkit::{copy_of, expected_tree, fixture, snapshot, write_files};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::checker::assert_clean;
use crate::hooked::Hooked;
use crate::support::{Bench, damage_index, noise, run};

/// A copy of an unencrypted backup that Duplicati wrote.
fn copied(case: &str) -> (Bench, TempDir) {
    let folder = copy_of(&format!("duplicati-2.3/{case}"));
    let mut bench = Bench::new();
    bench.passphrase = None;
    bench.destination = Arc::new(FolderDestination::new(folder.path()));
    bench.now = "2026-06-01T08:00:00Z".parse().unwrap();
    (bench, folder)
}

pub(crate) fn purge(bench: &Bench, purged: Purged, mode: Mode) -> PurgeStats {
    purge_versions(bench, purged, Vec::new(), mode)
}

fn purge_versions(bench: &Bench, purged: Purged, versions: Vec<usize>, mode: Mode) -> PurgeStats {
    try_purge(bench, purged, versions, mode).unwrap()
}

pub(crate) fn try_purge(
    bench: &Bench,
    purged: Purged,
    versions: Vec<usize>,
    mode: Mode,
) -> Result<PurgeStats, Error> {
    let (store, recorder) = (bench.store(), bench.recorder.clone());
    let compact = CompactOptions {
        disposal: Disposal::Now,
        ..CompactOptions::new(1 << 20, bench.now)
    };
    let options = PurgeOptions {
        purged,
        versions,
        compact: Some(compact),
        now: bench.now,
        mode,
    };
    run(move || coffer_engine::purge(&store, &options, recorder, &CancellationToken::new()))
}

fn repair(bench: &Bench, mode: Mode) -> RepairStats {
    let (store, recorder, now) = (bench.store(), bench.recorder.clone(), bench.now);
    run(move || coffer_engine::repair(&store, mode, now, recorder, &CancellationToken::new()))
        .unwrap()
}

fn faults(bench: &Bench) -> usize {
    let (store, recorder) = (bench.store(), bench.recorder.clone());
    let options = VerifyOptions {
        samples: Samples::All,
        now: bench.now,
    };
    run(move || coffer_engine::verify(&store, &options, recorder, &CancellationToken::new()))
        .unwrap()
        .faults
        .len()
}

/// Paths of broken entries by version number, as we see them.
fn broken(bench: &Bench) -> BTreeMap<usize, BTreeSet<(String, Lost)>> {
    let (store, recorder) = (bench.store(), bench.recorder.clone());
    let found = Arc::new(Mutex::new(BTreeMap::<usize, BTreeSet<_>>::new()));
    let sink = found.clone();
    run(move || {
        coffer_engine::for_each_broken_file(
            &store,
            recorder,
            &CancellationToken::new(),
            |version, file| {
                let mut found = sink.lock().unwrap();
                let files = found.entry(version.number).or_default();
                files.insert((file.path, file.lost));
                Ok(())
            },
        )
    })
    .unwrap();
    Arc::into_inner(found).unwrap().into_inner().unwrap()
}

/// The same as the program lists them.
fn listed_as_broken() -> BTreeMap<usize, BTreeSet<String>> {
    let text = fs::read_to_string(fixture("duplicati-2.3/broken/list-broken-files.txt")).unwrap();
    let mut versions = BTreeMap::<usize, BTreeSet<String>>::new();
    let mut number = 0;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Fileset ") {
            number = rest.split_whitespace().next().unwrap().parse().unwrap();
        } else if let Some((path, _)) = line
            .trim()
            .rsplit_once(" (")
            .filter(|_| line.starts_with('\t'))
        {
            versions.entry(number).or_default().insert(path.to_owned());
        }
    }
    versions
}

#[test]
fn broken_files_are_the_ones_that_duplicati_names() {
    let (bench, _folder) = copied("broken/destination");

    let found = broken(&bench);

    let paths: BTreeMap<_, BTreeSet<_>> = found
        .into_iter()
        .map(|(number, files)| (number, files.into_iter().map(|(path, _)| path).collect()))
        .collect();
    assert_eq!(paths, listed_as_broken());
}

#[test]
fn a_broken_backup_gives_back_everything_that_is_whole() {
    let (mut bench, _folder) = copied("broken/destination");
    let broken = broken(&bench);
    fs::remove_dir_all(bench.cache()).unwrap();
    for (number, stamp) in ["20260103T080000Z", "20260102T080000Z", "20260101T080000Z"]
        .iter()
        .enumerate()
    {
        let target = bench.folder.path().join(stamp);

        bench.restore(number, &target).unwrap();

        let mut found = snapshot(&target);
        let mut expected = expected_tree("broken", stamp);
        let reported = bench.recorder.problems().join("\n");
        for (path, _) in broken.get(&number).into_iter().flatten() {
            assert!(
                reported.contains(path.as_str()),
                "{path} is not named in {reported}"
            );
            let path = path
                .trim_start_matches("/srv/source/")
                .trim_end_matches('/');
            found.remove(path);
            expected.remove(path);
        }
        // Rewritten with the same size and time, which the program did not see; its dlist holds the old content.
        for path in ["docs/letter.txt", "docs/letter-hardlink.txt"] {
            assert_eq!(
                found.remove(path).is_some(),
                expected.remove(path).is_some()
            );
        }
        assert_eq!(found, expected, "{stamp}");
    }
}

#[test]
fn purging_what_is_broken_leaves_a_clean_backup_with_all_that_was_whole() {
    let (mut bench, folder) = copied("broken/destination");
    let before = broken(&bench);

    let planned = purge(&bench, Purged::Broken, Mode::Plan);
    assert_eq!(broken(&bench), before);
    let stats = purge(&bench, Purged::Broken, Mode::Run);

    assert_eq!(planned.versions, stats.versions);
    assert_eq!(stats.versions.len(), 2);
    assert!(broken(&bench).is_empty());
    assert_clean(folder.path());
    assert_eq!(faults(&bench), 0);
    let target = bench.folder.path().join("restored");
    bench.restore(1, &target).unwrap();
    assert_eq!(bench.recorder.problems(), Vec::<String>::new());
    let found: BTreeSet<_> = snapshot(&target).into_keys().collect();
    let mut expected: BTreeSet<_> = expected_tree("broken", "20260102T080000Z")
        .into_keys()
        .collect();
    for (path, lost) in &before[&1] {
        if *lost == Lost::Content {
            expected.remove(path.trim_start_matches("/srv/source/"));
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn purged_files_are_gone_from_every_version_and_their_data_from_the_destination() {
    let mut bench = Bench::new();
    bench.passphrase = None;
    for round in 0..3 {
        write_files(
            &bench.source(),
            &[
                (&format!("secret/plan {round}"), &noise(200_000, round)),
                ("kept.txt", format!("round {round}").as_bytes()),
            ],
        );
        bench.backup().unwrap();
    }
    let rules = || {
        let rules = [(Action::Include, "*/secret/*")];
        Purged::Matching(Filters::new(rules).unwrap())
    };
    let before = bench.volumes();

    let planned = purge(&bench, rules(), Mode::Plan);
    assert_eq!(bench.volumes(), before);
    let stats = purge(&bench, rules(), Mode::Run);

    assert_eq!(planned.versions, stats.versions);
    assert_eq!(stats.versions.len(), 3);
    for purged in &stats.versions {
        assert_eq!(
            purged
                .new_time
                .duration_since(purged.version.time)
                .as_secs(),
            1
        );
        // The folder is matched as well: `*` may stand for nothing.
        assert_eq!(purged.removed.len(), 4 - purged.version.number);
    }
    assert_clean(&bench.destination_path());
    let stored: u64 = fs::read_dir(bench.destination_path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(stored < 100_000, "{stored} bytes are left");
    for version in 0..3 {
        let target = bench.folder.path().join(format!("restored {version}"));
        bench.restore(version, &target).unwrap();
        let names: Vec<_> = snapshot(&target).into_keys().collect();
        assert_eq!(names, ["kept.txt"]);
    }
    // The next run resumes from there and keeps what is in the source.
    assert_eq!(bench.backup().unwrap().added_files, 3);
}

#[test]
fn a_purge_that_is_cut_off_before_it_deletes_leaves_no_version_twice() {
    let mut bench = Bench::new();
    for round in 0..2 {
        let files = [("secret", noise(9, round)), ("kept", noise(9, round + 9))];
        for (name, content) in files {
            write_files(&bench.source(), &[(name, &content)]);
        }
        bench.backup().unwrap();
    }
    let rules = || Purged::Matching(Filters::new([(Action::Include, "*/secret")]).unwrap());
    let planned = purge(&bench, rules(), Mode::Plan);
    let expected = bench.volumes_of(".dlist.").len();
    let plain = bench.destination.clone();

    // The index fails once the new version is there, and the purge begins again.
    let index = bench.cache().join("index.sqlite");
    let is_first = AtomicBool::new(true);
    bench.destination = Arc::new(Hooked {
        before_put: Box::new(move |name| {
            if name.contains(".dlist.") && is_first.swap(false, Ordering::Relaxed) {
                damage_index(&index);
            }
        }),
        ..Hooked::over(plain.clone())
    });
    let stats = purge(&bench, rules(), Mode::Run);

    assert_eq!(stats.versions, planned.versions);
    assert_eq!(bench.volumes_of(".dlist.").len(), expected);

    // The old version stays where it is, and another purge comes.
    write_files(&bench.source(), &[("secret", b"again")]);
    bench.backup().unwrap();
    bench.destination = Arc::new(Hooked {
        refuse_delete: Box::new(|name| {
            let name = name.to_owned();
            Some(coffer_destination::Error::Locked { name })
        }),
        ..Hooked::over(plain.clone())
    });
    let first = purge(&bench, rules(), Mode::Run);
    assert_eq!(bench.volumes_of(".dlist.").len(), expected + 2);
    bench.destination = plain;
    let second = purge_versions(&bench, rules(), vec![0], Mode::Run);

    let new_times = |stats: &PurgeStats| {
        stats
            .versions
            .iter()
            .map(|v| v.new_time)
            .collect::<Vec<_>>()
    };
    assert_eq!(new_times(&first), new_times(&second));
    assert_eq!(bench.volumes_of(".dlist.").len(), expected + 1);
}

#[test]
fn missing_and_damaged_index_volumes_are_written_anew() {
    let (bench, folder) = copied("small-blocks/destination");
    let mut dindexes: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains(".dindex."))
        .collect();
    dindexes.sort();
    fs::remove_file(&dindexes[0]).unwrap();
    fs::write(&dindexes[1], b"no index at all").unwrap();

    let planned = repair(&bench, Mode::Plan);
    let stats = repair(&bench, Mode::Run);

    assert_eq!(planned.indexed, stats.indexed);
    assert_eq!((stats.indexed.len(), stats.deleted.len()), (2, 1));
    assert_eq!(stats.broken_files, 0);
    assert_clean(folder.path());
    fs::remove_dir_all(bench.cache()).unwrap();
    assert_eq!(faults(&bench), 0);
    let again = repair(&bench, Mode::Run);
    assert_eq!((again.indexed.len(), again.deleted.len()), (0, 0));
}

#[test]
fn a_backup_without_index_volumes_gets_them() {
    let (bench, folder) = copied("no-index/destination");

    let stats = repair(&bench, Mode::Run);

    assert!(!stats.indexed.is_empty());
    assert_clean(folder.path());
    assert_eq!(faults(&bench), 0);
}

#[test]
fn repair_deletes_nothing_that_holds_data() {
    let (bench, folder) = copied("broken/destination");
    let before: BTreeSet<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();

    let stats = repair(&bench, Mode::Run);

    assert_eq!(stats.broken_files, 17);
    assert!(stats.deleted.is_empty());
    let after: BTreeSet<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert!(after.is_superset(&before));
}

#[test]
fn the_index_can_be_read_anew_at_any_time() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a"), ("b", &noise(90_000, 1))]);
    bench.backup().unwrap();
    let store = bench.store();

    let stats =
        run(move || coffer_engine::recreate(&store, Arc::new(()), &CancellationToken::new()))
            .unwrap();

    assert_eq!((stats.versions, stats.volumes), (1, 3));
    assert_eq!(bench.backup().unwrap().uploaded_bytes, 0);
}

#[test]
fn versions_are_compared_and_searched() {
    let mut bench = Bench::new();
    write_files(
        &bench.source(),
        &[
            ("same", b"s"),
            ("old", b"o"),
            ("changes", b"1"),
            ("docs/x", b"x"),
        ],
    );
    bench.backup().unwrap();
    write_files(&bench.source(), &[("new", b"nn"), ("changes", b"22")]);
    fs::remove_file(bench.source().join("old")).unwrap();
    bench.backup().unwrap();
    let start = format!("{}/", bench.source().display());

    let (store, found) = (bench.store(), Arc::new(Mutex::new(Vec::new())));
    let sink = found.clone();
    run(move || {
        coffer_engine::compare(
            &store,
            (1, 0),
            Arc::new(()),
            &CancellationToken::new(),
            |d| {
                let path = d.path.replacen(&start, "", 1);
                sink.lock()
                    .unwrap()
                    .push((path, d.change, d.old_size, d.new_size));
                Ok(())
            },
        )
    })
    .unwrap();
    let mut differences = found.lock().unwrap().clone();
    differences.sort_by(|a, b| a.0.cmp(&b.0));
    // The source's own time changed, too.
    assert_eq!(
        differences,
        [
            (String::new(), Change::Metadata, Some(0), Some(0)),
            ("changes".to_owned(), Change::Content, Some(1), Some(2)),
            ("new".to_owned(), Change::Added, None, Some(2)),
            ("old".to_owned(), Change::Deleted, Some(1), None),
        ]
    );

    let (store, found) = (bench.store(), Arc::new(Mutex::new(Vec::new())));
    let sink = found.clone();
    let selection = Selection::arguments(&["old".to_owned(), "*/x".to_owned()]);
    run(move || {
        let cancel = CancellationToken::new();
        coffer_engine::find(
            &store,
            &selection,
            &[],
            Arc::new(()),
            &cancel,
            |version, entry| {
                let name = entry.path.rsplit('/').next().unwrap().to_owned();
                sink.lock().unwrap().push((version.number, name));
                Ok(())
            },
        )
    })
    .unwrap();
    let mut found = found.lock().unwrap().clone();
    found.sort();
    let expected = [(0, "x"), (1, "old"), (1, "x")].map(|(number, name)| (number, name.to_owned()));
    assert_eq!(found, expected);
}

/// Rewrites a volume as a later version of the format would state itself.
fn make_later(path: &Path) {
    let mut old = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let mut entry = old.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = entry.name().unwrap().into_owned();
        if name == "manifest" {
            let text = String::from_utf8(bytes).unwrap();
            let later = text.replace("\"Version\":2", "\"Version\":99");
            assert_ne!(text, later);
            bytes = later.into_bytes();
        }
        let options = zip::write::SimpleFileOptions::default();
        new.start_file(name, options).unwrap();
        new.write_all(&bytes).unwrap();
    }
    fs::write(path, new.finish().unwrap().into_inner()).unwrap();
}

/// A newer Coffer wrote them: they are whole, whatever this one makes of them.
#[test]
fn volumes_of_a_later_version_are_left_alone() {
    for kind in [".dblock.", ".dindex.", ".dlist."] {
        let mut bench = Bench::plain();
        write_files(&bench.source(), &[("f", &noise(10_000, 1))]);
        bench.backup().unwrap();
        let volume = bench.destination_path().join(&bench.volumes_of(kind)[0]);
        make_later(&volume);
        fs::remove_dir_all(bench.cache()).unwrap();
        let before = bench.volumes();

        let (store, now) = (bench.store(), bench.now);
        let repaired = run(move || {
            let cancel = CancellationToken::new();
            coffer_engine::repair(&store, Mode::Run, now, Arc::new(()), &cancel)
        });
        let purged = try_purge(&bench, Purged::Broken, Vec::new(), Mode::Run);
        let target = bench.folder.path().join("restored");
        let restored = bench.restore(0, &target);

        assert_eq!(bench.volumes(), before, "{kind} {repaired:?} {purged:?}");
        let is_later = |error: Option<Error>| match error {
            Some(Error::Volume { source, .. }) => source.is_of_later_version(),
            _ => false,
        };
        assert!(is_later(repaired.err()), "{kind}");
        assert!(is_later(purged.err()), "{kind}");
        assert!(is_later(restored.err()), "{kind}");
    }
}
