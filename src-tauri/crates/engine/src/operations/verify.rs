//! Verify: whether what lies at the destination is what it should be.

mod leftovers;
pub(crate) mod stats;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use coffer_database::{Index, KnownDlist, VolumeState};
use coffer_destination::Error as DestinationError;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dindex::DindexReader;
use coffer_volume::{Format, Hash, VolumeKind};
use jiff::Timestamp;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{FaultKind, Monitor, Phase};
use crate::operations::verify::leftovers::{leave_out_leftovers, report_not_described};
use crate::operations::verify::stats::{VerifyStats, note};
use crate::reasons::Incomplete;
use crate::repository::cache::with_sound_index;
use crate::repository::digest::digest;
use crate::repository::dlist::{open_dlist, read_entries};
use crate::repository::listing::Listing;
use crate::repository::local_facts::add_damaged_volumes;
use crate::repository::open::{OpenRepository, Repository};
use crate::repository::open_volume::open_volume;
use crate::repository::session::{Role, Session};
use crate::repository::store::Store;
use crate::repository::sync::sync_volumes;
use crate::repository::volumes::ListedVolume;
use crate::threads::{join, spawn};

/// Threads that read one volume, each of which keeps the list of its entries.
const MOST_SCANS: usize = 2;
/// Entries of a volume that several threads read. Those of more are so small that their list takes more memory than time
/// is saved.
const MOST_ENTRIES_OF_SEVERAL: usize = 60_000;

/// How many volumes of each kind are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// None: only the listing is compared with what is known.
    None,
    /// So many of each kind, those that were looked into least often.
    Count(u64),
    /// Every one.
    All,
}

/// What to verify.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions {
    /// See [`Samples`].
    pub samples: Samples,
    /// Chooses among volumes that were looked into equally often.
    pub now: Timestamp,
}

