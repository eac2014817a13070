//! One backup: its destination, its passphrase, its cache folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_database::Index;
use coffer_destination::Destination;
use coffer_volume::{Encryption, Maker, Passphrase, VolumeName};

use crate::error::{Error, Result};
use crate::repository::maker::maker;

/// One backup: where its volumes lie, with what passphrase, and its cache folder on this computer.
#[derive(Clone)]
pub struct Store {
    destination: Arc<dyn Destination>,
    prefix: String,
    passphrase: Option<Passphrase>,
    gpg_program: PathBuf,
    cache: PathBuf,
    machine: Option<String>,
}

impl Store {
    /// `cache` is a folder for this destination and prefix alone; it may be deleted whenever nothing runs.
    ///
    /// # Errors
    /// [`Error::InvalidPrefix`].
    pub fn new(
        destination: Arc<dyn Destination>,
        prefix: &str,
        passphrase: Option<Passphrase>,
        cache: impl Into<PathBuf>,
    ) -> Result<Self> {
        if !VolumeName::is_valid_prefix(prefix) {
            return Err(Error::InvalidPrefix {
                prefix: prefix.to_owned(),
            });
        }
        Ok(Self {
            destination,
            prefix: prefix.to_owned(),
            passphrase,
            gpg_program: PathBuf::from("gpg"),
            cache: cache.into(),
            machine: None,
        })
    }

    /// The same with another program for volumes that GnuPG encrypted (`--gpg-program-path`).
    #[must_use]
    pub fn with_gpg_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.gpg_program = program.into();
        self
    }

    /// The same with another passphrase.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: Passphrase) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// The same on a computer that goes by this id instead of the one that the system has.
    #[must_use]
    pub fn on_machine(mut self, id: impl Into<String>) -> Self {
        self.machine = Some(id.into());
        self
    }

    /// By whom versions are marked as made.
    pub(crate) fn maker(&self) -> Option<Maker> {
        maker(self.machine.as_deref(), &self.cache)
    }

    /// Whether this computer has opened the backup before.
    pub(crate) fn has_index(&self) -> bool {
        self.cache.join(INDEX).exists()
    }

    pub(crate) fn gpg_program(&self) -> &Path {
        &self.gpg_program
    }

    pub(crate) fn passphrase(&self) -> Option<&Passphrase> {
        self.passphrase.as_ref()
    }

    /// Where volumes wait on their way.
    pub(crate) fn spool(&self) -> PathBuf {
        self.cache.join(SPOOL)
    }

    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where the volumes lie.
    pub fn destination(&self) -> &Arc<dyn Destination> {
        &self.destination
    }

    /// What volume names start with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How new volumes are encrypted.
    pub(crate) fn encryption(&self) -> Encryption {
        self.passphrase
            .clone()
            .map_or(Encryption::None, Encryption::Aes)
    }
}

/// Names in the cache folder of a store.
pub(crate) const INDEX: &str = "index.sqlite";
pub(crate) const SPOOL: &str = "spool";

/// How many versions this computer has seen in a store's folder; 0 if it has no index of it.
pub(crate) fn known_versions(store: &Store) -> u64 {
    let path = store.cache.join(INDEX);
    let known = path
        .is_file()
        .then(|| Index::open(&path).and_then(|index| index.known_dlists()));
    let known = known.and_then(std::result::Result::ok).unwrap_or_default();
    let start = format!("{}-", store.prefix);
    let own = known.iter().filter(|dlist| dlist.name.starts_with(&start));
    own.count() as u64
}

/// The spool folder that belongs to an index.
pub(crate) fn spool_beside(index: &Index) -> PathBuf {
    index.path().with_file_name(SPOOL)
}
