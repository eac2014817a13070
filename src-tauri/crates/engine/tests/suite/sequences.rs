//! Whatever is done in whatever order, every version that is left can be restored.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use coffer_destination::Destination;
use coffer_engine::filter::{Action, Filters};
use coffer_engine::{
    CompactOptions, CompactThresholds, DeleteOptions, Error, FullRemoval, Mode, PurgeOptions,
    Purged, Retention, Samples, VerifyOptions, Victims,
};
use coffer_testkit::{Tree, snapshot, write_files};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::checker::assert_clean;
use crate::faulty::Faulty;
use crate::support::{Bench, noise, run};

/// Something that a person, or fate, does.
#[derive(Debug, Clone)]
enum Step {
    /// File `0` gets `1` bytes of noise, or goes away for none.
    Change(u8, usize),
    Backup,
    /// The upload with this number, counted from 0, fails for good.
    InterruptedBackup(u64),
    /// Another computer with files of its own backs up into the same folder.
    BackupOfAnother,
    Delete(usize),
    Keep(usize),
    Compact,
    /// A file is taken out of every version.
    Purge(u8),
    Repair,
    Recreate,
    LoseCache,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_u8, prop_oneof![Just(0), 1..200_usize, 30_000..90_000_usize])
            .prop_map(|(file, len)| Step::Change(file, len)),
        4 => Just(Step::Backup),
        2 => (0..5_u64).prop_map(Step::InterruptedBackup),
        1 => Just(Step::BackupOfAnother),
        2 => (0..4_usize).prop_map(Step::Delete),
        1 => (1..4_usize).prop_map(Step::Keep),
        2 => Just(Step::Compact),
        1 => (0..5_u8).prop_map(Step::Purge),
        1 => Just(Step::Repair),
        1 => Just(Step::Recreate),
        1 => Just(Step::LoseCache),
    ]
}

/// What there should be.
struct World {
    bench: Bench,
    other: PathBuf,
    /// Oldest first.
    versions: Vec<Tree>,
    seed: u64,
}

