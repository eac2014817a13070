//! Uploads, and how far those came that were cut off.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::{CheckpointStore, NoCheckpoints};

use crate::crash;
use crate::error::{Error, Result};
use crate::repository::cache::SpooledVolume;
use crate::repository::session::Session;
use crate::threads::lock;

/// Where uploads that are cut off are remembered.
#[derive(Clone)]
pub enum Checkpoints {
    /// Nowhere: they start again.
    None,
    /// In the index, sealed by this.
    Sealed(Arc<dyn Seal>),
}

/// Keeps checkpoints from being read by others: an upload URL is a key to the file.
pub trait Seal: Send + Sync {
    /// Makes text unreadable without the key.
    fn seal(&self, plain: &str) -> String;
    /// Counterpart of [`Seal::seal`]; `None` when it was sealed with another key or damaged.
    fn open(&self, sealed: &str) -> Option<String>;
}

/// Uploads one file with the checkpoints that the run has. Its checkpoint stays until the caller has noted that the
/// file arrived: a run that is killed in between finds out through it.
pub(crate) fn put(
    session: &Session,
    name: &str,
    path: &Path,
    index: &Index,
    checkpoints: &Checkpoints,
) -> Result<()> {
    match checkpoints {
        Checkpoints::None => session.put(name, path, &NoCheckpoints),
        Checkpoints::Sealed(seal) => {
            let store = IndexCheckpoints::open(index, &**seal)?;
            session.put(name, path, &store)
        }
    }
}

/// The same under a name that nothing may have; false when something has it.
pub(crate) fn put_new(
    session: &Session,
    name: &str,
    path: &Path,
    index: &Index,
    checkpoints: &Checkpoints,
) -> Result<bool> {
    match checkpoints {
        Checkpoints::None => session.put_new(name, path, &NoCheckpoints),
        Checkpoints::Sealed(seal) => {
            let store = IndexCheckpoints::open(index, &**seal)?;
            session.put_new(name, path, &store)
        }
    }
}

/// Uploads a dblock, then its dindex, and notes each as arrived.
pub(crate) fn upload_pair(
    session: &Session,
    index: &Index,
    spool: &Path,
    pair: &SpooledVolume,
    checkpoints: &Checkpoints,
) -> Result<()> {
    for name in [&pair.dblock, &pair.dindex] {
        let path = spool.join(name);
        // In a pair that a run before left, the dblock may have arrived already; a run that was killed right then had
        // no time to remove its file.
        if index.is_confirmed(name)? {
            if path.exists() {
                fs::remove_file(&path).map_err(|source| Error::io("delete", path, source))?;
            }
            continue;
        }
        put(session, name, &path, index, checkpoints)?;
        crash::point(&path, "a volume arrived");
        index.transaction(|index| {
            index.confirm_volume(name)?;
            index.remove_checkpoint(name)?;
            Ok::<_, Error>(())
        })?;
        crash::point(&path, "a volume is noted as arrived");
        fs::remove_file(&path).map_err(|source| Error::io("delete", &path, source))?;
        crash::point(&path, "a volume is out of the spool");
    }
    Ok(())
}

/// Gives up what an earlier run left half uploaded and this one will not go on with; `pairs` are what it will.
pub(crate) fn abandon_others(
    session: &Session,
    index: &Index,
    pairs: &[SpooledVolume],
    checkpoints: &Checkpoints,
) -> Result<()> {
    let Checkpoints::Sealed(seal) = checkpoints else {
        return Ok(());
    };
    let store = IndexCheckpoints::open(index, &**seal)?;
    for name in index.checkpoint_names()? {
        let goes_on = |pair: &SpooledVolume| pair.dblock == name || pair.dindex == name;
        if !pairs.iter().any(goes_on) {
            session.abandon(&name, &store);
            index.remove_checkpoint(&name)?;
        }
    }
    Ok(())
}

/// Checkpoints in the index. A database that cannot be asked costs a repeated upload, nothing more.
struct IndexCheckpoints<'a> {
    index: std::sync::Mutex<Index>,
    seal: &'a dyn Seal,
}

impl<'a> IndexCheckpoints<'a> {
    /// With its own handle, because the shared one is held often.
    fn open(index: &Index, seal: &'a dyn Seal) -> Result<Self> {
        Ok(Self {
            index: std::sync::Mutex::new(index.handle().open()?),
            seal,
        })
    }
}

impl CheckpointStore for IndexCheckpoints<'_> {
    fn load(&self, name: &str) -> Option<String> {
        let sealed = lock(&self.index).checkpoint(name).ok().flatten()?;
        self.seal.open(&sealed)
    }

    fn save(&self, name: &str, value: &str) {
        let saved = lock(&self.index).save_checkpoint(name, &self.seal.seal(value));
        if let Err(error) = saved {
            tracing::warn!(%error, "could not remember how far an upload came");
        }
    }

    /// Left to [`upload_pair`] and its like, which know when nothing can ask for it any more. One that no longer fits
    /// is noticed when it is loaded.
    fn remove(&self, _name: &str) {}
}
