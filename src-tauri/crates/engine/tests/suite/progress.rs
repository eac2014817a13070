//! What a backup reports of its progress.

use std::fs;
use std::sync::{Arc, Condvar, Mutex};

use coffer_engine::{BackupStats, Monitor, Phase, Result, backup};
use coffer_testkit::write_files;
use tokio_util::sync::CancellationToken;

use crate::faulty::Faulty;
use crate::support::{Bench, noise, run};

/// Sums of what was reported.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sums {
    phases: Vec<Phase>,
    totals: (u64, u64),
    done: (u64, u64),
    queued: u64,
    sent: u64,
}

impl Sums {
    /// The check afterwards has numbers of its own.
    fn is_backing_up(&self) -> bool {
        matches!(self.phases.last(), Some(Phase::BackingUp | Phase::Sending))
    }
}

#[derive(Default)]
struct Adding {
    sums: Mutex<Sums>,
    counted: Condvar,
}

impl Adding {
    fn wait_for_totals(&self) {
        let sums = self.sums.lock().unwrap();
        let is_open =
            |sums: &mut Sums| sums.totals.0 == 0 && sums.phases.contains(&Phase::BackingUp);
        drop(self.counted.wait_while(sums, is_open).unwrap());
    }
}

impl Monitor for Adding {
    fn phase(&self, phase: Phase) {
        self.sums.lock().unwrap().phases.push(phase);
    }

    fn totals(&self, files: u64, bytes: u64) {
        let mut sums = self.sums.lock().unwrap();
        if sums.is_backing_up() {
            sums.totals = (files, bytes);
            self.counted.notify_all();
        }
    }

    fn done(&self, files: u64, bytes: u64, _path: &str) {
        let mut sums = self.sums.lock().unwrap();
        if sums.is_backing_up() {
            sums.done = (sums.done.0 + files, sums.done.1 + bytes);
        }
    }

    fn queued(&self, bytes: u64) {
        self.sums.lock().unwrap().queued += bytes;
    }

    fn sent(&self, bytes: u64) {
        let mut sums = self.sums.lock().unwrap();
        sums.sent += bytes;
        assert!(sums.sent <= sums.queued, "{sums:?}");
    }

    fn wants_totals(&self) -> bool {
        true
    }
}

/// Backs up in volumes of 1 MiB, of which the first `arriving` uploads succeed. Nothing arrives before all is counted, so
/// that the end does not come before.
fn backed_up(bench: &mut Bench, arriving: u64) -> (Result<BackupStats>, Sums) {
    bench.now += jiff::SignedDuration::from_secs(60);
    let mut options = bench.options();
    options.volume_size = 1 << 20;
    options.parallel_uploads = 1;
    let adding = Arc::new(Adding::default());
    let (monitor, counted) = (Arc::clone(&adding), Arc::clone(&adding));
    let gate = move |puts, _: &str| {
        counted.wait_for_totals();
        puts < arriving
    };
    let there = Arc::clone(&bench.destination);
    bench.destination = Arc::new(Faulty::new(Arc::clone(&there), gate));
    let store = bench.store();
    bench.destination = there;
    let stats = run(move || backup(&store, options, monitor, &CancellationToken::new()));
    let sums = adding.sums.lock().unwrap().clone();
    (stats, sums)
}

/// Twelve files of 200 KiB in three folders, and their top.
fn bench() -> Bench {
    let bench = Bench::new();
    for number in 0..12 {
        let name = format!("{}/{number}", number % 3);
        write_files(&bench.source(), &[(&name, &noise(200 << 10, number))]);
    }
    bench.let_files_settle();
    bench
}

/// Folders and the source itself do not count as files.
const FILES: u64 = 12;

#[test]
fn all_that_is_queued_arrives_and_nothing_counts_twice() {
    let mut bench = bench();

    let (stats, sums) = backed_up(&mut bench, u64::MAX);

    let stats = stats.unwrap();
    assert_eq!(sums.done, (FILES, FILES * (200 << 10)));
    assert_eq!(sums.totals, sums.done);
    assert_eq!(sums.queued, stats.uploaded_bytes);
    assert_eq!(sums.sent, stats.uploaded_bytes);
}

#[test]
fn only_what_changed_is_to_be_read() {
    let mut bench = bench();
    // Later than all changes, so that a lost index can be rebuilt from the dlist with what did not change.
    bench.now = "2100-01-01T08:00:00Z".parse().unwrap();
    backed_up(&mut bench, u64::MAX).0.unwrap();

    for (round, index_is_lost) in [(0, false), (1, true)] {
        write_files(&bench.source(), &[("1/1", &noise(300 << 10, 100 + round))]);
        bench.let_files_settle();
        if index_is_lost {
            fs::remove_dir_all(bench.cache()).unwrap();
        }
        let (stats, sums) = backed_up(&mut bench, u64::MAX);

        stats.unwrap();
        assert_eq!(sums.totals, (FILES, 300 << 10), "{index_is_lost}");
        assert_eq!(sums.done, sums.totals, "{index_is_lost}");
    }
}

#[test]
fn what_a_run_before_left_is_sent_first() {
    let mut bench = bench();
    let (failed, before) = backed_up(&mut bench, 1);
    assert!(failed.is_err());
    assert!(before.queued > before.sent);

    let (stats, sums) = backed_up(&mut bench, u64::MAX);

    stats.unwrap();
    let phases: Vec<Phase> = sums.phases.iter().take(5).copied().collect();
    assert_eq!(
        phases,
        [
            Phase::Connecting,
            Phase::ReadingDestination,
            Phase::SendingLeft,
            Phase::ReadingDestination,
            Phase::BackingUp
        ]
    );
    assert_eq!(sums.sent, sums.queued);
}
