//! What a run before left in the spool.

use std::fs;
use std::path::Path;

use coffer_database::Index;
use coffer_destination::Error as DestinationError;

use crate::error::{Error, Result};
use crate::monitor::Phase;
use crate::repository::cache::{Cache, SpooledVolume};
use crate::repository::session::Session;
use crate::repository::upload::{Checkpoints, abandon_others, upload_pair};

/// Uploads what a run before left in the spool. When the destination is full, what is left is dropped: it may be of no use
/// any more, and what this run needs may be less.
pub(super) fn upload_left(
    session: &Session,
    index: &Index,
    cache: &Cache,
    pairs: &[SpooledVolume],
    checkpoints: &Checkpoints,
) -> Result<()> {
    let spool = cache.spool();
    if !pairs.is_empty() {
        session.phase(Phase::SendingLeft);
        session.monitor().queued(bytes_of(pairs, &spool));
    }
    for pair in pairs {
        match upload_pair(session, index, &spool, pair, checkpoints) {
            Err(Error::Destination(DestinationError::Full)) => break,
            other => other?,
        }
    }
    for name in pairs.iter().flat_map(|pair| [&pair.dblock, &pair.dindex]) {
        let path = spool.join(name);
        if path.exists() {
            fs::remove_file(&path).map_err(|source| Error::io("delete", &path, source))?;
        }
    }
    cache.spooled(index)?;
    abandon_others(session, index, &[], checkpoints)
}

/// Bytes of volumes in the spool.
fn bytes_of(pairs: &[SpooledVolume], spool: &Path) -> u64 {
    let names = pairs.iter().flat_map(|pair| [&pair.dblock, &pair.dindex]);
    let sizes = names.filter_map(|name| fs::metadata(spool.join(name)).ok());
    sizes.map(|stat| stat.len()).sum()
}
