use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Error, MemoryDestination, Quota, RemoteFile, Result, RetryPolicy,
    Retrying, TransferMonitor, UploadFile, conformance_tests,
};
use tokio_util::sync::CancellationToken;

async fn fresh() -> (Retrying<MemoryDestination>, ()) {
    (
        Retrying::new(MemoryDestination::new(), RetryPolicy::default()),
        (),
    )
}

conformance_tests!(fresh);

/// Fails `list` and `delete` with what it was given, then answers.
#[derive(Default)]
struct Failing {
    errors: Mutex<Vec<Error>>,
    calls: Mutex<u32>,
}

impl Failing {
    fn with(errors: Vec<Error>) -> Self {
        Self {
            errors: Mutex::new(errors),
            calls: Mutex::new(0),
        }
    }

    fn answer(&self) -> Result<()> {
        *self.calls.lock().unwrap() += 1;
        self.errors.lock().unwrap().pop().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Destination for &'static Failing {
    fn label(&self) -> String {
        "failing".to_owned()
    }

    async fn list(&self, _: &CancellationToken) -> Result<Vec<RemoteFile>> {
        self.answer().map(|()| Vec::new())
    }

    async fn put(
        &self,
        _: &str,
        _: &UploadFile,
        _: &dyn CheckpointStore,
        _: &dyn TransferMonitor,
        _: &CancellationToken,
    ) -> Result<()> {
        self.answer()
    }

    async fn get(
        &self,
        _: &str,
        _: &Path,
        _: &dyn TransferMonitor,
        _: &CancellationToken,
    ) -> Result<u64> {
        self.answer().map(|()| 0)
    }

    async fn get_range(&self, _: &str, _: Range<u64>, _: &CancellationToken) -> Result<Vec<u8>> {
        self.answer().map(|()| Vec::new())
    }

    async fn delete(&self, _: &str, _: &CancellationToken) -> Result<()> {
        self.answer()
    }

    async fn create_folder(&self, _: &CancellationToken) -> Result<()> {
        self.answer()
    }

    async fn quota(&self, _: &CancellationToken) -> Result<Option<Quota>> {
        self.answer().map(|()| None)
    }
}

fn unavailable() -> Error {
    Error::Unavailable {
        why: "it rests".into(),
    }
}

fn failing(errors: Vec<Error>) -> (&'static Failing, Retrying<&'static Failing>) {
    let inner: &'static Failing = Box::leak(Box::new(Failing::with(errors)));
    (
        inner,
        Retrying::new(
            inner,
            RetryPolicy {
                retries: 3,
                ..RetryPolicy::default()
            },
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_repeated_and_final_ones_are_not() {
    let cancel = CancellationToken::new();
    let (passing, retrying) = failing(vec![unavailable(), unavailable()]);
    retrying.list(&cancel).await.unwrap();
    assert_eq!(*passing.calls.lock().unwrap(), 3);

    let (lasting, retrying) = failing((0..9).map(|_| unavailable()).collect());
    assert!(retrying.list(&cancel).await.is_err());
    assert_eq!(*lasting.calls.lock().unwrap(), 4);

    let refused = || Error::Refused {
        operation: "list",
        name: "x".into(),
        why: "no".into(),
    };
    let (once, retrying) = failing(vec![refused()]);
    retrying.list(&cancel).await.unwrap();
    assert_eq!(*once.calls.lock().unwrap(), 2);
    let (twice, retrying) = failing((0..9).map(|_| refused()).collect());
    assert!(retrying.list(&cancel).await.is_err());
    assert_eq!(*twice.calls.lock().unwrap(), 2);

    let (full, retrying) = failing(vec![Error::Full]);
    assert!(matches!(retrying.list(&cancel).await, Err(Error::Full)));
    assert_eq!(*full.calls.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_services_own_wish_is_obeyed() {
    let wish = Duration::from_secs(120);
    let (_, retrying) = failing(vec![Error::Throttled {
        retry_after: Some(wish),
    }]);
    let start = tokio::time::Instant::now();

    retrying.list(&CancellationToken::new()).await.unwrap();

    assert!(start.elapsed() >= wish);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_succeeded_unheard_is_a_success() {
    let gone = Error::NotFound { name: "x".into() };
    let (_, retrying) = failing(vec![gone, unavailable()]);

    retrying
        .delete("x", &CancellationToken::new())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_the_wait() {
    let (_, retrying) = failing(vec![Error::Throttled {
        retry_after: Some(Duration::from_secs(3600)),
    }]);
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let waiting = tokio::spawn(async move { retrying.list(&cancel).await.map(drop) });
    tokio::task::yield_now().await;

    trigger.cancel();

    assert!(matches!(waiting.await.unwrap(), Err(Error::Cancelled)));
}

fn throttled(seconds: Option<u64>) -> Error {
    Error::Throttled {
        retry_after: seconds.map(Duration::from_secs),
    }
}

#[tokio::test(start_paused = true)]
async fn less_than_a_second_counts_as_no_time_named() {
    for wish in [None, Some(0)] {
        let (_, retrying) = failing((0..2).map(|_| throttled(wish)).collect());
        let start = tokio::time::Instant::now();

        retrying.list(&CancellationToken::new()).await.unwrap();

        assert_eq!(start.elapsed().as_secs(), 30 + 60, "{wish:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_month_is_reported_instead_of_waited() {
    let month = 30 * 86_400;
    let (inner, retrying) = failing(vec![throttled(Some(month))]);
    let start = tokio::time::Instant::now();

    let error = retrying.list(&CancellationToken::new()).await.unwrap_err();

    assert_eq!(error.retry_after(), Some(Duration::from_secs(month)));
    assert!(start.elapsed().is_zero());
    assert_eq!(*inner.calls.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_waits_of_a_run_together_have_an_end() {
    let half_an_hour = Some(1800);
    let (inner, retrying) = failing((0..5).map(|_| throttled(half_an_hour)).collect());
    let cancel = CancellationToken::new();
    let start = tokio::time::Instant::now();

    // Three waits in the first call, one in the second; one more would be too much.
    let first = retrying.list(&cancel).await;
    assert!(first.is_err(), "four refusals of one call are its end");
    let second = retrying.list(&cancel).await;
    assert!(second.is_ok(), "{second:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(4 * 1800));
    inner.errors.lock().unwrap().push(throttled(half_an_hour));
    let third = retrying.list(&cancel).await;

    assert_eq!(
        third.unwrap_err().retry_after().map(|wish| wish.as_secs()),
        half_an_hour
    );
    assert_eq!(start.elapsed(), Duration::from_secs(4 * 1800));
}

/// Rests inside a transfer, as a destination does that waits itself.
struct Resting;

#[async_trait]
impl Destination for Resting {
    fn label(&self) -> String {
        "resting".to_owned()
    }

    async fn list(&self, _: &CancellationToken) -> Result<Vec<RemoteFile>> {
        Ok(Vec::new())
    }

    async fn put(
        &self,
        _: &str,
        _: &UploadFile,
        _: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        _: &CancellationToken,
    ) -> Result<()> {
        let rest = Duration::from_secs(1500);
        monitor.asked_to_wait(rest, "it is asked for");
        tokio::time::sleep(rest).await;
        Ok(())
    }

    async fn get(
        &self,
        _: &str,
        _: &Path,
        _: &dyn TransferMonitor,
        _: &CancellationToken,
    ) -> Result<u64> {
        Ok(0)
    }

    async fn get_range(&self, _: &str, _: Range<u64>, _: &CancellationToken) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str, _: &CancellationToken) -> Result<()> {
        Ok(())
    }

    async fn create_folder(&self, _: &CancellationToken) -> Result<()> {
        Ok(())
    }

    async fn quota(&self, _: &CancellationToken) -> Result<Option<Quota>> {
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn rests_inside_transfers_count_for_the_run() {
    let retrying = Retrying::new(Resting, RetryPolicy::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, "x").unwrap();
    let file = UploadFile::new(path).unwrap();
    let cancel = CancellationToken::new();
    let mut stored = 0;

    let ended = loop {
        let put = retrying.put(
            "x",
            &file,
            &coffer_destination::NoCheckpoints,
            &coffer_destination::Silent,
            &cancel,
        );
        match put.await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };

    assert!(matches!(ended, Error::Throttled { .. }), "{ended:?}");
    assert_eq!(
        stored, 5,
        "five rests of 25 minutes are more than two hours"
    );
}