/// Verifies the backup in `store`.
///
/// Volumes are compared with the hash and length that were noted when they were written, decrypted, and their content
/// is compared with what the other volumes say of it. Nothing at the destination is changed; this computer's index
/// learns of the damage, so that the next backup sends again what the sources still have of it.
///
/// # Errors
/// Those of opening a backup. Damage is no error but a [`crate::Fault`].
pub fn verify(
    store: &Store,
    options: &VerifyOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<VerifyStats> {
    with_sound_index(store, || {
        verify_once(store, options, Arc::clone(&monitor), cancel)
    })
}

fn verify_once(
    store: &Store,
    options: &VerifyOptions,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<VerifyStats> {
    let mut opened = OpenRepository::existing(store, monitor, cancel)?.with_role(Role::Reading);
    let mut stats = VerifyStats::default();
    if options.samples == Samples::None {
        let index = opened.cache.index()?;
        let (session, listed) = (&opened.session, &mut opened.listed);
        listed.complete(session, &index)?;
        compare_listing(session, &index, listed, Absence::Fault, &mut stats)?;
        return Ok(stats);
    }
    let Some((indexed, mut listed)) = opened.indexed()? else {
        return Ok(stats);
    };
    let repository = indexed.repository();
    let (session, index) = (repository.session, repository.index);
    listed.complete(session, index)?;
    compare_listing(session, index, &listed, Absence::Unknown, &mut stats)?;
    session.phase(Phase::ReadingDestination);
    match sync_volumes(repository, &mut listed) {
        Err(Error::VolumesMissing { names, .. }) => {
            for name in names {
                note(session, &mut stats, name, FaultKind::Missing);
            }
        }
        other => drop(other?),
    }
    report_not_described(repository, &listed, &mut stats)?;
    leave_out_leftovers(repository, &mut listed)?;
    verify_samples(repository, &listed, options, Lists::Compared, &mut stats)?;
    Ok(stats)
}

/// What it means that a volume is gone.
#[derive(PartialEq)]
enum Absence {
    /// Nothing yet: whether a version needs it is found out by reading.
    Unknown,
    /// Nothing is read, so this is all that can be said.
    Fault,
}

/// Compares names and lengths with what the index knows.
fn compare_listing(
    session: &Session,
    index: &Index,
    listed: &Listing,
    absence: Absence,
    stats: &mut VerifyStats,
) -> Result<()> {
    let sizes: HashMap<&str, u64> = listed
        .volumes()
        .map(|volume| (volume.name.as_str(), volume.size))
        .collect();
    stats.listed_volumes = sizes.len() as u64;
    for row in index.volumes()? {
        if row.state != VolumeState::Confirmed {
            continue;
        }
        let kind = match sizes.get(row.name.as_str()) {
            Some(found) if *found == row.size => continue,
            Some(found) => FaultKind::OtherSize {
                expected: row.size,
                found: *found,
            },
            None if absence == Absence::Unknown => continue,
            None => FaultKind::Missing,
        };
        note(session, stats, row.name, kind);
    }
    // One that is gone is a version that was deleted, as far as anybody can tell, and was reported as that.
    for KnownDlist { name, size, .. } in index.known_dlists()? {
        if let Some(found) = sizes.get(name.as_str()).filter(|found| **found != size) {
            let kind = FaultKind::OtherSize {
                expected: size,
                found: *found,
            };
            note(session, stats, name, kind);
        }
    }
    Ok(())
}

/// How dlists are looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Whether all that they name is there.
    Compared,
    /// Whether they can be read: a run that just made sure of the rest has no need to ask a million times again.
    Read,
}

/// Looks into some volumes of each kind.
pub(crate) fn verify_samples(
    repository: Repository<'_>,
    listed: &Listing,
    options: &VerifyOptions,
    lists: Lists,
    stats: &mut VerifyStats,
) -> Result<()> {
    let Repository {
        session,
        index,
        spool,
        ..
    } = repository;
    session.phase(Phase::Verifying);
    if options.samples == Samples::All {
        index.prepare_for_volumes()?;
    }
    let tested = index.tested()?;
    let dlists = choose(&listed.dlists, &tested, options);
    let mut chosen = choose(&listed.dindexes, &tested, options);
    chosen.extend(choose(&listed.dblocks, &tested, options));
    let all = || dlists.iter().chain(&chosen);
    session
        .monitor()
        .totals(all().count() as u64, all().map(|volume| volume.size).sum());
    if lists == Lists::Compared {
        for volume in dlists {
            conclude(repository, volume, examine_dlist(repository, volume), stats)?;
        }
        return examine_volumes(repository, listed, chosen, stats);
    }
    // Reading lists needs no index, so it runs beside the rest.
    thread::scope(|scope| {
        let reading = spawn(scope, "lists", || {
            let read = |volume: &&ListedVolume| read_dlist(session, volume, spool).map(|()| None);
            dlists.iter().map(read).collect::<Vec<_>>()
        })?;
        let examined = examine_volumes(repository, listed, chosen, stats);
        let read = join(reading);
        examined?;
        for (volume, read) in dlists.iter().zip(read) {
            conclude(repository, volume, read, stats)?;
        }
        Ok(())
    })
}

/// Names of dindexes that cannot be read, after trying all of them. One that describes a volume which is gone can be, and
/// may hold the only copy of a blocklist.
pub(crate) fn faulty_dindexes(
    repository: Repository<'_>,
    listed: &Listing,
) -> Result<HashSet<String>> {
    let mut stats = VerifyStats::default();
    let all = listed.dindexes.iter().collect();
    examine_volumes(repository, listed, all, &mut stats)?;
    let faults = stats.faults.into_iter();
    let unreadable = faults.filter(|fault| !matches!(fault.kind, FaultKind::Incomplete(_)));
    Ok(unreadable.map(|fault| fault.volume).collect())
}

/// Reads dindexes and dblocks.
fn examine_volumes(
    repository: Repository<'_>,
    listed: &Listing,
    chosen: Vec<&ListedVolume>,
    stats: &mut VerifyStats,
) -> Result<()> {
    let Repository {
        session,
        index,
        format,
        spool,
    } = repository;
    let sizes: HashMap<&str, u64> = listed
        .dblocks
        .iter()
        .map(|volume| (volume.name.as_str(), volume.size))
        .collect();
    let rows = index.volumes()?;
    let known: HashMap<&str, _> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
    let (mut unsound, mut damaged) = (Vec::new(), Vec::new());
    let examined = session.fetch_all(chosen, spool, |volume, path| {
        session.check_cancelled()?;
        let name = volume.name.as_str();
        let row = known.get(name);
        let examined = path.and_then(|path| {
            let digest = digest(&path, format)?;
            let noted = row.and_then(|row| row.hash.as_deref());
            if noted.is_some_and(|hash| hash != digest.hash.as_bytes()) {
                return Ok(Some(FaultKind::OtherContent));
            }
            if volume.name.kind() == VolumeKind::Dindex {
                examine_dindex(repository, volume, &sizes, &path)
            } else {
                examine_dblock(repository, volume, row.map(|row| row.id), &path)
            }
        });
        let is_damaged = match &examined {
            Ok(fault) => fault.is_some(),
            Err(error) => Session::is_proof_of_loss(error),
        };
        conclude(repository, volume, examined, stats)?;
        if is_damaged && volume.name.kind() == VolumeKind::Dblock {
            damaged.push(name.to_owned());
            unsound.extend(row.map(|row| row.id));
        }
        Ok(())
    });
    if !damaged.is_empty() {
        add_damaged_volumes(index, damaged)?;
    }
    if !unsound.is_empty() {
        // What is left of them is read again, so that everything else knows what is lost.
        index.set_may_be_damaged(true)?;
        index.remove_volumes(&unsound)?;
    }
    examined
}

/// Notes what came out for one volume. Damage is a fault; a lost connection, say, is not.
fn conclude(
    repository: Repository<'_>,
    volume: &ListedVolume,
    examined: Result<Option<FaultKind>>,
    stats: &mut VerifyStats,
) -> Result<()> {
    let Repository { session, index, .. } = repository;
    let name = volume.name.as_str();
    stats.examined_volumes += 1;
    session.monitor().done(1, volume.size, name);
    if matches!(&examined, Err(error) if Session::is_proof_of_loss(error))
        && let Some(time) = volume.name.time()
    {
        // The next backup does not take this version for one that has what it sees.
        index.forget_versions(&[time.as_second()])?;
    }
    let fault = match examined {
        Ok(fault) => fault,
        Err(Error::Destination(DestinationError::NotFound { .. })) => Some(FaultKind::Missing),
        Err(error) => Some(FaultKind::Unreadable(session.volume_fault(error)?)),
    };
    if let Some(kind) = fault {
        note(session, stats, name.to_owned(), kind);
    }
    Ok(index.add_tested(name)?)
}

/// Volumes that were looked into least often, chance deciding among equals.
fn choose<'v>(
    volumes: &'v [ListedVolume],
    tested: &HashMap<String, u64>,
    options: &VerifyOptions,
) -> Vec<&'v ListedVolume> {
    let mut volumes: Vec<_> = volumes.iter().collect();
    if let Samples::Count(count) = options.samples {
        let seed = options.now.as_nanosecond() as u64;
        volumes.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
        volumes.sort_by_key(|volume| tested.get(volume.name.as_str()).copied().unwrap_or(0));
        volumes.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    }
    volumes
}

