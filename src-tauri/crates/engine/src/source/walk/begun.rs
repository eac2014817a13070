use std::fs::{self, Metadata};
use std::path::PathBuf;

use super::{device, is_mounted};

/// A folder in which a source or another file system begins.
pub(super) struct Begun {
    pub(super) path: PathBuf,
    pub(super) device: Option<i64>,
    pub(super) is_mounted: bool,
    /// Where its links lead, of a source.
    pub(super) real: Option<PathBuf>,
}

impl Begun {
    pub(super) fn is_left(&self) -> bool {
        let now = fs::metadata(&self.path);
        let is_other = |stat: &Metadata| device(stat) != self.device;
        now.as_ref().map_or(true, is_other)
            || is_mounted(&self.path) != self.is_mounted
            || self.real.is_some() && fs::canonicalize(&self.path).ok() != self.real
    }
}
