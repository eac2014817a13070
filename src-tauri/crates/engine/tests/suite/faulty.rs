use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Error, Quota, RemoteFile, Result, TransferMonitor, UploadFile,
};
use tokio_util::sync::CancellationToken;

type Hook = Box<dyn Fn(u64, &str) -> bool + Send + Sync>;

/// A destination that does something before each upload, and fails it on demand.
pub(crate) struct Faulty {
    inner: Arc<dyn Destination>,
    puts: AtomicU64,
    before_put: Hook,
    /// Names that arrived, in order.
    pub arrived: Mutex<Vec<String>>,
}

impl Faulty {
    /// `before_put` gets the number of uploads so far and the name of the next; it returns whether that works.
    pub(crate) fn new(
        inner: Arc<dyn Destination>,
        before_put: impl Fn(u64, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            puts: AtomicU64::new(0),
            before_put: Box::new(before_put),
            arrived: Mutex::default(),
        }
    }
}

#[async_trait]
impl Destination for Faulty {
    fn label(&self) -> String {
        self.inner.label()
    }

    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>> {
        self.inner.list(cancel).await
    }

    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if !(self.before_put)(self.puts.fetch_add(1, Ordering::SeqCst), name) {
            let why = "the network is gone".to_owned();
            return Err(Error::Unavailable { why });
        }
        let stored = self.inner.put(name, file, checkpoints, monitor, cancel);
        stored.await?;
        self.arrived.lock().unwrap().push(name.to_owned());
        Ok(())
    }

    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        self.inner.get(name, target, monitor, cancel).await
    }

    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        self.inner.get_range(name, range, cancel).await
    }

    async fn delete(&self, name: &str, cancel: &CancellationToken) -> Result<()> {
        self.inner.delete(name, cancel).await
    }

    async fn create_folder(&self, cancel: &CancellationToken) -> Result<()> {
        self.inner.create_folder(cancel).await
    }

    async fn quota(&self, cancel: &CancellationToken) -> Result<Option<Quota>> {
        self.inner.quota(cancel).await
    }
}
