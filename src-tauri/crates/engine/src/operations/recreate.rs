//! Recreate: reading this computer's index anew.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::monitor::{Monitor, Phase};
use crate::repository::newest::load_newest_version;
use crate::repository::opened::Opened;
use crate::repository::source_list::SourceList;
use crate::repository::store::Store;
use crate::repository::sync::{Losses, sync_what_is_there};

/// What reading the index anew found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecreateStats {
    /// Versions at the destination.
    pub versions: u64,
    /// Volumes at the destination.
    pub volumes: u64,
}

/// Throws the index away and reads it anew.
///
/// # Errors
/// Those of opening a backup, and [`Error::Volume`] when the newest dlist cannot be read.
pub fn recreate(
    store: &Store,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RecreateStats> {
    let Opened {
        session,
        cache,
        mut listed,
    } = Opened::existing(store, monitor, cancel)?;
    cache.renew_index()?;
    let spool = cache.spool();
    let Some(format) = listed.format(&session, &spool)? else {
        return Ok(RecreateStats::default());
    };
    let index = cache.index_for(&format, store)?;
    session.monitor().phase(Phase::ReadingDestination);
    sync_what_is_there(&session, &index, &mut listed, &format, &spool, Losses::Told)?;
    let sources = SourceList::of_run_before(&index)?.unwrap_or_default();
    load_newest_version(&session, &index, &listed, &format, &spool, &sources)?;
    Ok(RecreateStats {
        versions: listed.dlists.len() as u64,
        volumes: listed.volumes().count() as u64,
    })
}
