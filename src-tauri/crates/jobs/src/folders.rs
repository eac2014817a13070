use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::logs::{create_private_folder, is_foreign};
use crate::{Result, wording};

/// Folders with Coffer's own files on this computer.
#[derive(Debug, Clone)]
pub struct Folders {
    data: PathBuf,
    cache: PathBuf,
}

/// Our folders inside those of the platform. The cache has its own folder even where the platform has only one for
/// both, as on Windows.
fn apart(data: Option<PathBuf>, cache: Option<PathBuf>) -> (PathBuf, PathBuf) {
    let ours = |folder: Option<PathBuf>| folder.unwrap_or_else(std::env::temp_dir).join("coffer");
    let (data, mut cache) = (ours(data), ours(cache));
    if cache == data {
        cache.push("cache");
    }
    (data, cache)
}

impl Folders {
    /// The platform's usual folders, or those in `COFFER_DATA_DIR` and `COFFER_CACHE_DIR`.
    pub fn standard() -> Self {
        let chosen = |variable: &str, usual: PathBuf| {
            let moved = std::env::var_os(variable).filter(|value| !value.is_empty());
            moved.map_or(usual, PathBuf::from)
        };
        let (data, cache) = apart(dirs::data_local_dir(), dirs::cache_dir());
        Self {
            data: chosen("COFFER_DATA_DIR", data),
            cache: chosen("COFFER_CACHE_DIR", cache),
        }
    }

    /// Uses these two folders.
    pub fn new(data: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            cache: cache.into(),
        }
    }

    /// The app's database: jobs, runs, accounts.
    pub fn database(&self) -> PathBuf {
        self.data.join("coffer.sqlite")
    }

    /// Daily log files.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// Rate limits of services: when the next request is allowed, and how many.
    pub fn pacing(&self) -> PathBuf {
        self.data.join("pacing")
    }

    /// Locked by the app while it runs.
    pub(crate) fn app_lock(&self) -> PathBuf {
        self.data.join("app.lock")
    }

    /// Locked by the process that renews this sign-in.
    pub(crate) fn sign_in_lock(&self, account_id: &str) -> PathBuf {
        self.data.join("locks").join(format!("{account_id}.lock"))
    }

    /// Locked by the process that makes the key of the run journal.
    pub(crate) fn journal_key_lock(&self) -> PathBuf {
        self.data.join("locks").join("journal-key.lock")
    }

    /// The cache of one destination, shared by all processes that use it.
    pub fn cache_of(&self, identity: &str) -> PathBuf {
        let name = hex::encode(&Sha256::digest(identity.as_bytes())[..12]);
        self.cache.join("destinations").join(name)
    }

    /// Creates the folder of all caches. It must belong to this user: its content is trusted, and the owner of a folder
    /// can replace what is in it.
    ///
    /// # Errors
    /// When it belongs to another user. Other problems are reported by the operation.
    pub(crate) fn make_caches(&self) -> Result<()> {
        for path in [self.cache.clone(), self.cache.join("destinations")] {
            if create_private_folder(&path).is_err() && is_foreign(&path).unwrap_or(false) {
                return Err(wording::engine(&coffer_engine::Error::ForeignFolder {
                    path,
                }));
            }
        }
        Ok(())
    }

    /// Folders that are never a source.
    pub fn own(&self) -> Vec<PathBuf> {
        vec![self.data.clone(), self.cache.clone()]
    }

    /// Data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_can_be_deleted_without_the_jobs() {
        let folder = |path: &str| Some(PathBuf::from(path));
        let ours = |data, cache| apart(folder(data), folder(cache)).1;

        assert_eq!(ours("/data", "/cache"), Path::new("/cache/coffer"));
        assert_eq!(ours("/local", "/local"), Path::new("/local/coffer/cache"));
    }
}