impl World {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.passphrase = None;
        let other = bench.folder.path().join("other");
        write_files(&bench.source(), &[("always", b"there"), ("dir/0", b"zero")]);
        write_files(&other, &[("mine", b"alone")]);
        Self {
            bench,
            other,
            versions: Vec::new(),
            seed: 0,
        }
    }

    fn compact_options(&self) -> CompactOptions {
        CompactOptions {
            thresholds: CompactThresholds {
                percent: 10,
                small_file_size: None,
                small_file_max_count: 2,
            },
            ..CompactOptions::new(1 << 20, self.bench.now)
        }
    }

    fn backup(&mut self) -> coffer_engine::Result<()> {
        let mut options = self.bench.options();
        // What the first run chose stays.
        options.block_size = self.versions.is_empty().then_some(4096);
        options.volume_size = 1 << 20;
        options.parallel_uploads = 1;
        options.compact = Some(self.compact_options().thresholds);
        match self.bench.backup_with(options) {
            Err(Error::FormatMismatch { .. }) => self.backup_as_it_is(),
            Err(error) => Err(error),
            Ok(stats) => {
                if stats.version.is_some() {
                    self.versions.push(snapshot(&self.bench.source()));
                }
                Ok(())
            }
        }
    }

    fn backup_as_it_is(&mut self) -> coffer_engine::Result<()> {
        let options = self.bench.options();
        if self.bench.backup_with(options)?.version.is_some() {
            self.versions.push(snapshot(&self.bench.source()));
        }
        Ok(())
    }

    fn backup_of_another(&mut self) {
        self.seed += 1;
        write_files(&self.other, &[("mine", &noise(20_000, self.seed))]);
        let mut options = self.bench.options();
        options.sources = vec![self.other.clone()];
        options.compact = Some(self.compact_options().thresholds);
        let mut bench = Bench::new();
        bench.passphrase = None;
        bench.destination = self.bench.destination.clone();
        bench.now = self.bench.now;
        bench.backup_with(options).unwrap();
        self.bench.now = bench.now;
        self.versions.push(snapshot(&self.other));
    }

    fn delete(&mut self, victims: Victims) {
        let (store, options) = (
            self.bench.store(),
            DeleteOptions {
                victims,
                full_removal: FullRemoval::Refuse,
                compact: Some(self.compact_options()),
                mode: Mode::Run,
                now: self.bench.now,
            },
        );
        let outcome = run(move || {
            coffer_engine::delete(&store, &options, Arc::new(()), &CancellationToken::new())
        });
        match outcome {
            Ok(stats) => {
                let count = self.versions.len();
                for version in stats.versions.iter().map(|version| version.number) {
                    self.versions[count - 1 - version].clear();
                }
                // Every tree has files; an empty one is a version that was deleted.
                self.versions.retain(|tree| !tree.is_empty());
            }
            Err(Error::FullRemoval | Error::NoVersion { .. } | Error::NoBackup { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn purge(&mut self, file: u8) {
        let rule = format!("*/dir/{file}");
        let options = PurgeOptions {
            purged: Purged::Matching(Filters::new([(Action::Include, rule.as_str())]).unwrap()),
            versions: Vec::new(),
            compact: Some(self.compact_options()),
            now: self.bench.now,
            mode: Mode::Run,
        };
        let store = self.bench.store();
        run(move || {
            coffer_engine::purge(&store, &options, Arc::new(()), &CancellationToken::new())
        })
        .unwrap();
        for tree in &mut self.versions {
            tree.remove(&format!("dir/{file}"));
        }
    }

    fn take(&mut self, step: Step) {
        let has_versions = !self.versions.is_empty();
        let store = self.bench.store();
        match step {
            Step::Change(file, 0) => {
                let _ = fs::remove_file(self.bench.source().join(format!("dir/{file}")));
            }
            Step::Change(file, len) => {
                self.seed += 1;
                let content = noise(len, self.seed);
                write_files(&self.bench.source(), &[(&format!("dir/{file}"), &content)]);
            }
            Step::Backup => self.backup().unwrap(),
            Step::InterruptedBackup(at) => {
                let folder: Arc<dyn Destination> = self.bench.destination.clone();
                let cut = Faulty::new(folder.clone(), move |put, _| put != at);
                self.bench.destination = Arc::new(cut);
                // With few uploads it comes through.
                let _ = self.backup();
                self.bench.destination = folder;
                self.learn_of_a_version_that_came_through();
            }
            Step::BackupOfAnother => self.backup_of_another(),
            Step::Delete(number) => self.delete(Victims::Numbers(vec![number])),
            Step::Keep(count) if has_versions => {
                self.delete(Victims::Retention(Retention::KeepVersions(count)));
            }
            Step::Compact if has_versions => {
                let options = self.compact_options();
                run(move || {
                    let cancel = CancellationToken::new();
                    coffer_engine::compact(&store, &options, Arc::new(()), &cancel)
                })
                .unwrap();
            }
            Step::Purge(file) if has_versions => self.purge(file),
            Step::Repair if has_versions => {
                let now = self.bench.now;
                run(move || {
                    let cancel = CancellationToken::new();
                    coffer_engine::repair(&store, Mode::Run, now, Arc::new(()), &cancel)
                })
                .unwrap();
            }
            Step::Recreate if has_versions => {
                run(move || {
                    coffer_engine::recreate(&store, Arc::new(()), &CancellationToken::new())
                })
                .unwrap();
            }
            Step::LoseCache => {
                let _ = fs::remove_dir_all(self.bench.cache());
            }
            Step::Keep(_) | Step::Compact | Step::Purge(_) | Step::Repair | Step::Recreate => {}
        }
    }

    /// An upload may fail after the version is there, when compaction follows it.
    fn learn_of_a_version_that_came_through(&mut self) {
        let dlists = self
            .bench
            .volumes()
            .into_iter()
            .filter(|name| name.contains(".dlist."))
            .count();
        if dlists > self.versions.len() {
            self.versions.push(snapshot(&self.bench.source()));
        }
    }

    fn check(mut self) {
        // What was cut off last is repaired by the run after it.
        self.backup().unwrap();
        assert_clean(&self.bench.destination_path());
        let (store, now) = (self.bench.store(), self.bench.now);
        let samples = Samples::All;
        let stats = run(move || {
            let cancel = CancellationToken::new();
            let options = VerifyOptions { samples, now };
            coffer_engine::verify(&store, &options, Arc::new(()), &cancel)
        })
        .unwrap();
        assert_eq!(stats.faults, []);
        // On a new computer.
        let _ = fs::remove_dir_all(self.bench.cache());
        let versions = std::mem::take(&mut self.versions);
        for (number, tree) in versions.iter().rev().enumerate() {
            let target = self.bench.folder.path().join(format!("restored {number}"));
            self.bench.restore(number, &target).unwrap();
            assert_eq!(self.bench.recorder.problems(), Vec::<String>::new());
            assert_eq!(&snapshot(&target), tree, "version {number}");
        }
    }
}

/// A few cases as a rule, because each is dozens of runs; PROPTEST_CASES asks for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(12, |text| text.parse().unwrap_or(12));
    ProptestConfig {
        cases,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn no_sequence_of_operations_costs_a_version(steps in proptest::collection::vec(step(), 4..16)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.check();
    }
}

#[test]
fn two_clients_that_overlap_lose_no_version() {
    let mut first = Bench::new();
    first.passphrase = None;
    write_files(
        &first.source(),
        &[("old", &noise(300_000, 1)), ("stays", b"s")],
    );
    let small = |bench: &Bench| {
        let mut options = bench.options();
        options.volume_size = 1 << 20;
        options.parallel_uploads = 1;
        options
    };
    let mut options = small(&first);
    options.block_size = Some(4096);
    first.backup_with(options).unwrap();
    write_files(&first.source(), &[("new", &noise(2_500_000, 2))]);
    fs::remove_file(first.source().join("old")).unwrap();

    // While the first uploads, the second backs up, deletes the old version and compacts.
    let (folder, now) = (first.destination.clone(), first.now);
    let meanwhile = move |put, _: &str| {
        if put == 3 {
            let folder = folder.clone();
            let second = std::thread::spawn(move || {
                let mut second = Bench::new();
                second.passphrase = None;
                second.destination = folder;
                second.now = now + jiff::SignedDuration::from_hours(30);
                write_files(&second.source(), &[("second", b"of the second")]);
                let mut options = small(&second);
                options.retention = Retention::KeepVersions(1);
                second.backup_with(options).unwrap();
            });
            second.join().unwrap();
        }
        true
    };
    first.destination = Arc::new(Faulty::new(first.destination.clone(), meanwhile));
    let options = small(&first);
    first.backup_with(options).unwrap();

    assert_clean(&first.destination_path());
    let newest = first.folder.path().join("newest");
    first.restore(0, &newest).unwrap();
    assert_eq!(first.recorder.problems(), Vec::<String>::new());
    assert_eq!(snapshot(&newest), snapshot(&first.source()));
    let before = first.folder.path().join("before");
    first.restore(1, &before).unwrap();
    assert_eq!(fs::read(before.join("second")).unwrap(), b"of the second");
}
