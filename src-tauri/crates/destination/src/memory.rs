use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::contract::{Destination, Quota, RemoteFile};
use crate::error::{Error, Result};
use crate::problems::NameProblem;
use crate::transfer::{CheckpointStore, TransferMonitor, UploadFile};

/// Files in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryDestination {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryDestination {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// All files, for reading and changing them behind the client's back.
    pub fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, name: &str, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let files = self.files();
        let data = files.get(name).ok_or_else(|| Error::NotFound {
            name: name.to_owned(),
        })?;
        Ok(read(data))
    }
}

#[async_trait]
impl Destination for MemoryDestination {
    fn label(&self) -> String {
        "memory".to_owned()
    }

    async fn list(&self, cancel: &CancellationToken) -> Result<Vec<RemoteFile>> {
        check(cancel)?;
        let files = self.files();
        let listed = files.iter().map(|(name, data)| RemoteFile {
            name: name.clone(),
            size: data.len() as u64,
            modified: None,
        });
        Ok(listed.collect())
    }

    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        _checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        check(cancel)?;
        let data = read(name, file)?;
        self.files().insert(name.to_owned(), data);
        monitor.moved(file.size());
        Ok(())
    }

    async fn put_new(
        &self,
        name: &str,
        file: &UploadFile,
        _checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        check(cancel)?;
        let data = read(name, file)?;
        match self.files().entry(name.to_owned()) {
            Entry::Occupied(_) => {
                return Err(Error::AlreadyExists {
                    name: name.to_owned(),
                });
            }
            Entry::Vacant(place) => drop(place.insert(data)),
        }
        monitor.moved(file.size());
        Ok(())
    }

    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        check(cancel)?;
        check_name(name)?;
        let data = self.with(name, <[u8]>::to_vec)?;
        std::fs::write(target, &data)
            .map_err(|source| Error::io("write", &target.display().to_string(), source))?;
        monitor.moved(data.len() as u64);
        Ok(data.len() as u64)
    }

    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        check(cancel)?;
        check_name(name)?;
        self.with(name, |data| {
            let at = |position: u64| (position as usize).min(data.len());
            data[at(range.start)..at(range.end)].to_vec()
        })
    }

    async fn delete(&self, name: &str, cancel: &CancellationToken) -> Result<()> {
        check(cancel)?;
        check_name(name)?;
        match self.files().remove(name) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound {
                name: name.to_owned(),
            }),
        }
    }

    async fn create_folder(&self, cancel: &CancellationToken) -> Result<()> {
        check(cancel)
    }

    async fn quota(&self, _cancel: &CancellationToken) -> Result<Option<Quota>> {
        Ok(None)
    }
}

fn read(name: &str, file: &UploadFile) -> Result<Vec<u8>> {
    check_name(name)?;
    let mut data = Vec::new();
    file.open()
        .and_then(|mut source| source.read_to_end(&mut data))
        .map_err(|source| Error::io("read", name, source))?;
    Ok(data)
}

fn check(cancel: &CancellationToken) -> Result<()> {
    if cancel.is_cancelled() {
        Err(Error::Cancelled)
    } else {
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', ':']) {
        return Err(Error::InvalidName {
            name: name.to_owned(),
            why: NameProblem::NotPlain,
        });
    }
    Ok(())
}
