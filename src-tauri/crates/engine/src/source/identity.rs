//! Telling files and file systems apart whatever path leads to them.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

/// Folders that are recognized by whatever path they are reached.
#[derive(Debug, Default)]
pub(super) struct Folders {
    paths: Vec<PathBuf>,
    #[cfg(unix)]
    ids: Vec<(u64, u64)>,
}

impl Folders {
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let real = paths.iter().filter_map(|path| fs::canonicalize(path).ok());
        Self {
            #[cfg(unix)]
            ids: real
                .clone()
                .filter_map(|path| Some(id(&fs::metadata(path).ok()?)))
                .collect(),
            paths: paths.iter().cloned().chain(real).collect(),
        }
    }

    pub(super) fn contains(&self, path: &Path, stat: &Metadata) -> bool {
        #[cfg(unix)]
        if self.ids.contains(&id(stat)) {
            return true;
        }
        let _ = stat;
        self.paths.iter().any(|own| own == path)
    }
}

#[cfg(unix)]
fn id(stat: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (stat.dev(), stat.ino())
}

/// Number of the file system that something lies in; `None` where the system does not say.
#[cfg(unix)]
pub(super) fn device(stat: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(stat.dev().cast_signed())
}

/// The standard library does not show it on Windows, where a disk that is not plugged in has no path.
#[cfg(windows)]
pub(super) fn device(_stat: &Metadata) -> Option<i64> {
    None
}
