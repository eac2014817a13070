//! Recreate: rebuilding this computer's index.

use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::monitor::{Monitor, Phase};
use crate::repository::local_facts::KeptFacts;
use crate::repository::newest::load_newest_version;
use crate::repository::open::OpenRepository;
use crate::repository::source_list::SourceList;
use crate::repository::store::Store;
use crate::repository::sync::{Losses, sync_ignoring_missing};

/// What rebuilding the index found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecreateStats {
    /// Versions at the destination.
    pub versions: u64,
    /// Volumes at the destination.
    pub volumes: u64,
}

/// Throws the index away and rebuilds it.
///
/// # Errors
/// Those of opening a backup, and [`crate::Error::Volume`] when the newest dlist cannot be read.
pub fn recreate(
    store: &Store,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<RecreateStats> {
    let opened = OpenRepository::existing(store, monitor, cancel)?;
    opened.cache.renew_index(KeptFacts::All)?;
    let format = opened
        .listed
        .format(&opened.session, &opened.cache.spool())?;
    let Some(format) = format else {
        return Ok(RecreateStats::default());
    };
    let (indexed, mut listed) = opened.with_format(format)?;
    let repository = indexed.repository();
    repository.session.phase(Phase::ReadingDestination);
    sync_ignoring_missing(repository, &mut listed, Losses::Reported)?;
    let sources = SourceList::of_run_before(repository.index)?.unwrap_or_default();
    load_newest_version(repository, &listed, &sources)?;
    Ok(RecreateStats {
        versions: listed.dlists.len() as u64,
        volumes: listed.volumes().count() as u64,
    })
}
