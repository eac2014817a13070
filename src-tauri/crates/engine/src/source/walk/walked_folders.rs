use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::{device, is_mounted};

/// Folders in which a source or another file system begins, as far as a walk came.
#[derive(Default)]
pub(super) struct WalkedFolders {
    all: Vec<WalkedFolder>,
    /// One that was not there for a while.
    left: Option<PathBuf>,
}

impl WalkedFolders {
    /// `is_named` of a source, of which it matters where its links lead.
    pub(super) fn add(&mut self, path: &Path, device: Option<i64>, is_named: bool) {
        self.all.push(WalkedFolder {
            path: path.to_owned(),
            device,
            is_mounted: is_mounted(path),
            real: is_named.then(|| fs::canonicalize(path).ok()).flatten(),
        });
    }

    /// One that is not what it was, or was not for a while.
    pub(super) fn left(&self) -> Option<&Path> {
        let left = self.all.iter().find(|begun| begun.is_left());
        self.left.as_deref().or(left.map(|begun| &*begun.path))
    }

    /// What was named a moment ago is not there: it was deleted since, or its disk went, which may be back before the end.
    pub(super) fn note_left(&mut self) {
        self.left = self.left().map(Path::to_owned);
    }
}

struct WalkedFolder {
    path: PathBuf,
    device: Option<i64>,
    is_mounted: bool,
    /// Where its links lead, of a source.
    real: Option<PathBuf>,
}

impl WalkedFolder {
    fn is_left(&self) -> bool {
        let now = fs::metadata(&self.path);
        let is_other = |stat: &Metadata| device(stat) != self.device;
        now.as_ref().map_or(true, is_other)
            || is_mounted(&self.path) != self.is_mounted
            || self.real.is_some() && fs::canonicalize(&self.path).ok() != self.real
    }
}
