//! Deleting volumes, and which dindexes go with dblocks.

use std::collections::{HashMap, HashSet};

use coffer_database::{Index, VolumeKind, VolumeRow, VolumeState};
use coffer_destination::Error as DestinationError;

use crate::error::Result;
use crate::monitor::{Phase, Problem, ProblemKind};
use crate::repository::listing::Listing;
use crate::repository::local_facts::forget_damaged_volumes;
use crate::repository::open::Repository;
use crate::repository::session::Session;
use crate::repository::volumes::RemoteVolume;

/// Deletes a volume and the parity file that goes with it; a volume that is gone already counts as deleted. Returns false for a volume that
/// somebody holds or that may not be deleted: that is reported, and a later run tries again.
pub(crate) fn delete_volume(session: &Session, listed: &Listing, name: &str) -> Result<bool> {
    let parity = listed.parity(name).map(|file| file.name);
    for file in [name].into_iter().chain(parity.as_deref()) {
        match session.delete(file) {
            Ok(()) | Err(DestinationError::NotFound { .. }) => {}
            Err(error) if is_of_one_file(&error) => {
                session.monitor().problem(Problem {
                    subject: file.to_owned(),
                    kind: ProblemKind::NotDeleted(error),
                });
                return Ok(false);
            }
            Err(error) => return Err(session.failed(error)),
        }
    }
    Ok(true)
}

/// Whether a deletion failed because of this file, so that others can be deleted.
fn is_of_one_file(error: &DestinationError) -> bool {
    match error {
        DestinationError::Locked { .. } | DestinationError::Refused { .. } => true,
        DestinationError::Io { source, .. } => matches!(
            source.kind(),
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ResourceBusy
        ),
        _ => false,
    }
}

/// Deletes volumes, first those that come first.
pub(crate) fn delete_rows(
    repository: Repository<'_>,
    listed: &Listing,
    rows: Vec<VolumeRow>,
) -> Result<Vec<RemoteVolume>> {
    let Repository { session, index, .. } = repository;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    session.phase(Phase::Deleting);
    // What was written in their place is there to stay.
    session.settle()?;
    let (mut ids, mut staying) = (Vec::new(), HashSet::new());
    let covers = index.covers()?;
    let deleted: Result<()> = rows.iter().try_for_each(|row| {
        session.check_cancelled()?;
        // What describes a volume that could not be deleted stays with it.
        let describes_staying =
            |(dindex, dblock): &(i64, String)| *dindex == row.id && staying.contains(dblock);
        if !staying.is_empty() && covers.iter().any(describes_staying) {
            return Ok(());
        }
        if delete_volume(session, listed, &row.name)? {
            ids.push(row.id);
        } else {
            staying.insert(row.name.clone());
        }
        Ok(())
    });
    // All in one pass, also when some could not be deleted.
    index.remove_volumes(&ids)?;
    deleted?;
    let gone: HashSet<i64> = ids.into_iter().collect();
    let gone = rows.into_iter().filter(|row| gone.contains(&row.id));
    let gone: Vec<_> = gone.collect();
    let names = gone.iter().map(|row| row.name.as_str()).collect();
    forget_damaged_volumes(index, &names)?;
    let gone = gone.into_iter();
    Ok(listed.with_parity(gone.map(RemoteVolume::from)))
}

/// The dblocks to delete, then the dindexes that describe only these and dblocks that are gone.
pub(crate) fn with_dindexes(index: &Index, to_delete: &HashSet<i64>) -> Result<Vec<VolumeRow>> {
    let confirmed = |row: &VolumeRow| row.state == VolumeState::Confirmed;
    let volumes: Vec<_> = index.volumes()?.into_iter().filter(confirmed).collect();
    let staying: HashSet<&str> = volumes
        .iter()
        .filter(|row| row.kind == VolumeKind::Dblock && !to_delete.contains(&row.id))
        .map(|row| row.name.as_str())
        .collect();
    let mut covers: HashMap<i64, Vec<String>> = HashMap::new();
    for (dindex, dblock) in index.covers()? {
        covers.entry(dindex).or_default().push(dblock);
    }
    let is_useless = |row: &&VolumeRow| {
        let described = covers.get(&row.id);
        row.kind == VolumeKind::Dindex
            && described
                .is_some_and(|names| names.iter().all(|name| !staying.contains(name.as_str())))
    };
    let dblocks = volumes.iter().filter(|row| to_delete.contains(&row.id));
    Ok(dblocks
        .chain(volumes.iter().filter(is_useless))
        .cloned()
        .collect())
}
