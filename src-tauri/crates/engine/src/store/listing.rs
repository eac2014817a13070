use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use coffer_destination::Error as DestinationError;
use coffer_volume::archive::VolumeReader;
use coffer_volume::{Format, VolumeKind, VolumeName, aescrypt};
use jiff::Timestamp;

use super::Store;
use crate::delete::RemoteVolume;
use crate::error::{Error, Result};
use crate::session::Session;

/// Bytes of a volume's start that show whether the passphrase is right.
const HEADER_BYTES: u64 = 4096;

/// End of the names of parity files, which some writers put beside volumes.
const PARITY: &str = ".par2";

/// The name of our volume that a parity file goes with.
fn parity_of(name: &str, prefix: &str) -> Option<String> {
    let volume = VolumeName::parse(name.strip_suffix(PARITY)?)?;
    (is_known_module(&volume) && volume.prefix() == prefix).then(|| volume.to_string())
}

/// A volume as the destination lists it.
#[derive(Debug, Clone)]
pub(crate) struct ListedVolume {
    pub(crate) name: VolumeName,
    pub(crate) size: u64,
}

/// The store's volumes, as the destination lists them.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) dblocks: Vec<ListedVolume>,
    pub(crate) dindexes: Vec<ListedVolume>,
    /// Oldest first.
    pub(crate) dlists: Vec<ListedVolume>,
    /// Prefixes of volumes that are not the store's.
    pub(crate) other_prefixes: Vec<String>,
    /// Bytes of parity files, by the volume that each goes with.
    parity: HashMap<String, u64>,
    /// Whether there are files that are no volumes.
    pub(crate) has_other_files: bool,
    /// Whether the folder exists.
    pub(crate) exists: bool,
}

impl Listed {
    /// Lists the destination and keeps the store's volumes. A folder that does not exist has none.
    ///
    /// # Errors
    /// Those of the destination.
    pub(crate) fn of(session: &Session) -> Result<Self> {
        let store = session.store();
        let files = match session.list() {
            Err(DestinationError::FolderMissing { .. }) => return Ok(Self::default()),
            other => other.map_err(|error| session.failed(error))?,
        };
        let mut listed = Self {
            exists: true,
            ..Self::default()
        };
        for file in files {
            if let Some(volume) = parity_of(&file.name, store.prefix()) {
                listed.parity.insert(volume, file.size);
                continue;
            }
            // What is not of a known module is a leftover of another program.
            let Some(name) = VolumeName::parse(&file.name).filter(is_known_module) else {
                listed.has_other_files = true;
                continue;
            };
            if name.prefix() != store.prefix {
                listed.other_prefixes.push(name.prefix().to_owned());
                continue;
            }
            let volumes = match name.kind() {
                VolumeKind::Dblock => &mut listed.dblocks,
                VolumeKind::Dindex => &mut listed.dindexes,
                VolumeKind::Dlist => &mut listed.dlists,
            };
            volumes.push(ListedVolume {
                name,
                size: file.size,
            });
        }
        listed.dlists.sort_by_key(|volume| volume.name.time());
        listed.other_prefixes.sort();
        listed.other_prefixes.dedup();
        Ok(listed)
    }

