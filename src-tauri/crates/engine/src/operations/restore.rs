//! Restore: a version's files, from the destination alone.

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
pub(crate) mod options;
mod parts;
mod place;
mod plan;
pub(crate) mod result;
pub(crate) mod selection;
mod target;
mod wanted_file;
mod writers;

use std::sync::Arc;

use coffer_database::RestorePlan;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::operations::restore::files::Files;
use crate::operations::restore::options::RestoreOptions;
use crate::operations::restore::place::Placer;
use crate::operations::restore::result::RestoreStats;
use crate::operations::restore::target::Mapping;
use crate::repository::blocklists::fetch_blocklists;
use crate::repository::blocks::fetch_blocks;
use crate::repository::cache::{Cache, with_sound_index};
use crate::repository::dlist::{fetch_version, open_dlist};
use crate::repository::listing::Listing;
use crate::repository::open::Repository;
use crate::repository::session::{Role, Session};
use crate::repository::store::Store;
use crate::repository::sync::{Losses, sync_ignoring_missing};
use crate::repository::volumes::ListedVolume;

/// Restores from `store`.
///
/// Needs nothing but the destination; an index that is there makes it faster. Every file that is whole comes back,
/// each that does not is named to the monitor. A file appears under its name only when it is complete and verified, and
/// no other user can read it before it has its final mode.
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
    session.phase(Phase::Connecting);
    let mut listed = Listing::of(&session)?;
    listed.require_versions(&session)?;
    listed.check_passphrase(&session)?;
    let chosen = chosen.map_or_else(|| listed.version(options.version), Ok);
    let dlist = &chosen?.clone();
    let spool = cache.spool();

    session.phase(Phase::ReadingDestination);
    let path = fetch_version(&session, dlist, &spool)?;
    let mut reader = open_dlist(&session, dlist, &path)?;
    let format = reader.format().clone();
    let index = cache.index_for(&format, store)?;
    let repository = Repository {
        session: &session,
        index: &index,
        format: &format,
        spool: &spool,
    };
    // What only volumes held that are gone is missed file by file.
    sync_ignoring_missing(repository, &mut listed, Losses::Reported)?;

    session.phase(Phase::Planning);
    let survey = plan::survey(&session, &mut reader, dlist, options, &index)?;
    let version_time = dlist.name.time().unwrap_or(Timestamp::UNIX_EPOCH);
    let files = Files::new(&format, options, version_time);
    let has_new_top = match &survey.mapping {
        // Reported before everything is downloaded that would have to go there.
        Mapping::Into { folder, .. } => files
            .create_base(folder)
            .map_err(|source| Error::io("create", folder, source))?,
        Mapping::Original { .. } => false,
    };
    fetch_blocklists(repository, &survey.missing_lists)?;
    let plan = RestorePlan::new(index.path())?;
    let mapping = (survey.mapping, has_new_top);
    let mut placer = Placer::new(&session, &plan, options, mapping, &format, files);
    plan::build(&session, &mut reader, dlist, &index, &mut placer)?;
    drop(path);

    report_totals(&session, &plan)?;
    let fetched = fetch_blocks(repository, &plan, |block, data| placer.take(block, data));
    match fetched {
        Ok(()) => placer.finish(),
        Err(error) => {
            placer.remove_partial_files();
            Err(error)
        }
    }
}

fn report_totals(session: &Session, plan: &RestorePlan) -> Result<()> {
    session.phase(Phase::Restoring);
    let (files, bytes) = plan.totals()?;
    session.monitor().totals(files, bytes);
    Ok(())
}
