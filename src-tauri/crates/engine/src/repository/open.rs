//! A backup that exists, opened for work on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_database::Index;
use coffer_volume::Format;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::monitor::{Monitor, Phase};
use crate::repository::cache::Cache;
use crate::repository::listing::Listing;
use crate::repository::session::{Role, Session};
use crate::repository::store::Store;

/// It is locked, it was listed, and its passphrase fits.
pub(crate) struct OpenRepository {
    pub(crate) session: Session,
    pub(crate) cache: Cache,
    pub(crate) listed: Listing,
}

impl OpenRepository {
    /// # Errors
    /// [`Error::Locked`], [`Error::NoBackup`], and those of a passphrase that does not fit.
    pub(crate) fn existing(
        store: &Store,
        monitor: Arc<dyn Monitor>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let session = Session::new(store, monitor, cancel);
        let cache = Cache::lock(store)?;
        session.phase(Phase::Connecting);
        let listed = Listing::of(&session)?;
        listed.require_versions(&session)?;
        listed.require_readable(&session)?;
        listed.check_passphrase(&session)?;
        Ok(Self {
            session,
            cache,
            listed,
        })
    }

    /// The same for another kind of work; see [`Role`].
    pub(crate) fn with_role(self, role: Role) -> Self {
        Self {
            session: self.session.with_role(role),
            ..self
        }
    }

    /// Opens the index of a backup whose settings can be read; `None` where there is nothing to read them from.
    pub(crate) fn indexed(self) -> Result<Option<(IndexedRepository, Listing)>> {
        let format = self.cache.format(&self.session, &self.listed)?;
        format.map(|format| self.with_format(format)).transpose()
    }

    /// The same with the usual settings where nothing of the backup can be read, for what needs only names; whether it can
    /// comes along.
    pub(crate) fn indexed_as_far_as_readable(self) -> Result<(IndexedRepository, Listing, bool)> {
        let format = match self.cache.format(&self.session, &self.listed) {
            Err(Error::Volume { .. } | Error::VolumeNotRead { .. }) => None,
            other => other?,
        };
        match format {
            Some(format) => {
                let (indexed, listed) = self.with_format(format)?;
                Ok((indexed, listed, true))
            }
            None => {
                let index = self.cache.index()?;
                let (indexed, listed) = self.with_index(Format::default(), index);
                Ok((indexed, listed, false))
            }
        }
    }

    /// Opens its index, for a backup with these settings.
    pub(crate) fn with_format(self, format: Format) -> Result<(IndexedRepository, Listing)> {
        let index = self.cache.index_for(&format, self.session.store())?;
        Ok(self.with_index(format, index))
    }

    fn with_index(self, format: Format, index: Index) -> (IndexedRepository, Listing) {
        let indexed = IndexedRepository {
            spool: self.cache.spool(),
            session: self.session,
            cache: self.cache,
            format,
            index,
        };
        (indexed, self.listed)
    }
}

/// The same with its settings, and with this computer's index of it.
pub(crate) struct IndexedRepository {
    pub(crate) session: Session,
    /// Locked for as long as this is there.
    pub(crate) cache: Cache,
    pub(crate) format: Format,
    pub(crate) index: Index,
    spool: PathBuf,
}

impl IndexedRepository {
    pub(crate) fn repository(&self) -> Repository<'_> {
        Repository {
            session: &self.session,
            index: &self.index,
            format: &self.format,
            spool: &self.spool,
        }
    }
}

/// What operations work on: an opened backup, without the listing, of which there may be a newer one.
#[derive(Clone, Copy)]
pub(crate) struct Repository<'a> {
    pub(crate) session: &'a Session,
    pub(crate) index: &'a Index,
    pub(crate) format: &'a Format,
    /// Where volumes lie that are read or on their way.
    pub(crate) spool: &'a Path,
}
