//! Deleting versions.

use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::Error as DestinationError;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::session::Session;
use crate::store::{Cache, Listed, Store};

/// Which versions a backup keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retention {
    /// All of them.
    KeepAll,
    /// The newest ones, this many; at least one (`--keep-versions`).
    KeepVersions(usize),
}

/// Versions that retention gives up, of `times` (oldest first). The newest is never among them.
pub fn retention_victims(retention: &Retention, times: &[Timestamp]) -> Vec<Timestamp> {
    match retention {
        Retention::KeepAll => Vec::new(),
        Retention::KeepVersions(count) => {
            let gone = times.len().saturating_sub((*count).max(1));
            times[..gone].to_vec()
        }
    }
}

/// Deletes the versions with these numbers, 0 being the newest, and returns their times.
///
/// Only their dlists go; data that no version needs any more stays until it is compacted.
///
/// # Errors
/// [`Error::NoVersion`] naming the first number that does not exist, before anything is deleted.
pub fn delete_versions(
    store: &Store,
    numbers: &[usize],
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<Vec<Timestamp>> {
    let session = Session::new(store, monitor, cancel);
    let cache = Cache::lock(store)?;
    session.monitor().phase(Phase::Connecting);
    let listed = Listed::of(&session)?;
    listed.require_versions(&session)?;
    listed.check_passphrase(&session)?;
    let times = listed.times();
    let mut victims = Vec::new();
    for number in numbers {
        let oldest = times.len() - 1;
        let missing = Error::NoVersion {
            number: *number,
            oldest,
        };
        let position = oldest.checked_sub(*number).ok_or(missing)?;
        if !victims.contains(&times[position]) {
            victims.push(times[position]);
        }
    }
    let index = cache.index()?;
    delete(&session, &index, &listed, &victims)?;
    Ok(victims)
}

/// Deletes what `retention` gives up, judged by a listing made just now, and returns how many versions went.
pub(crate) fn apply_retention(
    session: &Session,
    index: &Index,
    retention: &Retention,
    newest: Timestamp,
) -> Result<u64> {
    if *retention == Retention::KeepAll {
        return Ok(0);
    }
    let listed = Listed::of(session)?;
    let mut victims = retention_victims(retention, &listed.times());
    // A listing that lags behind must not cost the version that was just made.
    victims.retain(|time| *time != newest);
    delete(session, index, &listed, &victims)?;
    Ok(victims.len() as u64)
}

fn delete(session: &Session, index: &Index, listed: &Listed, victims: &[Timestamp]) -> Result<()> {
    if victims.is_empty() {
        return Ok(());
    }
    session.monitor().phase(Phase::Deleting);
    for volume in &listed.dlists {
        let Some(time) = volume.name.time().filter(|time| victims.contains(time)) else {
            continue;
        };
        session.check_cancelled()?;
        match session.delete(volume.name.as_str()) {
            Ok(()) | Err(DestinationError::NotFound { .. }) => {}
            Err(error) => return Err(session.failed(error)),
        }
        index.forget_version(time.as_second())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_never_given_up() {
        let times: Vec<_> = (1..=4)
            .map(|second| Timestamp::from_second(second).unwrap())
            .collect();

        assert_eq!(
            retention_victims(&Retention::KeepVersions(3), &times),
            times[..1]
        );
        assert_eq!(
            retention_victims(&Retention::KeepVersions(0), &times),
            times[..3]
        );
        assert_eq!(retention_victims(&Retention::KeepVersions(9), &times), []);
        assert_eq!(retention_victims(&Retention::KeepAll, &times), []);
    }
}