fn read_dlist(session: &Session, volume: &ListedVolume, spool: &Path) -> Result<()> {
    let path = session.fetch(volume.name.as_str(), spool)?;
    let mut reader = open_dlist(session, volume, &path)?;
    read_entries(&mut reader, volume, |_| session.check_cancelled())
}

fn examine_dlist(repository: Repository<'_>, volume: &ListedVolume) -> Result<Option<FaultKind>> {
    let (mut entries, mut first) = (0_u64, None);
    repository.broken_files(volume, |entry, _| {
        entries += 1;
        first.get_or_insert(entry.path);
        Ok(())
    })?;
    Ok(first.map(|example| FaultKind::Incomplete(Incomplete::BlocksMissing { entries, example })))
}

fn examine_dindex(
    repository: Repository<'_>,
    volume: &ListedVolume,
    sizes: &HashMap<&str, u64>,
    path: &Path,
) -> Result<Option<FaultKind>> {
    let Repository {
        session, format, ..
    } = repository;
    let damaged = |source| Error::volume(volume.name.as_str(), source);
    let opened = open_volume(session.store(), &volume.name, path)?;
    let mut reader = DindexReader::new(opened, format).map_err(damaged)?;
    let mut blocks = 0_u64;
    let volumes = reader
        .read_blocks(|_, _| {
            blocks += 1;
            Ok(())
        })
        .map_err(damaged)?;
    reader.read_blocklists(|_, _| Ok(())).map_err(damaged)?;
    let incomplete = |what| Ok(Some(FaultKind::Incomplete(what)));
    let mut is_of_use = false;
    for described in &volumes {
        let Some(size) = sizes.get(described.dblock.as_str()) else {
            continue;
        };
        is_of_use = true;
        if described.digest.is_some_and(|digest| digest.size != *size) {
            let dblock = described.dblock.clone();
            return incomplete(Incomplete::OtherLength { dblock });
        }
    }
    if is_of_use && blocks > 0 {
        Ok(None)
    } else {
        incomplete(Incomplete::DescribesNothing)
    }
}

