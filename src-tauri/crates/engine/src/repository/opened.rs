use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::monitor::{Monitor, Phase};
use crate::repository::cache::Cache;
use crate::repository::listing::Listed;
use crate::repository::session::Session;
use crate::repository::store::Store;

/// A backup that exists, opened for work on it: nobody else works on it, it was listed, and its passphrase fits.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) cache: Cache,
    pub(crate) listed: Listed,
}

impl Opened {
    /// # Errors
    /// [`crate::Error::Locked`], [`crate::Error::NoBackup`], and those of a passphrase that does not fit.
    pub(crate) fn existing(
        store: &Store,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let session = Session::new(store, monitor, cancel);
        let cache = Cache::lock(store)?;
        session.monitor().phase(Phase::Connecting);
        let listed = Listed::of(&session)?;
        listed.require_versions(&session)?;
        listed.require_readable(&session)?;
        listed.check_passphrase(&session)?;
        Ok(Self {
            session,
            cache,
            listed,
        })
    }
}
