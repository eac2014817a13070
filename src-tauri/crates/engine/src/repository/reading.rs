//! A backup that is only read, also while another operation has its lock.

use std::sync::Arc;

use coffer_volume::dlist::FilelistEntry;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::monitor::{Monitor, Phase};
use crate::repository::cache::Cache;
use crate::repository::dlist::read_version;
use crate::repository::listing::Listing;
use crate::repository::session::{Role, Session};
use crate::repository::store::Store;
use crate::repository::versions::Version;

/// It was listed, and its passphrase fits.
pub(crate) struct Reading {
    pub(crate) session: Session,
    pub(crate) cache: Cache,
    pub(crate) listed: Listing,
}

impl Reading {
    /// # Errors
    /// [`crate::Error::NoBackup`], and those of a passphrase that does not fit.
    pub(crate) fn open(
        store: &Store,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let session = Session::new(store, monitor, cancel).with_role(Role::Reading);
        let cache = Cache::lock_or_temporary(store)?;
        session.phase(Phase::Connecting);
        let listed = Listing::of(&session)?;
        listed.require_versions(&session)?;
        listed.check_passphrase(&session)?;
        session.phase(Phase::ReadingDestination);
        Ok(Self {
            session,
            cache,
            listed,
        })
    }

    /// Calls `sink` with each entry of version `number`, 0 being the newest.
    pub(crate) fn for_each_entry(
        &self,
        number: usize,
        mut sink: impl FnMut(Version, FilelistEntry) -> Result<()>,
    ) -> Result<()> {
        let dlist = self.listed.version(number)?;
        let Some(time) = dlist.name.time() else {
            return Ok(());
        };
        read_version(&self.session, dlist, &self.cache.spool(), |entry| {
            sink(Version { number, time }, entry)
        })
    }
}
