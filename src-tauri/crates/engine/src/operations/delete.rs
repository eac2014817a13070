//! Deleting versions: by number, or because retention gives them up.

mod left;
mod others;

use std::sync::Arc;

use coffer_database::Index;
use coffer_volume::VolumeName;
use coffer_volume::dlist::Completeness;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::mode::Mode;
use crate::monitor::{Monitor, Phase, Problem, ProblemKind};
use crate::operations::compact::compact_afterwards;
use crate::operations::compact::options::{CompactOptions, Disposal};
use crate::operations::compact::stats::CompactStats;
use crate::repository::cache::with_sound_index;
use crate::repository::deletion::delete_volume;
use crate::repository::dlist::open_dlist;
use crate::repository::listing::Listing;
use crate::repository::local_facts::{LEFT_TO_OTHERS, Others, RETENTION, RETENTION_REFUSED};
use crate::repository::makers::{Makers, Origin};
use crate::repository::open::{OpenRepository, Repository};
use crate::repository::store::Store;
use crate::repository::sync::{Losses, sync_ignoring_missing};
use crate::repository::versions::Version;
use crate::repository::volumes::{ListedVolume, RemoteVolume};
use crate::retention::{Retention, VersionState, retention_victims};

/// Between two runs, two years, before somebody has to say that the clock is right.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

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

impl DeleteStats {
    /// All files that went, those of the data among them.
    pub fn files(&self) -> impl Iterator<Item = &RemoteVolume> {
        let data = self.compacted.iter().flat_map(|stats| &stats.deleted);
        self.deleted.iter().chain(data)
    }
}

