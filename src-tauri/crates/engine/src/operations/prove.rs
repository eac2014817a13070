//! Whether a passphrase opens a backup, before anybody relies on it.

use std::sync::Arc;

use coffer_volume::{Passphrase, aescrypt};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::repository::listing::{HEADER_BYTES, Listing};
use crate::repository::open_volume::{folder_for_one, open_volume};
use crate::repository::session::{Role, Session};
use crate::repository::store::{Store, known_versions};
use crate::repository::volumes::ListedVolume;

/// Volumes that are tried before the answer is that none can tell.
const MOST_ASKED: usize = 20;

/// What a destination says to passphrases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// There is no backup yet, so that any passphrase will do.
    NoBackup,
    /// This one opens it, by its position.
    Opens(usize),
}

/// The first of `passphrases` that opens the backup in `store`, whatever passphrase the store itself has.
///
/// Reads the first bytes of one small volume; of further ones only where that is damaged, or where this computer has
/// opened the backup before and one volume may be another's. Unlike an operation, which finds damage later, this says
/// yes only when a volume was opened.
///
/// # Errors
/// [`Error::WrongPassphrase`]; [`Error::NotEncrypted`]; [`Error::DestinationGone`] where this computer knows a backup
/// and there is nothing now; those of the destination; [`Error::Volume`] or [`Error::VolumeNotRead`] when no volume can tell.
pub fn prove(
    store: &Store,
    passphrases: &[Passphrase],
    cancel: &CancellationToken,
) -> Result<Proof> {
    let monitor: Arc<dyn Monitor> = Arc::new(());
    let session = Session::new(store, monitor, cancel).with_role(Role::Reading);
    let listed = Listing::of(&session)?;
    let destination = session.label();
    let Some(first) = listed.probe() else {
        listed.require_readable(&session)?;
        return match known_versions(store) {
            0 => Ok(Proof::NoBackup),
            versions => Err(Error::DestinationGone {
                destination,
                versions,
            }),
        };
    };
    if first.name.encryption().is_none() {
        return Err(Error::NotEncrypted { destination });
    }
    let (mut refusals, mut failure) = (0, None);
    // As for every operation: one volume of another backup does not lock out those who know this one.
    let enough = if store.has_index() { 3 } else { 1 };
    for volume in witnesses(&listed).take(MOST_ASKED) {
        match ask(&session, volume, passphrases) {
            Ok(Some(position)) => return Ok(Proof::Opens(position)),
            Ok(None) => refusals += 1,
            Err(error) => {
                let name = volume.name.as_str();
                failure = failure.or(Some(session.volume_failure(name, error)?));
            }
        }
        if refusals >= enough {
            break;
        }
    }
    match failure {
        Some(failure) if refusals == 0 => Err(failure),
        _ => match listed.start_as_stored(&session)? {
            Some(start) => passphrases
                .iter()
                .position(|one| matches!(aescrypt::check_passphrase(&start, one), Ok(true)))
                .map(Proof::Opens)
                .ok_or(Error::WrongPassphrase { destination }),
            None => Err(Error::WrongPassphrase { destination }),
        },
    }
}

/// Encrypted volumes in the order in which they are asked: the newest file list, the oldest, an index, then the others.
fn witnesses(listed: &Listing) -> impl Iterator<Item = &ListedVolume> {
    let newest = listed.dlists.last();
    let oldest = listed.dlists.first();
    let index = listed.dindexes.first();
    let others = listed.dlists.iter().rev().skip(1);
    let first = [newest, oldest.filter(|_| listed.dlists.len() > 1), index];
    first
        .into_iter()
        .flatten()
        .chain(others)
        .chain(listed.dindexes.iter().skip(1))
        .chain(&listed.dblocks)
        .filter(|volume| volume.name.is_readable() && volume.name.encryption().is_some())
}

/// Which of `passphrases` opens this volume.
fn ask(
    session: &Session,
    volume: &ListedVolume,
    passphrases: &[Passphrase],
) -> Result<Option<usize>> {
    let name = &volume.name;
    if name.encryption() == Some("gpg") {
        return ask_gpg(session, volume, passphrases);
    }
    let start = session.get_range(name.as_str(), 0..HEADER_BYTES);
    let start = start.map_err(|error| session.failed(error))?;
    for (position, passphrase) in passphrases.iter().enumerate() {
        let opens = aescrypt::check_passphrase(&start, passphrase);
        if opens.map_err(|source| Error::volume(name.as_str(), source))? {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// Only the whole volume shows it.
fn ask_gpg(
    session: &Session,
    volume: &ListedVolume,
    passphrases: &[Passphrase],
) -> Result<Option<usize>> {
    let folder = folder_for_one()?;
    let path = session.fetch(volume.name.as_str(), folder.path())?;
    for (position, passphrase) in passphrases.iter().enumerate() {
        let store = session.store().clone().with_passphrase(passphrase.clone());
        match open_volume(&store, &volume.name, &path) {
            Ok(_) => return Ok(Some(position)),
            Err(Error::WrongPassphrase { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