fn examine_dblock(
    repository: Repository<'_>,
    volume: &ListedVolume,
    id: Option<i64>,
    path: &Path,
) -> Result<Option<FaultKind>> {
    let Repository {
        session,
        index,
        format,
        ..
    } = repository;
    let mut found = scan(session, format, volume, path)?;
    found.sort_unstable();
    let is_found = |hash: &[u8], size| {
        Hash::from_bytes(hash).is_ok_and(|hash| found.binary_search(&(hash, size)).is_ok())
    };
    let (mut expected, mut damaged) = (0_u64, 0_u64);
    if let Some(id) = id {
        index.for_each_block_of(id, |hash, size| {
            expected += 1;
            damaged += u64::from(!is_found(hash, size));
        })?;
    }
    Ok(
        (damaged > 0).then_some(FaultKind::Incomplete(Incomplete::BlocksDamaged {
            damaged,
            expected,
        })),
    )
}

/// All blocks of a volume that are right, found by several threads where that takes no detour and little memory.
fn scan(
    session: &Session,
    format: &Format,
    volume: &ListedVolume,
    path: &Path,
) -> Result<Vec<(Hash, u64)>> {
    let name = &volume.name;
    let open = || {
        let opened = open_volume(session.store(), name, path)?;
        DblockReader::new(opened, format).map_err(|source| Error::volume(name.as_str(), source))
    };
    let scan_part = |mut reader: DblockReader, part, parts| {
        let scanned = reader.scan_part(part, parts);
        scanned.map_err(|source| Error::volume(name.as_str(), source))
    };
    let first = open()?;
    let is_read_anywhere = name.compression() == "zip" && name.encryption() != Some("gpg");
    let parts = if is_read_anywhere && first.entries() <= MOST_ENTRIES_OF_SEVERAL {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        threads.min(MOST_SCANS)
    } else {
        1
    };
    thread::scope(|scope| {
        let scans =
            (1..parts).map(|part| spawn(scope, "verify", move || scan_part(open()?, part, parts)));
        let scans: Vec<_> = scans.collect::<Result<_>>()?;
        let mut found = scan_part(first, 0, parts)?;
        for scan in scans {
            found.extend(join(scan)?);
        }
        Ok(found)
    })
}
