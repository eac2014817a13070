use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coffer_destination::{Destination, FolderDestination};
use coffer_engine::{
    BackupOptions, BackupStats, CompactOptions, CompactStats, Disposal, Existing, Monitor,
    Permissions, Problem, RestoreOptions, RestoreStats, Result, Samples, Selection, Store,
    VerifyOptions, VerifyStats,
};
use coffer_volume::Passphrase;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Records what the engine reports.
#[derive(Default)]
pub(crate) struct Recorder {
    problems: Mutex<Vec<String>>,
    details: Mutex<Vec<String>>,
    transferred: Mutex<u64>,
}

impl Recorder {
    /// `subject: kind` of each problem, in order.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap().clone()
    }

    /// All that was said of each problem.
    pub(crate) fn details(&self) -> Vec<String> {
        self.details.lock().unwrap().clone()
    }

    pub(crate) fn transferred(&self) -> u64 {
        *self.transferred.lock().unwrap()
    }
}

impl Monitor for Recorder {
    fn transferred(&self, bytes: u64) {
        *self.transferred.lock().unwrap() += bytes;
    }

    fn problem(&self, problem: Problem) {
        let kind = format!("{:?}", problem.kind);
        self.details.lock().unwrap().push(kind.clone());
        let kind = kind.split(['(', ' ']).next().unwrap_or_default().to_owned();
        self.problems
            .lock()
            .unwrap()
            .push(format!("{}: {kind}", problem.subject));
    }

    fn wants_totals(&self) -> bool {
        true
    }
}

/// One computer with sources, a cache and a destination folder.
pub(crate) struct Bench {
    pub folder: TempDir,
    pub passphrase: Option<String>,
    pub prefix: String,
    /// What the computer goes by; with nothing its versions do not say who made them.
    pub machine: String,
    pub now: Timestamp,
    pub recorder: Arc<Recorder>,
    pub destination: Arc<dyn Destination>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("source")).unwrap();
        let destination = Arc::new(FolderDestination::new(folder.path().join("destination")));
        Self {
            folder,
            passphrase: Some("correct horse ☂".to_owned()),
            prefix: "duplicati".to_owned(),
            machine: "a computer".to_owned(),
            now: "2026-01-01T08:00:00Z".parse().unwrap(),
            recorder: Arc::default(),
            destination,
        }
    }

    /// Without encryption.
    pub(crate) fn plain() -> Self {
        Self {
            passphrase: None,
            ..Self::new()
        }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub(crate) fn destination_path(&self) -> PathBuf {
        self.folder.path().join("destination")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.destination_path()) else {
            return Vec::new();
        };
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Reopens the destination, as another run does.
    pub(crate) fn reopen(&mut self) {
        self.destination = Arc::new(FolderDestination::new(self.destination_path()));
    }

    /// Names of the volumes of a kind (`.dblock.`, for example), sorted.
    pub(crate) fn volumes_of(&self, kind: &str) -> Vec<String> {
        let mut names = self.volumes();
        names.retain(|name| name.contains(kind));
        names.sort();
        names
    }

    pub(crate) fn store(&self) -> Store {
        let passphrase = self
            .passphrase
            .as_ref()
            .map(|text| Passphrase::new(text).unwrap());
        Store::new(
            self.destination.clone(),
            &self.prefix,
            passphrase,
            self.cache(),
        )
        .unwrap()
        .on_machine(&self.machine)
    }

    pub(crate) fn options(&self) -> BackupOptions {
        let mut options = BackupOptions::new(vec![self.source()], self.now);
        options.block_size = None;
        options
    }

    /// Waits until the clock of the file system has moved on: a file that is read at the moment of its change is read
    /// again in the next run.
    pub(crate) fn let_files_settle(&self) {
        const LONGER_THAN_A_TICK: Duration = Duration::from_millis(20);
        let probe = self.folder.path().join("probe");
        let now = || {
            fs::write(&probe, "").unwrap();
            fs::metadata(&probe).unwrap().modified().unwrap()
        };
        let start = now();
        while now().duration_since(start).unwrap_or_default() < LONGER_THAN_A_TICK {
            std::thread::yield_now();
        }
        fs::remove_file(probe).unwrap();
    }

    /// A day passes with each backup.
    pub(crate) fn backup(&mut self) -> Result<BackupStats> {
        let options = self.options();
        self.backup_with(options)
    }

    pub(crate) fn backup_with(&mut self, options: BackupOptions) -> Result<BackupStats> {
        self.recorder = Arc::default();
        self.now = self.now.checked_add(jiff::Span::new().hours(24)).unwrap();
        let (store, recorder) = (self.store(), self.recorder.clone());
        run(move || coffer_engine::backup(&store, options, recorder, &CancellationToken::new()))
    }

    pub(crate) fn verify(&self, samples: Samples) -> VerifyStats {
        let (store, recorder, now) = (self.store(), self.recorder.clone(), self.now);
        let options = VerifyOptions { samples, now };
        run(move || coffer_engine::verify(&store, &options, recorder, &CancellationToken::new()))
            .unwrap()
    }

    pub(crate) fn compact(&self, disposal: Disposal) -> Result<CompactStats> {
        let (store, recorder) = (self.store(), self.recorder.clone());
        let options = CompactOptions {
            disposal,
            ..CompactOptions::new(1 << 20, self.now)
        };
        run(move || coffer_engine::compact(&store, &options, recorder, &CancellationToken::new()))
    }

    pub(crate) fn restore(&mut self, version: usize, target: &Path) -> Result<RestoreStats> {
        self.restore_with(RestoreOptions {
            version,
            selection: Selection::all(),
            target: Some(target.to_owned()),
            existing: Existing::KeepBoth,
            permissions: Permissions::Restore,
        })
    }

    pub(crate) fn restore_with(&mut self, options: RestoreOptions) -> Result<RestoreStats> {
        self.recorder = Arc::default();
        let (store, recorder) = (self.store(), self.recorder.clone());
        run(move || coffer_engine::restore(&store, &options, recorder, &CancellationToken::new()))
    }
}

/// Runs blocking engine code inside a runtime, as the engine wants it.
pub(crate) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::task::spawn_blocking(work).await.unwrap() })
}

/// Bytes without a pattern that compression or deduplication would find.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

/// Makes all of an index but its first page unreadable, also for a connection that is open.
pub(crate) fn damage_index(index: &Path) {
    let mut bytes = fs::read(index).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(index, bytes).unwrap();
    let _ = fs::remove_file(index.with_extension("sqlite-wal"));
}
