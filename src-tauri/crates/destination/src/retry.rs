use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use crate::contract::{Destination, Quota, RemoteFile};
use crate::error::{Error, Result};
use crate::rests::Rests;
use crate::transfer::{CheckpointStore, TransferMonitor, UploadFile};
use crate::waited::{Counting, Waited};

/// A shorter named wait counts as none: an immediate retry would be refused again.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait within a run, and maximum of all waits in a run that the service asks for. If more is asked for, the run
/// ends and is resumed later.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3600);
/// First wait when the service limits requests without naming a time; doubles.
const FIRST_UNNAMED: Duration = Duration::from_secs(30);
/// Longest of those.
const LONGEST_UNNAMED: Duration = Duration::from_secs(300);

/// How often and how soon a failed call is retried.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Retries after the first attempt (`--number-of-retries`).
    pub retries: u32,
    /// Wait before the first retry; doubles each time, up to [`RetryPolicy::longest_delay`].
    pub delay: Duration,
    /// Maximum wait. Waits that the service itself asks for may exceed it, from [`SHORTEST_WAIT`] to
    /// [`LONGEST_WAIT`].
    pub longest_delay: Duration,
}

impl Default for RetryPolicy {
    /// Five retries, 2 s apart at first.
    fn default() -> Self {
        Self {
            retries: 5,
            delay: Duration::from_secs(2),
            longest_delay: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Handles the failure of a call that was retried `tried` times: waits and returns, or returns the error.
    /// A refusal may be a glitch of the store, so it is retried once.
    ///
    /// # Errors
    /// `error`, when it is permanent, came too often, or asks for more than [`LONGEST_WAIT`]; [`Error::Cancelled`].
    pub async fn pause(
        &self,
        error: Error,
        tried: u32,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let may_pass = match &error {
            Error::Refused { .. } => tried == 0,
            error => error.is_transient(),
        };
        if !may_pass || tried >= self.retries {
            return Err(error);
        }
        let wait = match &error {
            Error::Throttled { retry_after } => match named(*retry_after) {
                Some(wish) if wish > LONGEST_WAIT => return Err(error),
                Some(wish) => wish,
                None => unnamed(tried),
            },
            _ => self.backoff(tried),
        };
        if matches!(error, Error::Throttled { .. }) {
            monitor.asked_to_wait(wait, &error.to_string());
        } else {
            monitor.waiting(wait, &error.to_string());
        }
        sleep(wait, cancel).await
    }

    /// Waits before a call is repeated that was repeated `tried` times, for callers that know that its failure may pass.
    ///
    /// # Errors
    /// `error`, when it came too often; [`Error::Cancelled`].
    pub async fn pause_anyway(
        &self,
        error: Error,
        tried: u32,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if tried >= self.retries {
            return Err(error);
        }
        let wait = self.backoff(tried);
        monitor.waiting(wait, &error.to_string());
        sleep(wait, cancel).await
    }

    /// Doubles with each attempt, plus up to a quarter at random so that workers do not retry in step.
    fn backoff(&self, tried: u32) -> Duration {
        let doubled = self.delay.saturating_mul(2_u32.saturating_pow(tried));
        doubled
            .min(self.longest_delay)
            .mul_f64(rand::rng().random_range(1.0..1.25))
    }
}

async fn sleep(wait: Duration, cancel: &CancellationToken) -> Result<()> {
    tokio::select! {
        () = cancel.cancelled() => Err(Error::Cancelled),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

/// The wait that a service named, if it is valid.
fn named(wish: Option<Duration>) -> Option<Duration> {
    wish.filter(|wish| *wish >= SHORTEST_WAIT)
}

/// Wait for a service that limits requests without naming a time, after `tried` attempts.
fn unnamed(tried: u32) -> Duration {
    FIRST_UNNAMED
        .saturating_mul(2_u32.saturating_pow(tried))
        .min(LONGEST_UNNAMED)
}

/// Retries calls of another destination that failed transiently.
///
/// Throttling uses up one retry per wait, so a service that throttles forever ends at the same count. Use one of these
/// per run: the run ends once the waits that the service asked for add up to more than [`LONGEST_WAIT`].
pub struct Retrying<D> {
    inner: D,
    policy: RetryPolicy,
    waited: Waited,
    rests: Rests,
}

impl<D: Destination> Retrying<D> {
    /// Wraps `inner`.
    pub fn new(inner: D, policy: RetryPolicy) -> Self {
        Self {
            inner,
            policy,
            waited: Waited::default(),
            rests: Rests::default(),
        }
    }

    /// The same, but also reports waits of calls that are not transfers.
    #[must_use]
    pub fn with_rests(mut self, rests: Rests) -> Self {
        self.rests = rests;
        self
    }

    /// Like [`RetryPolicy::pause`], within what this run may wait.
    async fn pause(
        &self,
        error: Error,
        tried: u32,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if let Error::Throttled { retry_after } = &error {
            let whole = self.waited.sum() + retry_after.unwrap_or_default().min(LONGEST_WAIT);
            if whole > LONGEST_WAIT {
                return Err(error);
            }
        }
        let monitor = self.counting(monitor);
        self.policy.pause(error, tried, &monitor, cancel).await
    }

    /// Transfers also wait internally, and succeed in the end; the run may still have to be resumed later.
    fn check_patience(&self) -> Result<()> {
        if self.waited.sum() > LONGEST_WAIT {
            return Err(Error::Throttled { retry_after: None });
        }
        Ok(())
    }

    fn counting<'m>(&'m self, monitor: &'m dyn TransferMonitor) -> Counting<'m> {
        Counting {
            inner: monitor,
            waited: &self.waited,
        }
    }

    async fn upload<'c, F>(
        &self,
        put: impl Fn() -> F + Send + 'c,
        (name, checkpoints): (&str, &dyn CheckpointStore),
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'c,
    {
        self.check_patience()?;
        let mut tried = 0;
        loop {
            let Err(error) = put().await else {
                return Ok(());
            };
            let paused = self.pause(error, tried, monitor, cancel).await;
            // An upload without a checkpoint will never be resumed.
            if paused.is_err() && checkpoints.load(name).is_none() {
                self.inner.abandon(name, checkpoints).await;
            }
            paused?;
            tried += 1;
        }
    }
}

#[async_trait]
impl<D: Destination> Destination for Retrying<D> {
    fn label(&self) -> String {
        self.inner.label()
    }

    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>> {
        let mut tried = 0;
        loop {
            match self.inner.list(cancel).await {
                Err(error) => self.pause(error, tried, &self.rests, cancel).await?,
                done => return done,
            }
            tried += 1;
        }
    }

    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let counting = self.counting(monitor);
        let put = || self.inner.put(name, file, checkpoints, &counting, cancel);
        self.upload(put, (name, checkpoints), monitor, cancel).await
    }

    async fn put_new(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let counting = self.counting(monitor);
        let put = || {
            self.inner
                .put_new(name, file, checkpoints, &counting, cancel)
        };
        self.upload(put, (name, checkpoints), monitor, cancel).await
    }

    async fn settle(&self, cancel: &CancellationToken) -> Result<()> {
        let mut tried = 0;
        loop {
            match self.inner.settle(cancel).await {
                Err(error) => self.pause(error, tried, &self.rests, cancel).await?,
                done => return done,
            }
            tried += 1;
        }
    }

    async fn abandon(&self, name: &str, checkpoints: &dyn CheckpointStore) {
        self.inner.abandon(name, checkpoints).await;
    }

    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        self.check_patience()?;
        let mut tried = 0;
        loop {
            let got = self
                .inner
                .get(name, target, &self.counting(monitor), cancel)
                .await;
            match got {
                Err(error) => self.pause(error, tried, monitor, cancel).await?,
                done => return done,
            }
            tried += 1;
        }
    }

    fn local_path(&self, name: &str) -> Option<PathBuf> {
        self.inner.local_path(name)
    }

    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        let mut tried = 0;
        loop {
            match self.inner.get_range(name, range.clone(), cancel).await {
                Err(error) => self.pause(error, tried, &self.rests, cancel).await?,
                done => return done,
            }
            tried += 1;
        }
    }

    async fn delete(&self, name: &str, cancel: &CancellationToken) -> Result<()> {
        let mut tried = 0;
        loop {
            match self.inner.delete(name, cancel).await {
                // The previous attempt may have deleted it although its answer was lost.
                Err(Error::NotFound { .. }) if tried > 0 => return Ok(()),
                Err(error) => self.pause(error, tried, &self.rests, cancel).await?,
                done => return done,
            }
            tried += 1;
        }
    }

    async fn create_folder(&self, cancel: &CancellationToken) -> Result<()> {
        let mut tried = 0;
        loop {
            match self.inner.create_folder(cancel).await {
                Err(error) => self.pause(error, tried, &self.rests, cancel).await?,
                done => return done,
            }
            tried += 1;
        }
    }

    /// Not retried: it is only informational.
    async fn quota(&self, cancel: &CancellationToken) -> Result<Option<Quota>> {
        self.inner.quota(cancel).await
    }
}
