//! Bringing the index in line with the destination's listing.

use std::collections::{HashMap, HashSet};

use coffer_database::{Index, VolumeKind, VolumeRow, VolumeState};
use coffer_volume::{VolumeKind as NameKind, VolumeName};

use crate::error::{Error, Result};
use crate::monitor::{FaultKind, Problem, ProblemKind};
use crate::reasons::ReadFailure;
use crate::repository::listing::Listing;
use crate::repository::loading::{read_dblock, read_dindex};
use crate::repository::needs::{Needs, is_unknown, needed_volumes};
use crate::repository::open::Repository;
use crate::repository::session::Session;
use crate::repository::volumes::ListedVolume;

/// What bringing the index in line with the destination found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncOutcome {
    /// All blocks that the index knew are where they were.
    AsKnown,
    /// Blocks were forgotten: the only volume that had them is gone, though no version needs them, because another computer
    /// compacted the folder; or it is not what it was.
    Forgot,
}

/// Reads index volumes that the index does not know, and forgets volumes that are gone.
///
/// A dblock that no readable dindex describes is read itself. Afterwards the index knows every block at the
/// destination.
///
/// # Errors
/// [`Error::VolumesMissing`] when a volume is gone that held the only copy of a block that a version needs; everything
/// else is read all the same. It comes again until the volumes are back or [`accept_losses`] was called.
pub(crate) fn sync_volumes(
    repository: Repository<'_>,
    listed: &mut Listing,
) -> Result<SyncOutcome> {
    let Repository { session, index, .. } = repository;
    listed.complete(session, index)?;
    let changed = forget_changed(repository, listed)?;
    let lost = forget_missing(index, listed)?;
    read_new_dindexes(repository, listed)?;
    read_uncovered_dblocks(repository, listed)?;
    let has_lost = note_losses(repository, listed, &lost)?;
    let names = still_lost(index, listed)?;
    if !names.is_empty() && is_all_there(repository, listed)? {
        accept_losses(index)?;
    } else if !names.is_empty() {
        let destination = session.label();
        return Err(Error::VolumesMissing { destination, names });
    }
    Ok(if changed || has_lost {
        SyncOutcome::Forgot
    } else {
        SyncOutcome::AsKnown
    })
}

/// Reads dindexes that the index does not know, and adds what they describe to the listing when it is there all the same.
fn read_new_dindexes(repository: Repository<'_>, listed: &mut Listing) -> Result<()> {
    let known: HashSet<String> = confirmed(repository.index, VolumeKind::Dindex)?;
    let new = listed.dindexes.iter();
    let new = new.filter(|volume| !known.contains(volume.name.as_str()));
    let new: Vec<_> = new.cloned().collect();
    let unlisted = read_dindexes(repository, listed, &new)?;
    let again = add_unlisted(repository.session, listed, unlisted)?;
    read_dindexes(repository, listed, &again)?;
    Ok(())
}

/// Reads dblocks that no dindex describes.
fn read_uncovered_dblocks(repository: Repository<'_>, listed: &Listing) -> Result<()> {
    let Repository {
        session,
        index,
        format,
        spool,
    } = repository;
    let store = session.store();
    let covered: HashSet<String> = confirmed(index, VolumeKind::Dblock)?;
    let uncovered = listed
        .dblocks
        .iter()
        .filter(|volume| !covered.contains(volume.name.as_str()));
    session.fetch_all(uncovered, spool, |volume, path| {
        let read = path.and_then(|path| {
            index.transaction(|index| read_dblock(store, index, volume, &path, format))
        });
        read.or_else(|error| {
            session.report_unusable(volume.name.as_str(), error)?;
            Ok(index.set_may_be_damaged(true)?)
        })
    })
}

/// Forgets data volumes that are gone, and remembers those of which a version needs something that no other has. Returns
/// whether there was anything that no other has.
fn note_losses(repository: Repository<'_>, listed: &Listing, lost: &[VolumeRow]) -> Result<bool> {
    let index = repository.index;
    let ids: Vec<_> = lost.iter().map(|row| row.id).collect();
    // Other volumes, some of which were read just now, may have all that was in them.
    let alone = index.irreplaceable(&ids)?;
    let needed = if alone.is_empty() {
        HashSet::new()
    } else {
        let alone: Vec<_> = alone.iter().copied().collect();
        needed_volumes(repository, listed, &alone)?
    };
    index.remove_volumes(&ids)?;
    for row in lost.iter().filter(|row| needed.contains(&row.id)) {
        index.add_lost(&row.name)?;
    }
    if !alone.is_empty() {
        index.set_may_be_damaged(true)?;
    }
    Ok(!alone.is_empty())
}

/// A dblock that a dindex describes and a listing lacks.
struct UnlistedVolume {
    dblock: VolumeName,
    size: u64,
    dindex: ListedVolume,
}

/// Reads dindexes into the index. Returns what they describe and the listing lacks.
fn read_dindexes(
    repository: Repository<'_>,
    listed: &Listing,
    dindexes: &[ListedVolume],
) -> Result<Vec<UnlistedVolume>> {
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
    let mut unlisted = Vec::new();
    session.fetch_all(dindexes, spool, |volume, path| {
        let read = path.and_then(|path| {
            let store = session.store();
            index.transaction(|index| read_dindex(store, index, volume, &path, format, &sizes))
        });
        let described = match read {
            Ok(described) => described,
            Err(error) => return session.report_unusable(volume.name.as_str(), error),
        };
        for described in described {
            if sizes.contains_key(described.dblock.as_str()) {
                continue;
            }
            let name = VolumeName::parse(&described.dblock);
            let name = name.filter(|name| name.kind() == NameKind::Dblock);
            if let (Some(dblock), Some(digest)) = (name, described.digest) {
                unlisted.push(UnlistedVolume {
                    dblock,
                    size: digest.size,
                    dindex: volume.clone(),
                });
            }
        }
        Ok(())
    })?;
    Ok(unlisted)
}