    /// Whether any of the store's volumes is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.dblocks.is_empty() && self.dindexes.is_empty() && self.dlists.is_empty()
    }

    /// All volumes.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &ListedVolume> {
        let data = self.dblocks.iter().chain(&self.dindexes);
        data.chain(&self.dlists)
    }

    /// The same files, and behind each the parity file that goes with it.
    pub(crate) fn with_parity(
        &self,
        files: impl IntoIterator<Item = RemoteVolume>,
    ) -> Vec<RemoteVolume> {
        files
            .into_iter()
            .flat_map(|volume| {
                let parity = self.parity(&volume.name);
                std::iter::once(volume).chain(parity)
            })
            .collect()
    }

    /// The parity file that goes with a volume.
    pub(crate) fn parity(&self, volume: &str) -> Option<RemoteVolume> {
        let size = *self.parity.get(volume)?;
        let name = format!("{volume}{PARITY}");
        Some(RemoteVolume { name, size })
    }

    /// Bytes of all volumes.
    pub(crate) fn size(&self) -> u64 {
        self.volumes().map(|volume| volume.size).sum()
    }

    /// Times of all versions, oldest first.
    pub(crate) fn times(&self) -> Vec<Timestamp> {
        self.dlists
            .iter()
            .filter_map(|volume| volume.name.time())
            .collect()
    }

    /// # Errors
    /// [`Error::NoBackup`] when there is no version.
    pub(crate) fn require_versions(&self, session: &Session) -> Result<()> {
        if !self.dlists.is_empty() {
            return Ok(());
        }
        Err(Error::NoBackup {
            destination: session.label(),
            prefix: session.store().prefix.clone(),
            others: self.other_prefixes.clone(),
        })
    }

    /// The dlist of version `number`, 0 being the newest.
    ///
    /// # Errors
    /// [`Error::NoVersion`].
    pub(crate) fn version(&self, number: usize) -> Result<&ListedVolume> {
        let oldest = self.dlists.len().saturating_sub(1);
        let position = oldest
            .checked_sub(number)
            .ok_or(Error::NoVersion { number, oldest })?;
        self.dlists
            .get(position)
            .ok_or(Error::NoVersion { number, oldest })
    }

    /// The volume that is looked into first: the newest dlist, else the smallest of the others.
    pub(crate) fn probe(&self) -> Option<&ListedVolume> {
        let others = || self.dindexes.iter().chain(&self.dblocks);
        self.dlists
            .last()
            .or_else(|| others().min_by_key(|volume| volume.size))
    }

    /// Checks the passphrase against the first bytes of a volume, before anything is written or downloaded whole.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::PassphraseRequired`] or [`Error::NotEncrypted`].
    pub(crate) fn check_passphrase(&self, session: &Session) -> Result<()> {
        let store = session.store();
        let destination = store.destination.label();
        let Some(probe) = self.probe() else {
            return Ok(());
        };
        let name = &probe.name;
        if !name.is_readable() {
            let what = format!("the modules {} {:?}", name.compression(), name.encryption());
            let source = coffer_volume::Error::Unsupported { what };
            return Err(Error::volume(name.as_str(), source));
        }
        match (name.encryption(), &store.passphrase) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Error::NotEncrypted { destination }),
            (Some(_), None) => Err(Error::PassphraseRequired { destination }),
            // Only the whole volume tells.
            (Some("gpg"), Some(_)) => {
                let folder = tempfile::tempdir().map_err(|source| {
                    Error::io("create a folder in", std::env::temp_dir(), source)
                })?;
                let path = session.fetch(name.as_str(), folder.path())?;
                match open_volume(store, name, &path) {
                    // Damage shows, and is handled, when the volume itself is needed.
                    Ok(_) | Err(Error::Volume { .. }) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            (Some(_), Some(passphrase)) => {
                // One volume of another's must not lock anybody out of all others. A computer that never opened this
                // backup has no reason to doubt the first answer.
                let was_opened = store.cache.join("index.sqlite").exists();
                let others = [self.dlists.first(), self.dindexes.first()];
                for volume in [Some(probe)]
                    .into_iter()
                    .chain(others.into_iter().filter(|_| was_opened))
                {
                    let Some(volume) = volume.filter(|v| v.name.encryption() == Some("aes")) else {
                        continue;
                    };
                    let start = session
                        .get_range(volume.name.as_str(), 0..HEADER_BYTES)
                        .map_err(|error| session.failed(error))?;
                    // Damage shows, and is handled, when the volume itself is needed.
                    if !matches!(aescrypt::check_passphrase(&start, passphrase), Ok(false)) {
                        return Ok(());
                    }
                }
                Err(Error::WrongPassphrase { destination })
            }
        }
    }

    /// The settings of the backup, as its newest readable volume states them; `None` for an empty folder.
    ///
    /// # Errors
    /// The first failure, when none of a few volumes can be read.
    pub(crate) fn format(&self, session: &Session, spool: &Path) -> Result<Option<Format>> {
        let mut failure = None;
        let candidates = self
            .dlists
            .iter()
            .rev()
            .chain(&self.dindexes)
            .chain(&self.dblocks);
        for volume in candidates.take(5) {
            let path = session.fetch(volume.name.as_str(), spool)?;
            let format = open_volume(session.store(), &volume.name, &path).and_then(|opened| {
                opened
                    .format()
                    .map_err(|e| Error::volume(volume.name.as_str(), e))
            });
            match format {
                Ok(format) => return Ok(Some(format)),
                Err(error @ (Error::Volume { .. } | Error::WrongPassphrase { .. })) => {
                    failure = failure.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

/// Whether the name is a volume of a module that this version knows but cannot read.
fn is_known_module(name: &VolumeName) -> bool {
    matches!(name.compression(), "zip" | "tzstd" | "tgz")
        && matches!(name.encryption(), None | Some("aes" | "gpg"))
}

/// Opens a volume that was downloaded.
pub(crate) fn open_volume(store: &Store, name: &VolumeName, path: &Path) -> Result<VolumeReader> {
    if name.encryption() == Some("gpg") {
        return super::gpg::open(store, name, path);
    }
    let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
    VolumeReader::open(file, name, store.passphrase.as_ref()).map_err(|source| match source {
        coffer_volume::Error::WrongPassphrase => Error::WrongPassphrase {
            destination: store.destination.label(),
        },
        coffer_volume::Error::PassphraseRequired => Error::PassphraseRequired {
            destination: store.destination.label(),
        },
        source => Error::volume(name.as_str(), source),
    })
}
