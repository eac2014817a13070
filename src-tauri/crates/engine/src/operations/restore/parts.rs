use std::collections::HashMap;
use std::fs::File;

use crate::operations::restore::folders::FileId;

/// Files that one thread writes.
#[derive(Default)]
pub(super) struct Parts {
    /// Entries that have a temporary file, and which it is.
    pub(super) partial: HashMap<i64, FileId>,
    /// Some of them, the one that was written last at the end.
    pub(super) open: Vec<(i64, File)>,
}

impl Parts {
    /// Closes all files.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    pub(super) fn close_one(&mut self, entry: i64) {
        self.open.retain(|(open, _)| *open != entry);
    }
}

/// Files that a thread keeps open and locked, because their next blocks often come soon.
pub(super) const MOST_OPEN: usize = 16;
