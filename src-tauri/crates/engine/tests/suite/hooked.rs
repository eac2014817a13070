use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Error, Quota, RemoteFile, Result as DResult, TransferMonitor,
    UploadFile,
};
use tokio_util::sync::CancellationToken;

type NameHook = Box<dyn Fn(&str) + Send + Sync>;
type Refusal = Box<dyn Fn(&str) -> Option<Error> + Send + Sync>;
type Check = Box<dyn Fn(&str) -> DResult<()> + Send + Sync>;

/// A destination at whose calls something happens.
pub(crate) struct Hooked {
    pub(crate) inner: Arc<dyn Destination>,
    pub(crate) before_put: NameHook,
    /// Why an upload is refused, if it is.
    pub(crate) refuse_put: Refusal,
    /// Refuses the download when it returns an error.
    pub(crate) before_get: Check,
    pub(crate) before_delete: NameHook,
    /// Why a deletion is refused, if it is.
    pub(crate) refuse_delete: Refusal,
    pub(crate) listed: Box<dyn Fn(Vec<RemoteFile>) -> Vec<RemoteFile> + Send + Sync>,
}

impl Hooked {
    pub(crate) fn over(inner: Arc<dyn Destination>) -> Self {
        Self {
            inner,
            before_put: Box::new(|_| ()),
            refuse_put: Box::new(|_| None),
            before_get: Box::new(|_| Ok(())),
            before_delete: Box::new(|_| ()),
            refuse_delete: Box::new(|_| None),
            listed: Box::new(|files| files),
        }
    }
}

#[async_trait]
impl Destination for Hooked {
    fn label(&self) -> String {
        self.inner.label()
    }
    async fn list(&self, cancel: &CancellationToken) -> DResult<Vec<RemoteFile>> {
        Ok((self.listed)(self.inner.list(cancel).await?))
    }
    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> DResult<()> {
        (self.before_put)(name);
        if let Some(error) = (self.refuse_put)(name) {
            return Err(error);
        }
        self.inner
            .put(name, file, checkpoints, monitor, cancel)
            .await
    }
    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> DResult<u64> {
        (self.before_get)(name)?;
        self.inner.get(name, target, monitor, cancel).await
    }
    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> DResult<Vec<u8>> {
        self.inner.get_range(name, range, cancel).await
    }
    async fn delete(&self, name: &str, cancel: &CancellationToken) -> DResult<()> {
        (self.before_delete)(name);
        if let Some(error) = (self.refuse_delete)(name) {
            return Err(error);
        }
        self.inner.delete(name, cancel).await
    }
    async fn create_folder(&self, cancel: &CancellationToken) -> DResult<()> {
        self.inner.create_folder(cancel).await
    }
    async fn quota(&self, cancel: &CancellationToken) -> DResult<Option<Quota>> {
        self.inner.quota(cancel).await
    }
}
