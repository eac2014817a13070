//! Sources: walking them in a fixed order, and what is known of each entry without reading it.
//!
//! The order is that of stored paths in bytes, folders with their separator, which is also the order in which the
//! index gives out the newest version. Both can therefore be compared in one pass, however many files there are.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::filter::Filters;
use crate::monitor::{Fallback, Monitor, Problem, ProblemKind};

mod compressed;
mod entry;
mod identity;
mod measure;
#[cfg(unix)]
mod metadata_unix;
#[cfg(windows)]
mod metadata_windows;
mod mounts;
mod reading;
mod roots;
mod rules;
mod walk;

pub use crate::paths::SEPARATOR;
pub(crate) use compressed::is_compressed;
pub(crate) use entry::{SourceEntry, WalkItem, Why};
pub use measure::{SourceSize, measure};
#[cfg(unix)]
pub(crate) use metadata_unix::{attributes, exclusion_mark, hardlink_id, local_state, metadata};
#[cfg(windows)]
pub(crate) use metadata_windows::{attributes, exclusion_mark, hardlink_id, local_state, metadata};
pub(crate) use mounts::{KnownMounts, is_marker};
pub use roots::stored_path;
pub(crate) use roots::{Root, is_inside, roots, with_separator};
pub use rules::{
    Decision, EmptyFolders, ExclusionMarks, HardlinkPolicy, Reason, SourceOptions, SymlinkPolicy,
};
pub(crate) use walk::Walk;

/// Reports what becomes of each path of the sources, and why, in the order of the walk.
///
/// What cannot be looked at is reported as a [`Problem`]. Nothing is read but folders.
///
/// # Errors
/// [`Error::Cancelled`], and whatever `decided` returns.
pub fn explain(
    sources: &[PathBuf],
    filters: &Filters,
    options: &SourceOptions,
    monitor: &dyn Monitor,
    cancel: &CancellationToken,
    mut decided: impl FnMut(Decision) -> Result<()>,
) -> Result<()> {
    let (roots, odd) = roots(sources);
    for source in odd {
        monitor.problem(Problem {
            subject: source.display().to_string(),
            kind: ProblemKind::NameNotUnicode { is_folder: false },
        });
    }
    for item in Walk::new(roots, filters, options).explaining() {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match item {
            WalkItem::Entry(found) => decided(Decision {
                path: found.stored,
                is_stored: true,
                reason: found.reason,
            })?,
            WalkItem::LeftOut(decision) => decided(decision)?,
            WalkItem::Problem { subject, why, .. } => {
                let kind = why.kind(Fallback::Nothing, 0);
                monitor.problem(Problem { subject, kind });
            }
            WalkItem::Emptied(_) | WalkItem::DeadLink(_) => {}
        }
    }
    Ok(())
}
