//! A backup that somebody looks into: its versions, and the files of each.

use std::sync::Arc;

use coffer_volume::dlist::FilelistEntry;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::monitor::{Monitor, Phase};
use crate::operations::restore::options::RestoreOptions;
use crate::operations::restore::restore_version;
use crate::operations::restore::result::RestoreStats;
use crate::repository::cache::Cache;
use crate::repository::dlist::{fetch_version, open_dlist, read_entries};
use crate::repository::listing::Listing;
use crate::repository::session::{Role, Session};
use crate::repository::store::Store;
use crate::repository::versions::{Version, numbered, version_of};
use crate::repository::volumes::ListedVolume;

/// All versions, newest first, after the passphrase was checked.
///
/// # Errors
/// [`crate::Error::NoBackup`] when there is none, [`crate::Error::WrongPassphrase`] and its like.
pub fn versions(
    store: &Store,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
) -> Result<Vec<Version>> {
    OpenedBackup::open(store, monitor, cancel).map(|opened| opened.versions())
}

/// Calls `sink` with each entry of version `number` (0 is the newest), in the order of its dlist.
///
/// # Errors
/// As [`versions`], [`crate::Error::NoVersion`], and whatever `sink` returns.
pub fn for_each_entry(
    store: &Store,
    number: usize,
    monitor: Arc<dyn Monitor>,
    cancel: &CancellationToken,
    sink: impl FnMut(FilelistEntry) -> Result<()>,
) -> Result<()> {
    let opened = OpenedBackup::open(store, Arc::clone(&monitor), cancel)?;
    opened.for_each_entry(number, monitor, cancel, sink)
}

/// A backup that somebody looks into. Its versions keep their numbers while backups add and rules delete some, and none
/// of them costs another look at the whole destination.
#[derive(Clone)]
pub struct OpenedBackup {
    store: Store,
    /// Oldest first.
    dlists: Arc<[ListedVolume]>,
}

impl OpenedBackup {
    /// Looks which versions there are, and checks the passphrase.
    ///
    /// # Errors
    /// As [`versions()`].
    pub fn open(
        store: &Store,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let session = Session::new(store, monitor, cancel).with_role(Role::Reading);
        session.phase(Phase::Connecting);
        let listed = Listing::of(&session)?;
        listed.require_versions(&session)?;
        listed.check_passphrase(&session)?;
        Ok(Self {
            store: store.clone(),
            dlists: listed.dlists.into(),
        })
    }

    /// All versions that were there, newest first.
    pub fn versions(&self) -> Vec<Version> {
        numbered(&self.dlists)
    }

    /// As [`for_each_entry()`].
    ///
    /// # Errors
    /// [`crate::Error::NoVersion`], [`crate::Error::VersionGone`], those of the destination and whatever `sink` returns.
    pub fn for_each_entry(
        &self,
        number: usize,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
        sink: impl FnMut(FilelistEntry) -> Result<()>,
    ) -> Result<()> {
        let dlist = self.dlist(number)?;
        let session = Session::new(&self.store, monitor, cancel).with_role(Role::Reading);
        let cache = Cache::lock_or_temporary(&self.store)?;
        let path = fetch_version(&session, dlist, &cache.spool())?;
        let mut reader = open_dlist(&session, dlist, &path)?;
        read_entries(&mut reader, dlist, sink)
    }

    /// As [`restore()`](crate::restore()), where the numbers of versions are those of [`Self::versions`].
    ///
    /// # Errors
    /// Those of a restore, and [`crate::Error::VersionGone`].
    pub fn restore(
        &self,
        options: &RestoreOptions,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
    ) -> Result<RestoreStats> {
        let chosen = self.dlist(options.version)?;
        restore_version(&self.store, options, Some(chosen), monitor, cancel)
    }

    fn dlist(&self, number: usize) -> Result<&ListedVolume> {
        version_of(&self.dlists, number)
    }
}
