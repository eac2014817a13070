//! Restore: a version's files, from the destination alone.

mod fetch;
mod files;
#[cfg(unix)]
mod folder_unix;
#[cfg(windows)]
mod folder_windows;
mod folders;
mod holes;
#[cfg(unix)]
mod metadata_unix;
#[cfg(windows)]
mod metadata_windows;
mod nameless;
mod place;
mod plan;
mod result;
mod selection;
mod target;
mod writers;

use std::path::PathBuf;
use std::sync::Arc;

use coffer_database::RestorePlan;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::session::{Role, Session};
use crate::store::{
    Cache, Listed, ListedVolume, Losses, Store, sync_what_is_there, with_sound_index,
};
use crate::versions::{fetch_version, open_dlist};

use files::Files;
use place::Placer;
pub(crate) use plan::{fetch_blocklists, list_len, note_missing_lists};
pub use result::{MOST_NAMED, RestoreStats, RestoredFile};
pub use selection::Selection;
use target::Mapping;

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

/// Restores from `store`.
///
/// Needs nothing but the destination; an index that is there makes it faster. Every file that is whole comes back,
/// each that does not is named to the monitor. A file appears under its name only when it is complete and verified, and
/// nobody else can read it before it has the mode that it is to have.
///
/// Below the chosen folder, or below the outermost folders of the version, nothing is written, read or changed through
/// links, whatever becomes of the folders meanwhile.
///
/// Names of one file come back as names of one file, where that can be. Runs of zeros come back as holes.
///
/// # Errors
/// [`Error::WrongPassphrase`], [`Error::NoBackup`], [`Error::NoVersion`], [`Error::NothingMatches`] and
/// [`Error::OtherSystem`] before anything is written; [`Error::Io`] when the target folder cannot be created; later those of the destination and of the temp
/// folder.
pub fn restore(
    store: &Store,
    options: &RestoreOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RestoreStats> {
    restore_version(store, options, None, monitor, cancel)
}

/// Restores the version of `chosen`, whatever its number is by now.
pub(crate) fn restore_version(
    store: &Store,
    options: &RestoreOptions,
    chosen: Option<&ListedVolume>,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RestoreStats> {
    with_sound_index(store, || {
        restore_once(store, options, chosen, Arc::clone(&monitor), cancel)
    })
}

fn restore_once(
    store: &Store,
    options: &RestoreOptions,
    chosen: Option<&ListedVolume>,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RestoreStats> {
    let session = Session::new(store, monitor, cancel).with_role(Role::Reading);
    let cache = Cache::lock_or_temporary(store)?;
    session.monitor().phase(Phase::Connecting);
    let mut listed = Listed::of(&session)?;
    listed.require_versions(&session)?;
    listed.check_passphrase(&session)?;
    let dlist = &match chosen {
        Some(dlist) => dlist.clone(),
        None => listed.version(options.version)?.clone(),
    };
    let spool = cache.spool();

    session.monitor().phase(Phase::ReadingDestination);
    let path = fetch_version(&session, dlist, &spool)?;
    let mut reader = open_dlist(&session, dlist, &path)?;
    let format = reader.format().clone();
    let index = cache.index_for(&format, store)?;
    // What only volumes held that are gone is missed file by file.
    sync_what_is_there(&session, &index, &mut listed, &format, &spool, Losses::Told)?;

    session.monitor().phase(Phase::Planning);
    let survey = plan::survey(&session, &mut reader, dlist, options, &index)?;
    let version_time = dlist.name.time().unwrap_or(Timestamp::UNIX_EPOCH);
    let files = Files::new(&format, options, version_time);
    let has_new_top = match &survey.mapping {
        // Told before everything is downloaded that would have to go there.
        Mapping::Into { folder, .. } => files
            .create_base(folder)
            .map_err(|source| Error::io("create", folder, source))?,
        Mapping::Original { .. } => false,
    };
    fetch_blocklists(&session, &index, &survey.missing_lists, &format, &spool)?;
    let plan = RestorePlan::new(index.path())?;
    let mapping = (survey.mapping, has_new_top);
    let mut placer = Placer::new(&session, &plan, options, mapping, &format, files);
    plan::build(&session, &mut reader, dlist, &index, &mut placer)?;
    drop(path);

    session.monitor().phase(Phase::Restoring);
    let (files, bytes) = plan.totals()?;
    session.monitor().totals(files, bytes);
    let fetched = fetch::fetch_blocks(&session, &plan, &format, &spool, |block, data| {
        placer.take(block, data)
    });
    match fetched {
        Ok(()) => placer.finish(),
        Err(error) => {
            placer.remove_partial_files();
            Err(error)
        }
    }
}
