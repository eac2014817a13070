use coffer_database::PlanEntry;

use crate::operations::restore::target::Place;

/// A file that is to be restored.
pub(super) struct Target {
    pub(super) entry: PlanEntry,
    pub(super) place: Place,
    pub(super) flags: Flags,
}

/// What few files are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// Another file of the restore has the same path but for large and small letters.
    pub(super) may_have_twin: bool,
    /// The hash of its only block is not that of the file, as it should be.
    pub(super) has_other_hash: bool,
}

impl Target {
    /// Whether a block at its start is all of it.
    pub(super) fn is_of_one_block(&self, data: &[u8]) -> bool {
        let content = self.entry.content.as_ref();
        content.is_some_and(|(_, size)| *size == data.len() as u64)
    }
}
