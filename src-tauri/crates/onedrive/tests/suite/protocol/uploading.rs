//! Uploads of various sizes, and resuming them after the process was killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coffer_destination::{
    CheckpointStore, Destination as _, NoCheckpoints, Silent, TransferMonitor, UploadFile,
};
use coffer_onedrive::{OneDriveDestination, TransferOptions};
use coffer_onedrive_sim::Op;
use tokio::sync::Notify;

use crate::support::{Bench, NAME, Remembered};

#[tokio::test]
async fn files_of_every_size_arrive_whole() {
    let bench = Bench::new().await;
    let options = TransferOptions::default();
    let destination = bench
        .account("alex")
        .destination(None, "Backups/My PC", options)
        .unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();
    let four = 4 << 20;
    for len in [
        0,
        1,
        327_679,
        327_680,
        327_681,
        four,
        four + 1,
        10 << 20,
        (10 << 20) + 1,
    ] {
        let file = bench.file(len);

        bench.put(&destination, &file).await.unwrap();

        assert!(
            bench.stored().unwrap() == std::fs::read(file.path()).unwrap(),
            "{len}"
        );
        let target = bench.folder.path().join("back");
        let got = destination.get(NAME, &target, &Silent, &bench.cancel).await;
        assert_eq!(got.unwrap(), len as u64);
    }
}

#[tokio::test]
async fn large_sparse_files_arrive_whole() {
    let bench = Bench::new().await;
    let options = TransferOptions {
        fragment_size: 60 << 20,
        ..TransferOptions::default()
    };
    let destination = bench
        .account("robin")
        .destination(None, "Backups", options)
        .unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();
    for len in [50_000_000, 300_000_000] {
        let path = bench.folder.path().join("sparse");
        std::fs::File::create(&path).unwrap().set_len(len).unwrap();
        let file = UploadFile::new(path).unwrap();

        bench.put(&destination, &file).await.unwrap();

        let listed = destination.list(&bench.cancel).await.unwrap();
        assert_eq!(listed[0].size, len);
    }
}

/// Bytes of a fragment.
const FRAGMENT: u64 = 1 << 20;

/// Signals when this many fragments have been sent.
struct Signal {
    bytes: AtomicU64,
    at: u64,
    notify: Arc<Notify>,
}

impl TransferMonitor for Signal {
    fn moved(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::SeqCst);
        let at = self.at * FRAGMENT;
        if before < at && before + bytes >= at {
            self.notify.notify_one();
        }
    }

    fn waiting(&self, _time: Duration, _why: &str) {}
}

async fn of(bench: &Bench, account: &str) -> OneDriveDestination {
    let options = TransferOptions {
        fragment_size: FRAGMENT,
        fragment_delay: Duration::from_millis(1),
        ..TransferOptions::default()
    };
    let destination = bench
        .account(account)
        .destination(None, "Backups/My PC", options)
        .unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();
    destination
}

/// Uploads, and stops dead after two fragments: nothing of the future runs on, as after `kill -9`.
async fn kill_in_fragment_three(
    bench: &Bench,
    account: &str,
    file: &UploadFile,
    journal: &Arc<Remembered>,
) {
    let destination = of(bench, account).await;
    let notify = Arc::new(Notify::new());
    let monitor = Signal {
        bytes: 0.into(),
        at: 2,
        notify: Arc::clone(&notify),
    };
    let (file, journal, cancel) = (file.clone(), Arc::clone(journal), bench.cancel.clone());
    let upload = tokio::spawn(async move {
        destination
            .put(NAME, &file, &*journal, &monitor, &cancel)
            .await
    });
    notify.notified().await;
    upload.abort();
    let _ = upload.await;
}

fn sent(bench: &Bench) -> u64 {
    let log = bench.simulator.log();
    let fragments = log.iter().filter(|entry| entry.op == Op::Fragment);
    fragments.map(|entry| entry.bytes).sum()
}

