//! Deleting versions: by number, or because retention gives them up.

use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::Error as DestinationError;
use coffer_volume::dlist::Completeness;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::compact::{CompactOptions, CompactStats, compact_afterwards};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::retention::{Retention, VersionState, retention_victims};
use crate::session::Session;
use crate::store::{Cache, Listed, ListedVolume, Opened, Store};
use crate::versions::{Version, open_dlist};

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does what it says.
    #[default]
    Run,
    /// It only tells what it would do (`--dry-run`).
    Plan,
}

/// A file at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteVolume {
    /// Its name there.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Which versions to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Victims {
    /// By number, 0 being the newest.
    Numbers(Vec<usize>),
    /// Those that this gives up.
    Retention(Retention),
}

/// What happens when nothing would be left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FullRemoval {
    /// It is refused.
    #[default]
    Refuse,
    /// It is meant (`--allow-full-removal`).
    Allow,
}

/// What to delete and how.
#[derive(Clone)]
pub struct DeleteOptions {
    /// See [`Victims`].
    pub victims: Victims,
    /// See [`FullRemoval`].
    pub full_removal: FullRemoval,
    /// How the space is given back afterwards; `None` leaves it (`--no-auto-compact`).
    pub compact: Option<CompactOptions>,
    /// See [`Mode`].
    pub mode: Mode,
    /// What retention counts back from.
    pub now: Timestamp,
}

/// What was deleted, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteStats {
    /// The versions, newest first, by the numbers they had.
    pub versions: Vec<Version>,
    /// Their dlists.
    pub deleted: Vec<RemoteVolume>,
    /// What became of the data that only they needed.
    pub compacted: Option<CompactStats>,
}

/// Deletes versions: their dlists, and then, as far as it is worth the work, the data that only they needed.
///
/// # Errors
/// [`Error::NoVersion`] naming the first number that does not exist and [`Error::FullRemoval`], before anything is
/// deleted.
pub fn delete(
    store: &Store,
    options: &DeleteOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<DeleteStats> {
    let Opened {
        session,
        cache,
        listed,
    } = Opened::existing(store, monitor, cancel)?;
    let spool = cache.spool();
    let format = listed.format(&session, &spool)?;
    let index = match &format {
        Some(format) => cache.index_for(format, store)?,
        None => cache.index()?,
    };
    let times = match &options.victims {
        Victims::Numbers(numbers) => numbered(numbers, &listed)?,
        Victims::Retention(retention) => {
            given_up(&session, &cache, &index, &listed, retention, options.now)?
        }
    };
    if times.len() == listed.dlists.len() && options.full_removal == FullRemoval::Refuse {
        return Err(Error::FullRemoval);
    }
    let mut stats = describe(&listed, &times);
    let mut without = &times[..];
    if options.mode == Mode::Run {
        delete_versions(&session, &index, &listed, &times)?;
        without = &[];
    }
    if let (Some(compact), Some(format), false) = (&options.compact, format, times.is_empty()) {
        let compact = CompactOptions {
            mode: options.mode,
            ..compact.clone()
        };
        stats.compacted = compact_afterwards(&session, &index, &format, &spool, without, &compact)?;
    }
    Ok(stats)
}

fn numbered(numbers: &[usize], listed: &Listed) -> Result<Vec<Timestamp>> {
    let mut times = Vec::new();
    for number in numbers {
        let time = listed.version(*number)?.name.time();
        times.extend(time.filter(|time| !times.contains(time)));
    }
    Ok(times)
}

fn describe(listed: &Listed, times: &[Timestamp]) -> DeleteStats {
    let mut stats = DeleteStats::default();
    for (number, volume) in listed.dlists.iter().rev().enumerate() {
        let Some(time) = volume.name.time().filter(|time| times.contains(time)) else {
            continue;
        };
        stats.versions.push(Version { number, time });
        stats.deleted.push(volume.into());
    }
    stats.deleted = listed.with_parity(stats.deleted);
    stats
}

/// Versions that `retention` gives up.
///
/// One whose dlist cannot be read is told and left alone: nobody can say what it is worth.
pub(crate) fn given_up(
    session: &Session,
    cache: &Cache,
    index: &Index,
    listed: &Listed,
    retention: &Retention,
    now: Timestamp,
) -> Result<Vec<Timestamp>> {
    if retention.keeps_all() {
        return Ok(Vec::new());
    }
    let mut versions = Vec::new();
    let mut unknown = Vec::new();
    for dlist in &listed.dlists {
        let Some(time) = dlist.name.time() else {
            continue;
        };
        match index.completeness(time.as_second())? {
            Some(is_complete) => versions.push(VersionState { time, is_complete }),
            None => unknown.push(dlist),
        }
    }
    session.fetch_all(unknown, &cache.spool(), |dlist, path| {
        let read = path.and_then(|path| {
            let mut reader = open_dlist(session, dlist, &path)?;
            reader
                .completeness()
                .map_err(|source| Error::volume(dlist.name.as_str(), source))
        });
        let (Some(time), is_complete) = (
            dlist.name.time(),
            match read {
                Ok(completeness) => completeness == Completeness::Full,
                Err(Error::Volume { source, .. }) => {
                    tell_unusable(session, dlist, source.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error),
            },
        ) else {
            return Ok(());
        };
        index.set_completeness(time.as_second(), is_complete)?;
        versions.push(VersionState { time, is_complete });
        Ok(())
    })?;
    versions.sort_by_key(|version| version.time);
    Ok(retention_victims(retention, &versions, now))
}

fn tell_unusable(session: &Session, volume: &ListedVolume, why: String) {
    session.monitor().problem(Problem {
        subject: volume.name.to_string(),
        kind: ProblemKind::VolumeUnusable(why),
    });
}

/// Deletes what `retention` gives up, judged by a listing made just now, and returns how many versions went.
pub(crate) fn apply_retention(
    session: &Session,
    cache: &Cache,
    index: &Index,
    retention: &Retention,
    newest: Timestamp,
    now: Timestamp,
) -> Result<u64> {
    if retention.keeps_all() {
        return Ok(0);
    }
    let listed = Listed::of(session)?;
    let mut times = given_up(session, cache, index, &listed, retention, now)?;
    // A listing that lags behind must not cost the version that was just made.
    times.retain(|time| *time != newest);
    delete_versions(session, index, &listed, &times)?;
    Ok(times.len() as u64)
}

fn delete_versions(
    session: &Session,
    index: &Index,
    listed: &Listed,
    times: &[Timestamp],
) -> Result<()> {
    if times.is_empty() {
        return Ok(());
    }
    session.monitor().phase(Phase::Deleting);
    for volume in &listed.dlists {
        let Some(time) = volume.name.time().filter(|time| times.contains(time)) else {
            continue;
        };
        session.check_cancelled()?;
        delete_volume(session, listed, volume.name.as_str())?;
        index.forget_version(time.as_second())?;
    }
    Ok(())
}

/// Deletes a volume and the parity file that goes with it; what is gone already is as good.
pub(crate) fn delete_volume(session: &Session, listed: &Listed, name: &str) -> Result<()> {
    let parity = listed.parity(name).map(|file| file.name);
    for file in [name].into_iter().chain(parity.as_deref()) {
        match session.delete(file) {
            Ok(()) | Err(DestinationError::NotFound { .. }) => {}
            Err(error) => return Err(session.failed(error)),
        }
    }
    Ok(())
}

impl From<&ListedVolume> for RemoteVolume {
    fn from(volume: &ListedVolume) -> Self {
        Self {
            name: volume.name.to_string(),
            size: volume.size,
        }
    }
}
