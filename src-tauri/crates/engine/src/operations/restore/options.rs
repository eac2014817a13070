use std::path::PathBuf;

use crate::operations::restore::selection::Selection;

/// What happens to an existing file that differs from the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The stored one is restored beside it, with the version's date in its name.
    KeepBoth,
    /// The stored one replaces it.
    Overwrite,
}

/// Whether owner and mode are restored, besides content and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permissions {
    /// As far as this user may.
    Restore,
    /// New files get those that new files get.
    Leave,
}

/// What to restore and how.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// 0 is the newest version.
    pub version: usize,
    /// Which files.
    pub selection: Selection,
    /// Folder to restore into; `None` puts everything back where it was.
    pub target: Option<PathBuf>,
    /// See [`Existing`].
    pub existing: Existing,
    /// See [`Permissions`].
    pub permissions: Permissions,
}