/// Deletes versions: their dlists, and then, as far as it is worth the work, the data that only they needed.
///
/// # Errors
/// [`Error::NoVersion`] naming the first number that does not exist, [`Error::FullRemoval`], and
/// [`Error::OnlyDamagedLeft`] of a rule, before anything is deleted.
pub fn delete(
    store: &Store,
    options: &DeleteOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<DeleteStats> {
    let mut chosen = None;
    with_sound_index(store, || {
        delete_once(store, options, &mut chosen, Arc::clone(&monitor), cancel)
    })
}

/// What was chosen before anything was deleted: by then numbers mean other versions.
struct Chosen {
    times: Vec<Timestamp>,
    stats: DeleteStats,
}

impl Chosen {
    fn by(repository: Repository<'_>, listed: &Listing, options: &DeleteOptions) -> Result<Self> {
        let times = match &options.victims {
            Victims::Numbers(numbers) => numbered(numbers, listed)?,
            Victims::Retention(retention) => {
                let mut times = expired_versions(repository, listed, retention, options.now)?;
                others::spare(repository, listed, &mut times)?;
                times
            }
        };
        let stats = describe(listed, &times);
        Ok(Self { times, stats })
    }
}

fn delete_once(
    store: &Store,
    options: &DeleteOptions,
    chosen: &mut Option<Chosen>,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<DeleteStats> {
    let opened = OpenRepository::existing(store, monitor, cancel)?;
    // A version can be deleted although nothing of the backup can be read.
    let (indexed, mut listed, is_readable) = opened.indexed_as_far_as_readable()?;
    let repository = indexed.repository();
    repository.index.hold_deletions(false)?;
    listed.complete(repository.session, repository.index)?;
    let Chosen { times, mut stats } = match chosen.take() {
        Some(chosen) => chosen,
        None => Chosen::by(repository, &listed, options)?,
    };
    let is_everything = listed.times().iter().all(|time| times.contains(time));
    if is_everything && options.full_removal == FullRemoval::Refuse {
        return Err(Error::FullRemoval);
    }
    let is_by_rule = matches!(options.victims, Victims::Retention(_));
    let is_checked = is_by_rule && options.full_removal == FullRemoval::Refuse && is_readable;
    if is_checked && !times.is_empty() {
        sync_ignoring_missing(repository, &mut listed, Losses::Reported)?;
        left::require_whole_one(repository, &listed, &times)?;
    }
    let mut without = &times[..];
    if options.mode == Mode::Run {
        *chosen = Some(Chosen {
            times: times.clone(),
            stats: stats.clone(),
        });
        let gone = delete_versions(repository, &listed, &times)?;
        listed.remove_versions(&gone);
        let is_gone = |time: &Timestamp| !listed.times().contains(time);
        stats.versions.retain(|version| is_gone(&version.time));
        stats.deleted.retain(|file| {
            let time = VolumeName::parse(&file.name).and_then(|name| name.time());
            time.is_none_or(|time| is_gone(&time))
        });
        without = &[];
    }
    if let (Some(compact), true, false) = (&options.compact, is_readable, times.is_empty()) {
        let disposal = if is_everything {
            Disposal::Now
        } else {
            compact.disposal
        };
        let compact = CompactOptions {
            mode: options.mode,
            disposal,
            ..compact.clone()
        };
        stats.compacted = compact_afterwards(repository, &mut listed, without, &compact)?;
    }
    Ok(stats)
}

fn numbered(numbers: &[usize], listed: &Listing) -> Result<Vec<Timestamp>> {
    let mut times = Vec::new();
    for number in numbers {
        let time = listed.version(*number)?.name.time();
        times.extend(time.filter(|time| !times.contains(time)));
    }
    Ok(times)
}

fn describe(listed: &Listing, times: &[Timestamp]) -> DeleteStats {
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

/// Versions that `retention` gives up. It is not about those of other computers; which they are is read in their dlists,
/// and reported when it is found out.
///
/// One whose dlist cannot be read is reported and left alone: what it is worth is unknown.
pub(crate) fn expired_versions(
    repository: Repository<'_>,
    listed: &Listing,
    retention: &Retention,
    now: Timestamp,
) -> Result<Vec<Timestamp>> {
    let Repository {
        session,
        index,
        spool,
        ..
    } = repository;
    if retention.keeps_all() {
        return Ok(Vec::new());
    }
    let mut versions = Vec::new();
    let mut unknown = Vec::new();
    let counted_so_far = counted(index, listed)?;
    let mut makers = Makers::noted(index)?;
    for dlist in &listed.dlists {
        let Some(time) = dlist.name.time() else {
            continue;
        };
        if !counted_so_far.contains(&time) {
            continue;
        }
        match index.completeness(time.as_second())? {
            Some(is_complete) => versions.push(VersionState { time, is_complete }),
            None => unknown.push(dlist),
        }
    }
    session.fetch_all(unknown, spool, |dlist, path| {
        let Some(time) = dlist.name.time() else {
            return Ok(());
        };
        let read = path.and_then(|path| {
            let mut reader = open_dlist(session, dlist, &path)?;
            makers.learn(session.store(), dlist, &reader)?;
            reader
                .completeness()
                .map_err(|source| Error::volume(dlist.name.as_str(), source))
        });
        let is_complete = match read {
            Ok(completeness) => completeness == Completeness::Full,
            Err(error) => return session.report_unusable(dlist.name.as_str(), error),
        };
        index.set_completeness(time.as_second(), is_complete)?;
        versions.push(VersionState { time, is_complete });
        Ok(())
    })?;
    let counted = counted(index, listed)?;
    versions.retain(|version| counted.contains(&version.time));
    report_left_to_others(repository, listed)?;
    versions.sort_by_key(|version| version.time);
    Ok(retention_victims(retention, &versions, now))
}

/// Reports how many versions are others' when there are more than before.
fn report_left_to_others(repository: Repository<'_>, listed: &Listing) -> Result<()> {
    let Repository { session, index, .. } = repository;
    let makers = Makers::noted(index)?;
    let of_others = |dlist: &&ListedVolume| makers.of(dlist) == Origin::Others;
    let versions = listed.dlists.iter().filter(of_others).count() as u64;
    let reported = index.meta(LEFT_TO_OTHERS)?;
    let reported = reported.and_then(|text| text.parse().ok()).unwrap_or(0);
    if versions > reported {
        session.monitor().problem(Problem {
            subject: session.label(),
            kind: ProblemKind::LeftToOthers { versions },
        });
    }
    Ok(index.set_meta(LEFT_TO_OTHERS, &versions.to_string())?)
}

/// Deletes what retention gives up, judged by a listing made just now. Returns the versions that went.
///
/// When it is unchanged since the run before and most versions would go at once, the clock has jumped, most likely, and
/// none goes.
pub(crate) fn apply_retention(
    repository: Repository<'_>,
    listed: &Listing,
    options: &RetentionRun<'_>,
) -> Result<Vec<Timestamp>> {
    let Repository { session, index, .. } = repository;
    let is_as_before = note_rule(index, options.retention)?;
    if options.retention.keeps_all() {
        return Ok(Vec::new());
    }
    let mut times = expired_versions(repository, listed, options.retention, options.now)?;
    // A listing that lags behind must not cost the version that was just made.
    times.retain(|time| Some(*time) != options.newest);
    others::spare(repository, listed, &mut times)?;
    let counted = counted(index, listed)?;
    let (victims, versions) = (times.len() as u64, counted.len() as u64);
    let are_most =
        is_as_before && (is_most(&times, &counted) || is_refused_still(index, &times, &counted)?);
    let has_jumped = !matches!(options.retention, Retention::KeepVersions(_))
        && has_jumped(listed, &times, options);
    if (are_most || has_jumped) && !options.allow_mass_deletion {
        session.monitor().problem(Problem {
            subject: session.label(),
            kind: ProblemKind::MassDeletion { victims, versions },
        });
        if let Some(newest) = times.iter().max() {
            index.set_meta(RETENTION_REFUSED, &newest.as_second().to_string())?;
        }
        return Ok(Vec::new());
    }
    if options.allow_mass_deletion || !is_as_before {
        index.set_meta(RETENTION_REFUSED, "")?;
    }
    delete_versions(repository, listed, &times)
}

/// Notes the rule of a run in which nothing is deleted, so that a jump of the clock is noticed by the next one that may. How
/// many versions a wait leaves to a rule that counts them says nothing of the clock.
pub(crate) fn note_rule_of_waiting_run(index: &Index, retention: &Retention) -> Result<()> {
    if !matches!(retention, Retention::KeepVersions(_)) {
        note_rule(index, retention)?;
    }
    Ok(())
}

/// Whether the run before had the same rule.
fn note_rule(index: &Index, retention: &Retention) -> Result<bool> {
    let rule = format!("{retention:?}");
    let is_as_before = index.meta(RETENTION)?.is_some_and(|before| before == rule);
    index.set_meta(RETENTION, &rule)?;
    Ok(is_as_before)
}

/// Times of the versions that rules of this computer are about.
fn counted(index: &Index, listed: &Listing) -> Result<Vec<Timestamp>> {
    let makers = Makers::noted(index)?;
    let others_work = Others::noted(index)? == Others::Work;
    let mut times = listed.times();
    times.retain(|time| match makers.origin(*time) {
        Origin::Own | Origin::Adopted => true,
        Origin::Others => false,
        Origin::Unknown => !others_work,
    });
    Ok(times)
}

fn is_most(victims: &[Timestamp], versions: &[Timestamp]) -> bool {
    victims.len() > 1 && victims.len() * 2 > versions.len()
}

/// Whether these are most of the versions whose deletion was refused before: those that a wrong clock adds since do not make
/// them fewer.
fn is_refused_still(index: &Index, victims: &[Timestamp], versions: &[Timestamp]) -> Result<bool> {
    let refused = index.meta(RETENTION_REFUSED)?;
    let Some(until) = refused.and_then(|until| until.parse::<i64>().ok()) else {
        return Ok(false);
    };
    let old = |times: &[Timestamp]| -> Vec<Timestamp> {
        let old = times.iter().filter(|time| time.as_second() <= until);
        old.copied().collect()
    };
    Ok(is_most(&old(victims), &old(versions)))
}

/// Whether it is since one of these versions that, as it seems, nothing ran for so long that the clock is more likely to be
/// wrong; it may have been so in runs before as well.
fn has_jumped(listed: &Listing, victims: &[Timestamp], options: &RetentionRun<'_>) -> bool {
    let mut times = listed.times();
    times.push(options.now);
    times.sort_unstable();
    let is_pause = |pair: &[Timestamp]| pair[1].duration_since(pair[0]) > LONGEST_PAUSE;
    let before = times.windows(2).filter(|pair| is_pause(pair));
    let before = before.map(|pair| pair[0]).max();
    before.is_some_and(|before| victims.iter().any(|victim| *victim <= before))
}

/// Retention at the end of a run.
pub(crate) struct RetentionRun<'a> {
    pub(crate) retention: &'a Retention,
    /// The version that the run made.
    pub(crate) newest: Option<Timestamp>,
    pub(crate) now: Timestamp,
    /// Somebody said that it is meant when most versions go.
    pub(crate) allow_mass_deletion: bool,
}

/// Returns those that are gone.
fn delete_versions(
    repository: Repository<'_>,
    listed: &Listing,
    times: &[Timestamp],
) -> Result<Vec<Timestamp>> {
    let Repository { session, index, .. } = repository;
    if times.is_empty() {
        return Ok(Vec::new());
    }
    session.phase(Phase::Deleting);
    // What was written last is there to stay before what is older goes.
    session.settle()?;
    let is_to_go = |volume: &&ListedVolume| {
        let time = volume.name.time();
        time.is_some_and(|time| times.contains(&time))
    };
    let to_delete = listed.dlists.iter().filter(is_to_go);
    let to_delete: Vec<_> = to_delete.map(|volume| volume.name.as_str()).collect();
    // First, so that their absence is no surprise; those that stay after all come back with the next listing.
    index.forget_dlists(to_delete.iter().copied())?;
    let mut gone = Vec::new();
    for name in to_delete {
        session.check_cancelled()?;
        if delete_volume(session, listed, name)? {
            gone.extend(VolumeName::parse(name).and_then(|name| name.time()));
        }
    }
    let seconds: Vec<_> = gone.iter().map(|time| time.as_second()).collect();
    index.forget_versions(&seconds)?;
    // Data goes only when they are gone for good.
    session.settle()?;
    Ok(gone)
}