#[tokio::test]
async fn a_killed_upload_resumes_and_repeats_at_most_one_fragment() {
    for account in ["alex", "robin"] {
        let bench = Bench::new().await;
        let file = bench.file(5 << 20);
        let journal = Arc::new(Remembered::default());
        kill_in_fragment_three(&bench, account, &file, &journal).await;

        let later = of(&bench, account).await;
        later
            .put(NAME, &file, &*journal, &Silent, &bench.cancel)
            .await
            .unwrap();

        let drive = bench.simulator.drive_id(account);
        let path = format!("/Backups/My PC/{NAME}");
        assert!(
            bench.simulator.file_bytes(&drive, &path).unwrap()
                == std::fs::read(file.path()).unwrap()
        );
        assert!(sent(&bench) <= 6 << 20, "{account}: {}", sent(&bench));
        assert_eq!(bench.simulator.open_uploads(), 0, "{account}");
        let log = bench.simulator.log();
        let made = log.iter().filter(|entry| entry.op == Op::CreateSession);
        assert_eq!(made.count(), 1, "{account}");
    }
}

#[tokio::test]
async fn a_session_that_is_of_no_use_is_cancelled_and_blocks_nothing() {
    let bench = Bench::new().await;
    let journal = Arc::new(Remembered::default());
    kill_in_fragment_three(&bench, "robin", &bench.file(5 << 20), &journal).await;
    assert_eq!(bench.simulator.open_uploads(), 1);

    let other = bench.file((5 << 20) + 7);
    let later = of(&bench, "robin").await;
    later
        .put(NAME, &other, &*journal, &Silent, &bench.cancel)
        .await
        .unwrap();

    assert_eq!(bench.simulator.open_uploads(), 0);
    let log = bench.simulator.log();
    assert!(log.iter().all(|entry| entry.status != 409));
    assert!(log.iter().any(|entry| entry.op == Op::SessionCancel));
}

#[tokio::test]
async fn a_forgotten_session_is_waited_for() {
    let bench = Bench::new().await;
    let journal = Arc::new(Remembered::default());
    let file = bench.file(5 << 20);
    kill_in_fragment_three(&bench, "robin", &file, &journal).await;

    let later = of(&bench, "robin").await;
    let put = later
        .put(NAME, &file, &NoCheckpoints, &Silent, &bench.cancel)
        .await;

    // The business drive refuses a second session of the name as long as the first lives.
    assert!(put.unwrap_err().is_transient());
    let log = bench.simulator.log();
    assert_eq!(log.iter().filter(|entry| entry.status == 409).count(), 4);
    bench.simulator.advance(Duration::from_secs(30 * 24 * 3600));
    later
        .put(NAME, &file, &NoCheckpoints, &Silent, &bench.cancel)
        .await
        .unwrap();
}

/// Keeps what the first store forgets.
struct Copying<'a>(&'a Remembered, &'a Remembered);
impl CheckpointStore for Copying<'_> {
    fn load(&self, name: &str) -> Option<String> {
        self.0.load(name)
    }
    fn save(&self, name: &str, value: &str) {
        self.0.save(name, value);
        self.1.save(name, value);
    }
    fn remove(&self, name: &str) {
        self.0.remove(name);
    }
}

#[tokio::test]
async fn a_file_that_arrived_complete_is_adopted() {
    let bench = Bench::new().await;
    let file = bench.file(5 << 20);
    let journal = Remembered::default();
    // The process ends between the last byte and the note of it.
    let destination = of(&bench, "alex").await;
    let before = Remembered::default();
    destination
        .put(
            NAME,
            &file,
            &Copying(&before, &journal),
            &Silent,
            &bench.cancel,
        )
        .await
        .unwrap();
    let sent_before = sent(&bench);
    assert!(journal.load(NAME).is_some());

    let later = of(&bench, "alex").await;
    later
        .put(NAME, &file, &journal, &Silent, &bench.cancel)
        .await
        .unwrap();

    assert_eq!(sent(&bench), sent_before);
    assert!(journal.load(NAME).is_none());
}
