//! How much there is to back up.

use std::path::PathBuf;

use coffer_volume::dlist::EntryKind;
use tokio_util::sync::CancellationToken;

use super::{SourceOptions, Walk, WalkItem, roots};
use crate::error::{Error, Result};
use crate::filter::Filters;

/// What a backup of sources would hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceSize {
    /// Number of files; folders and links do not count.
    pub files: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// Number of files and folders that cannot be read.
    pub unreadable: u64,
}

/// Counts what a backup of `sources` would hold. Reads only folders.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn measure(
    sources: &[PathBuf],
    filters: &Filters,
    options: &SourceOptions,
    cancel: &CancellationToken,
) -> Result<SourceSize> {
    let (roots, odd) = roots(sources);
    let mut size = SourceSize {
        unreadable: odd.len() as u64,
        ..SourceSize::default()
    };
    for item in Walk::new(roots, filters, options) {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match item {
            WalkItem::Entry(entry) if entry.kind == EntryKind::File => {
                size.files += 1;
                size.bytes += entry.content_len();
            }
            WalkItem::Problem { .. } => size.unreadable += 1,
            _ => {}
        }
    }
    Ok(size)
}
