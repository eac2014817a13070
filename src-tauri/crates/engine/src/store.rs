//! One backup: its destination, its passphrase, its cache folder.

mod cache;
mod contents;
mod gpg;
mod kept;
mod left_out;
mod listing;
mod makers;
mod newest;
mod opened;
mod rows;
mod sync;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_destination::Destination;
use coffer_volume::{Encryption, Maker, Passphrase, VolumeName};

pub(crate) use cache::{Cache, SpooledVolume, known_versions, with_sound_index};
pub(crate) use contents::Contents;
pub(crate) use kept::{
    LEFT_TO_OTHERS, Others, RETENTION, RETENTION_REFUSED, SOURCES, SOURCES_LEFT,
};
pub(crate) use listing::{HEADER_BYTES, Listed, ListedVolume, folder_for_one, open_volume};
pub(crate) use makers::{Makers, Origin};
pub(crate) use newest::{StagedAs, load_newest_version};
pub(crate) use opened::Opened;
pub(crate) use rows::{kind_number, kind_of, stream_ref, stream_row};
pub(crate) use sync::{
    Losses, Synced, accept_losses, is_all_there, sync_volumes, sync_what_is_there,
};

use crate::error::{Error, Result};

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
        makers::maker(self.machine.as_deref(), &self.cache)
    }

    /// Whether this computer has opened the backup before.
    pub(crate) fn has_index(&self) -> bool {
        self.cache.join("index.sqlite").exists()
    }

    pub(crate) fn gpg_program(&self) -> &Path {
        &self.gpg_program
    }

    pub(crate) fn passphrase(&self) -> Option<&Passphrase> {
        self.passphrase.as_ref()
    }

    /// Where volumes wait on their way.
    pub(crate) fn spool(&self) -> PathBuf {
        self.cache.join("spool")
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
