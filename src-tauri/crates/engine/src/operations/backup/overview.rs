use std::collections::HashMap;

/// What a scan found out about the sources as a whole.
#[derive(Debug, Default)]
pub(super) struct Overview {
    /// Files and links that were found.
    pub(super) files: u64,
    /// Names that rules left out.
    pub(super) left_out: u64,
    /// Whether the version before had files that are gone now.
    pub(super) files_are_gone: bool,
    /// Whether the version before had something that is in none of the sources of today.
    pub(super) sources_left: bool,
    /// Whether something is kept as the version before had it.
    pub(super) keeps: bool,
    /// A source was emptied, and that was said to be meant.
    pub(super) was_emptied: bool,
    /// Folders of the sources in which another file system begins.
    pub(super) mounts: HashMap<String, i64>,
}

/// Entries that are as the newest version has them.
#[derive(Debug, Default)]
pub(super) struct UnchangedTotals {
    pub(super) files: u64,
    /// Their content.
    pub(super) bytes: u64,
}
