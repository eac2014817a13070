//! Backup: sources to destination, as a new version.

mod aftercare;
mod blocks;
mod collect;
mod hold;
mod known;
mod left;
mod opening;
pub(crate) mod options;
mod overview;
mod pace;
mod prepare;
mod rows;
mod run;
mod scan;
mod version;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use coffer_database::Index;
use coffer_destination::Error as DestinationError;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Counting, Monitor, Phase, Problem, ProblemKind};
use crate::operations::backup::hold::Hold;
use crate::operations::backup::left::upload_left;
use crate::operations::backup::run::{NewVersion, Run};
use crate::repository::cache::{Cache, with_sound_index};
use crate::repository::listing::Listing;
use crate::repository::local_facts::Others;
use crate::repository::makers::Makers;
use crate::repository::newest::load_newest_version;
use crate::repository::open::Repository;
use crate::repository::session::{Role, Session};
use crate::repository::source_list::SourceList;
use crate::repository::spool::Spool;
use crate::repository::store::Store;
use crate::repository::sync::sync_volumes;
use crate::repository::upload::abandon_others;
use crate::source::{Root, roots};
use crate::threads::lock;

pub use crate::repository::upload::{Checkpoints, Seal};
pub use options::{BackupOptions, BackupStats};

/// Backs the sources up into `store` as a new version.
///
/// Call from a thread that may block, inside a tokio runtime. When it fails or is cancelled, what was uploaded stays,
/// and the next run resumes from there; a version appears only when it is whole.
///
/// # Errors
/// Before anything is written: [`Error::WrongPassphrase`], [`Error::FormatMismatch`] and their like when the folder
/// holds another backup, [`Error::VolumesMissing`], [`Error::DestinationGone`], [`Error::NoSource`], [`Error::Locked`].
/// Later: those of the destination and of the spool folder.
pub fn backup(
    store: &Store,
    options: BackupOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<BackupStats> {
    let options = Arc::new(options);
    let made = Mutex::new(None);
    let counting = Arc::new(Counting::new(monitor));
    let mut stats = with_sound_index(store, || {
        backup_once(store, &options, Arc::clone(&counting) as _, cancel, &made)
    })?;
    stats.warnings = counting.warnings();
    let before = lock(&made).take();
    Ok(match before {
        // The index failed when the version was there already, and the second try found nothing to do.
        Some(before) if stats.version.is_none() => BackupStats {
            warnings: stats.warnings,
            kept_sources: stats.kept_sources,
            deleted_versions: stats.deleted_versions,
            faulty_volumes: stats.faulty_volumes,
            compacted: stats.compacted,
            versions: stats.versions,
            stored_bytes: stats.stored_bytes,
            ..before
        },
        _ => stats,
    })
}

fn backup_once(
    store: &Store,
    options: &Arc<BackupOptions>,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    made: &Mutex<Option<BackupStats>>,
) -> Result<BackupStats> {
    let session = Session::new(store, monitor, cancel).with_role(Role::BackingUp);
    let cache = Cache::lock(store)?;
    let (roots, odd) = roots(&options.sources);
    opening::require_some_source(&roots)?;
    let (format, index, mut listed) = opening::open(&session, &cache, options)?;
    let spool = cache.spool();
    let pairs = cache.spooled(&index)?;
    report_odd_names(&session, &odd);
    let time = opening::choose_time(&session, &listed, options.now);
    if !listed.exists {
        session.create_folder()?;
    }

    session.phase(Phase::ReadingDestination);
    abandon_others(&session, &index, &pairs, &options.checkpoints)?;
    upload_left(&session, &index, &cache, &pairs, &options.checkpoints)?;
    if !pairs.is_empty() {
        session.phase(Phase::ReadingDestination);
        listed = Listing::completed(&session, &index)?;
    }
    let repository = Repository {
        session: &session,
        index: &index,
        format: &format,
        spool: &spool,
    };
    sync_volumes(repository, &mut listed)?;
    let sources = SourceList::of(&roots);
    adopt_when_asked(&index, &listed, options)?;
    load_newest_version(repository, &listed, &sources)?;
    index.clear_staged()?;

    session.phase(Phase::BackingUp);
    let own = index.volumes()?.into_iter().filter(|row| row.is_own);
    let own_before = own.map(|row| row.name).collect();
    let run = Run {
        session: &session,
        index: Arc::new(Mutex::new(index)),
        options: Arc::clone(options),
        sources,
        own_before,
        made,
    };
    let must_upload =
        options.upload_unchanged || listed.dlists.is_empty() || run.newest_is_partial()?;
    let mut spool = Spool::new(spool, store, format, time, options.volume_size);
    let made = make_version(&run, &cache, &mut spool, &roots, must_upload)?;
    let stats = run.look_after(&spool, &roots, made)?;
    // A run that finished has reported them.
    lock(&run.index).forget_gone_dlists()?;
    Ok(stats)
}

/// Reports sources whose names cannot be stored.
fn report_odd_names(session: &Session, sources: &[PathBuf]) {
    for source in sources {
        session.monitor().problem(Problem {
            subject: source.display().to_string(),
            kind: ProblemKind::NameNotUnicode { is_folder: false },
        });
    }
}

/// Takes over the versions that are there, for a computer that replaces another.
fn adopt_when_asked(index: &Index, listed: &Listing, options: &BackupOptions) -> Result<()> {
    if !options.adopt_versions {
        return Ok(());
    }
    Others::None.note(index)?;
    if Makers::noted(index)?.adopt(listed.times())? {
        Hold::NothingRemembered.begin(index)?;
    }
    Ok(())
}

/// Makes the version, once more when the destination was full and room could be made.
fn make_version(
    run: &Run<'_>,
    cache: &Cache,
    spool: &mut Spool,
    roots: &[Root],
    must_upload: bool,
) -> Result<NewVersion> {
    match run.make_version(spool, roots, must_upload) {
        Err(Error::Destination(DestinationError::Full)) if run.make_room(spool)? => {
            let index = lock(&run.index);
            // What the index knows of the volumes that did not fit is true once they are there.
            let pairs = cache.spooled(&index)?;
            upload_left(run.session, &index, cache, &pairs, &run.options.checkpoints)?;
            drop(index);
            run.make_version(spool, roots, must_upload)
        }
        other => other,
    }
}
