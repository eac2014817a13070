use std::collections::HashMap;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use coffer_destination::{CheckpointStore, Destination as _, Silent, TransferMonitor, UploadFile};
use coffer_onedrive::{AuthId, Endpoints, OneDrive, OneDriveDestination, TransferOptions};
use coffer_onedrive_sim::{Options, Simulator};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "duplicati-b0123456789abcdef0123456789abcdef.dblock.zip.aes";

pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) folder: TempDir,
    pub(crate) cancel: CancellationToken,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        coffer_onedrive::install_tls_provider();
        Self {
            simulator: Simulator::start(Options::default()).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        let oauth = self.simulator.oauth_url();
        Endpoints::new(Some(self.simulator.api_url()), Some(&oauth)).unwrap()
    }

    pub(crate) fn account(&self, name: &str) -> OneDrive {
        let auth_id = AuthId::parse(&self.simulator.seed_auth_id(name)).unwrap();
        OneDrive::new(&self.endpoints(), auth_id).unwrap()
    }

    /// A folder of Alex' drive that exists, small fragments and short waits.
    pub(crate) async fn destination(&self) -> OneDriveDestination {
        self.destination_of(&self.account("alex")).await
    }

    /// As [`Bench::destination`], of an account.
    pub(crate) async fn destination_of(&self, account: &OneDrive) -> OneDriveDestination {
        let options = TransferOptions {
            fragment_size: 327_680,
            fragment_delay: Duration::from_millis(1),
            ..TransferOptions::default()
        };
        let destination = account.destination(None, "Backups/My PC", options).unwrap();
        destination.create_folder(&self.cancel).await.unwrap();
        destination
    }

    pub(crate) fn file(&self, len: usize) -> UploadFile {
        let path = self.folder.path().join("upload");
        let data: Vec<u8> = (0..len)
            .map(|i| (i % 251) as u8 ^ (i / 65_536) as u8)
            .collect();
        std::fs::write(&path, data).unwrap();
        UploadFile::new(path).unwrap()
    }

    pub(crate) fn stored(&self) -> Option<Vec<u8>> {
        let drive = self.simulator.drive_id("alex");
        self.simulator
            .file_bytes(&drive, &format!("/Backups/My PC/{NAME}"))
    }

    pub(crate) async fn put(
        &self,
        destination: &OneDriveDestination,
        file: &UploadFile,
    ) -> coffer_destination::Result<()> {
        let checkpoints = coffer_destination::NoCheckpoints;
        destination
            .put(NAME, file, &checkpoints, &Silent, &self.cancel)
            .await
    }
}

/// Checkpoints in memory, for a process that "comes back".
#[derive(Default)]
pub(crate) struct Remembered(pub(crate) Mutex<HashMap<String, String>>);

impl CheckpointStore for Remembered {
    fn load(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn save(&self, name: &str, value: &str) {
        self.0
            .lock()
            .unwrap()
            .insert(name.to_owned(), value.to_owned());
    }

    fn remove(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }
}

/// Cancels once this many bytes were sent.
pub(crate) struct CancelAfter {
    pub(crate) bytes: u64,
    pub(crate) moved: Mutex<u64>,
    pub(crate) cancel: CancellationToken,
}

impl TransferMonitor for CancelAfter {
    fn moved(&self, bytes: u64) {
        let mut moved = self.moved.lock().unwrap();
        *moved += bytes;
        if *moved >= self.bytes {
            self.cancel.cancel();
        }
    }

    fn waiting(&self, _time: Duration, _why: &str) {}
}

/// Counts the bytes that were reported.
#[derive(Default)]
pub(crate) struct Moved(Mutex<u64>);

impl Moved {
    pub(crate) fn sum(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

impl TransferMonitor for Moved {
    fn moved(&self, bytes: u64) {
        *self.0.lock().unwrap() += bytes;
    }

    fn waiting(&self, _time: Duration, _why: &str) {}
}

/// Keeps tokio's paused clock from jumping while a socket is waited for, until this is dropped.
pub(crate) struct Still(#[expect(dead_code, reason = "dropping it is its use")] mpsc::Sender<()>);

impl Still {
    pub(crate) fn new() -> Self {
        let (sender, dropped) = mpsc::channel::<()>();
        // The clock is paused as long as a blocking task runs.
        tokio::task::spawn_blocking(move || dropped.recv());
        Self(sender)
    }
}

/// Runs `work` under a paused clock that advances automatically, much slower than local sockets and much faster
/// than a user.
pub(crate) async fn quickly<T>(work: impl Future<Output = T>) -> T {
    quickly_past(&watch::Sender::new(None).subscribe(), work).await
}

/// As [`quickly`]; faster while nothing happens because the service is waited for.
pub(crate) async fn quickly_past<T>(
    waits: &watch::Receiver<Option<Timestamp>>,
    work: impl Future<Output = T>,
) -> T {
    let passing = async {
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let step = if waits.borrow().is_some() { 500 } else { 5 };
            tokio::time::advance(Duration::from_millis(step)).await;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = passing => unreachable!("it never ends"),
    }
}