/// Adds those to a listing that are there all the same, because it lags behind. Returns the dindexes that describe them.
fn add_unlisted(
    session: &Session,
    listed: &mut Listing,
    unlisted: Vec<UnlistedVolume>,
) -> Result<Vec<ListedVolume>> {
    if unlisted.is_empty() {
        return Ok(Vec::new());
    }
    let names = unlisted.iter().map(|found| found.dblock.to_string());
    let there = session.ask_by_name(names.collect())?;
    let mut dindexes = Vec::new();
    for UnlistedVolume {
        dblock: name,
        size,
        dindex,
    } in unlisted
    {
        if there.contains(name.as_str()) {
            listed.dblocks.push(ListedVolume { name, size });
            dindexes.push(dindex);
        }
    }
    Ok(dindexes)
}

/// Whether every version has all that it needs, in volumes that are there.
pub(crate) fn is_all_there(repository: Repository<'_>, listed: &Listing) -> Result<bool> {
    let Repository { index, .. } = repository;
    // Versions that are gone may be among those that were read before.
    index.clear_older()?;
    let mut needs = Needs::new(repository)?;
    match needs.add(listed, &[]) {
        Ok(()) => Ok(needs.usage().missing_blocks()? == 0),
        Err(error) if is_unknown(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Volumes that versions need and that are still gone. One that came back was read with the others.
fn still_lost(index: &Index, listed: &Listing) -> Result<Vec<String>> {
    let mut lost = index.lost_volumes()?;
    if lost.is_empty() {
        return Ok(lost);
    }
    let there: HashSet<&str> = listed
        .volumes()
        .map(|volume| volume.name.as_str())
        .collect();
    for name in lost.extract_if(.., |name| there.contains(name.as_str())) {
        index.accept_loss(&name)?;
    }
    Ok(lost)
}

/// What it means to an operation that continues without volumes that are gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Losses {
    /// They are a warning.
    Reported,
    /// They are what it looks for.
    Sought,
}

/// The same, for operations that continue without volumes that are gone.
pub(crate) fn sync_ignoring_missing(
    repository: Repository<'_>,
    listed: &mut Listing,
    losses: Losses,
) -> Result<()> {
    let Repository { session, .. } = repository;
    let names = match sync_volumes(repository, listed) {
        Err(Error::VolumesMissing { names, .. }) => names,
        other => return other.map(drop),
    };
    for subject in names {
        let kind = match losses {
            Losses::Sought => ProblemKind::VolumeMissing,
            Losses::Reported => ProblemKind::VolumeUnusable {
                why: ReadFailure::Missing,
                is_lost: true,
            },
        };
        session.monitor().problem(Problem { subject, kind });
    }
    Ok(())
}

/// Continues without the volumes that are gone: the person confirmed that they will not come back.
pub(crate) fn accept_losses(index: &Index) -> Result<()> {
    for name in index.lost_volumes()? {
        index.accept_loss(&name)?;
    }
    Ok(())
}

fn confirmed(index: &Index, kind: VolumeKind) -> Result<HashSet<String>> {
    let rows = index.volumes()?.into_iter();
    Ok(rows
        .filter(|row| row.kind == kind && row.state == VolumeState::Confirmed)
        .map(|row| row.name)
        .collect())
}

/// Forgets volumes that have another length than they had, and reports them: what is left is read again. Returns
/// whether there were any.
fn forget_changed(repository: Repository<'_>, listed: &Listing) -> Result<bool> {
    let Repository { session, index, .. } = repository;
    let sizes: HashMap<&str, u64> = listed
        .volumes()
        .map(|volume| (volume.name.as_str(), volume.size))
        .collect();
    let mut changed = Vec::new();
    for row in index.volumes()? {
        let Some(found) = sizes.get(row.name.as_str()).copied() else {
            continue;
        };
        if row.state == VolumeState::Confirmed && found != row.size {
            changed.push(row.id);
            let expected = row.size;
            session.monitor().problem(Problem {
                subject: row.name,
                kind: ProblemKind::Faulty(FaultKind::OtherSize { expected, found }),
            });
        }
    }
    if !changed.is_empty() {
        index.set_may_be_damaged(true)?;
        index.remove_volumes(&changed)?;
    }
    Ok(!changed.is_empty())
}

/// Forgets index volumes that are gone, and returns the data volumes that are.
fn forget_missing(index: &Index, listed: &Listing) -> Result<Vec<VolumeRow>> {
    let there: HashSet<&str> = listed
        .dblocks
        .iter()
        .chain(&listed.dindexes)
        .map(|volume| volume.name.as_str())
        .collect();
    let gone = index
        .volumes()?
        .into_iter()
        .filter(|row| row.state == VolumeState::Confirmed && !there.contains(row.name.as_str()));
    let (dblocks, dindexes): (Vec<_>, Vec<_>) =
        gone.partition(|row| row.kind == VolumeKind::Dblock);
    let ids: Vec<_> = dindexes.iter().map(|row| row.id).collect();
    index.remove_volumes(&ids)?;
    Ok(dblocks)
}
