use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use coffer_destination::Error as DestinationError;
use coffer_volume::{Format, VolumeKind, VolumeName, aescrypt};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::repository::open_volume::{folder_for_one, open_volume};
use crate::repository::session::{Role, Session};
use crate::repository::store::known_versions;
use crate::repository::versions::version_of;
use crate::repository::volumes::{ListedVolume, RemoteVolume};

/// Bytes of a volume's start that show whether the passphrase is right.
pub(crate) const HEADER_BYTES: u64 = 4096;

/// Volumes that are looked into for the settings of a backup, newest file lists first.
const FORMAT_CANDIDATES: usize = 20;

/// End of the names of parity files, which some writers put beside volumes.
const PARITY: &str = ".par2";

/// The name of our volume that a parity file goes with.
fn parity_of(name: &str, prefix: &str) -> Option<String> {
    let volume = VolumeName::parse(name.strip_suffix(PARITY)?)?;
    (is_known_module(&volume) && volume.prefix() == prefix).then(|| volume.to_string())
}

/// The store's volumes, as the destination lists them.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) dblocks: Vec<ListedVolume>,
    pub(crate) dindexes: Vec<ListedVolume>,
    /// Oldest first.
    pub(crate) dlists: Vec<ListedVolume>,
    /// Prefixes of volumes that are not the store's.
    pub(crate) other_prefixes: Vec<String>,
    /// Bytes of parity files, by the volume that each goes with.
    parity: HashMap<String, u64>,
    /// What names of the store's volumes end in that are of a module which cannot be read.
    pub(crate) unreadable_module: Option<String>,
    /// Whether there are files that are no volumes.
    pub(crate) has_other_files: bool,
    /// Whether the folder exists.
    pub(crate) exists: bool,
    /// Whether volumes were asked for by name that the index knows and the listing left out.
    pub(super) is_complete: bool,
}

impl Listing {
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
        let mut unreadable: HashMap<String, HashSet<VolumeKind>> = HashMap::new();
        for file in files {
            if let Some(volume) = parity_of(&file.name, store.prefix()) {
                listed.parity.insert(volume, file.size);
                continue;
            }
            let Some(name) = VolumeName::parse(&file.name) else {
                listed.has_other_files = true;
                continue;
            };
            if !is_known_module(&name) {
                if name.prefix() == store.prefix() {
                    let module = module_of(&name);
                    unreadable.entry(module).or_default().insert(name.kind());
                }
                listed.has_other_files = true;
                continue;
            }
            if name.prefix() != store.prefix() {
                listed.other_prefixes.push(name.prefix().to_owned());
                continue;
            }
            let size = file.size;
            let volumes = listed.of_kind(name.kind());
            volumes.push(ListedVolume { name, size });
        }
        // Other endings than that of Duplicati 2.0 make a module only together; alone they are leftovers of programs.
        let is_module = |(module, kinds): &(&String, &HashSet<VolumeKind>)| {
            module.split('.').next() == Some("7z")
                || kinds.contains(&VolumeKind::Dlist) && kinds.contains(&VolumeKind::Dblock)
        };
        let module = unreadable
            .iter()
            .filter(is_module)
            .map(|(module, _)| module);
        listed.unreadable_module = module.min().cloned();
        listed.dlists.sort_by_key(|volume| volume.name.time());
        listed.other_prefixes.sort();
        listed.other_prefixes.dedup();
        Ok(listed)
    }

    pub(super) fn of_kind(&mut self, kind: VolumeKind) -> &mut Vec<ListedVolume> {
        match kind {
            VolumeKind::Dblock => &mut self.dblocks,
            VolumeKind::Dindex => &mut self.dindexes,
            VolumeKind::Dlist => &mut self.dlists,
        }
    }

    /// # Errors
    /// [`Error::UnreadableModule`] when there are volumes that cannot be read, beside which nothing is written.
    pub(crate) fn require_readable(&self, session: &Session) -> Result<()> {
        match &self.unreadable_module {
            Some(module) => Err(Error::UnreadableModule {
                destination: session.label(),
                module: module.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Takes volumes out that were deleted since.
    pub(crate) fn remove<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        let names: HashSet<&str> = names.into_iter().collect();
        for volumes in [&mut self.dblocks, &mut self.dindexes, &mut self.dlists] {
            volumes.retain(|volume| !names.contains(volume.name.as_str()));
        }
    }

    /// Takes versions out that were deleted since.
    pub(crate) fn remove_versions(&mut self, times: &[Timestamp]) {
        let stays = |time: Option<Timestamp>| time.is_none_or(|time| !times.contains(&time));
        self.dlists.retain(|dlist| stays(dlist.name.time()));
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
    /// [`Error::NoBackup`] when there is no version, [`Error::DestinationGone`] when this computer knows some,
    /// [`Error::UnreadableModule`] when there are only such that cannot be read.
    pub(crate) fn require_versions(&self, session: &Session) -> Result<()> {
        if !self.dlists.is_empty() {
            if let (Role::Reading, Some(module)) = (session.role(), &self.unreadable_module) {
                session.monitor().problem(Problem {
                    subject: session.label(),
                    kind: ProblemKind::OtherModule(module.clone()),
                });
            }
            return Ok(());
        }
        self.require_readable(session)?;
        let versions = known_versions(session.store());
        if versions > 0 && self.is_empty() {
            return Err(Error::DestinationGone {
                destination: session.label(),
                versions,
            });
        }
        Err(Error::NoBackup {
            destination: session.label(),
            prefix: session.store().prefix().to_owned(),
            others: self.other_prefixes.clone(),
        })
    }

    /// The dlist of version `number`, 0 being the newest.
    ///
    /// # Errors
    /// [`Error::NoVersion`].
    pub(crate) fn version(&self, number: usize) -> Result<&ListedVolume> {
        version_of(&self.dlists, number)
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
        let destination = store.destination().label();
        let Some(probe) = self.probe() else {
            return Ok(());
        };
        let name = &probe.name;
        if !name.is_readable() {
            let what = format!("the modules {} {:?}", name.compression(), name.encryption());
            let source = coffer_volume::Error::Unsupported { what };
            return Err(Error::volume(name.as_str(), source));
        }
        match (name.encryption(), store.passphrase()) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Error::NotEncrypted { destination }),
            (Some(_), None) => Err(Error::PassphraseRequired { destination }),
            // Only the whole volume shows it.
            (Some("gpg"), Some(_)) => {
                let folder = folder_for_one()?;
                let fetched = session.fetch(name.as_str(), folder.path());
                match fetched.and_then(|path| open_volume(store, name, &path)) {
                    Err(error @ Error::WrongPassphrase { .. }) => Err(error),
                    // Damage shows, and is handled, when the volume itself is needed.
                    Err(error) => session.volume_fault(error).map(drop),
                    Ok(_) => Ok(()),
                }
            }
            (Some(_), Some(passphrase)) => {
                // One volume of another's must not lock anybody out of all others. A computer that never opened this
                // backup has no reason to doubt the first answer.
                let was_opened = store.has_index();
                let others = [self.dlists.first(), self.dindexes.first()];
                for volume in [Some(probe)]
                    .into_iter()
                    .chain(others.into_iter().filter(|_| was_opened))
                {
                    let Some(volume) = volume.filter(|v| v.name.encryption() == Some("aes")) else {
                        continue;
                    };
                    let start = session.get_range(volume.name.as_str(), 0..HEADER_BYTES);
                    let start = match start.map_err(|error| session.failed(error)) {
                        Ok(start) => start,
                        // Damage shows, and is handled, when the volume itself is needed.
                        Err(error) => return session.volume_fault(error).map(drop),
                    };
                    if !matches!(aescrypt::check_passphrase(&start, passphrase), Ok(false)) {
                        return Ok(());
                    }
                }
                let Some(start) = self.start_as_stored(session)? else {
                    return Err(Error::WrongPassphrase { destination });
                };
                match aescrypt::check_passphrase(&start, passphrase) {
                    Ok(false) => Err(Error::WrongPassphrase { destination }),
                    _ => Ok(()),
                }
            }
        }
    }

    /// The first bytes of the smallest volume that AES Crypt encrypted, from a download of all of it: one of a part comes
    /// without a hash, and what was damaged on its way looks like what another passphrase encrypted. `None` where this
    /// computer never opened the backup, and has no reason to doubt what it saw.
    ///
    /// # Errors
    /// Those of the destination, which may say that what arrived is damaged.
    pub(crate) fn start_as_stored(&self, session: &Session) -> Result<Option<Vec<u8>>> {
        if !session.store().has_index() {
            return Ok(None);
        }
        let encrypted = self
            .volumes()
            .filter(|volume| volume.name.encryption() == Some("aes"));
        let Some(volume) = encrypted.min_by_key(|volume| volume.size) else {
            return Ok(None);
        };
        let folder = folder_for_one()?;
        let path = session.fetch(volume.name.as_str(), folder.path())?;
        let mut start = Vec::new();
        File::open(&*path)
            .and_then(|file| file.take(HEADER_BYTES).read_to_end(&mut start))
            .map_err(|source| Error::io("read", &*path, source))?;
        Ok(Some(start))
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
        for volume in candidates.take(FORMAT_CANDIDATES) {
            let name = &volume.name;
            let format = session.fetch(name.as_str(), spool).and_then(|path| {
                let opened = open_volume(session.store(), name, &path)?;
                opened
                    .format()
                    .map_err(|source| Error::volume(name.as_str(), source))
            });
            match format {
                Ok(format) => return Ok(Some(format)),
                Err(error @ Error::Volume { .. }) => failure = failure.or(Some(error)),
                Err(error) => {
                    failure = failure.or(Some(session.volume_failure(name.as_str(), error)?));
                }
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

/// What a volume's name ends in behind its kind.
fn module_of(name: &VolumeName) -> String {
    match name.encryption() {
        Some(encryption) => format!("{}.{encryption}", name.compression()),
        None => name.compression().to_owned(),
    }
}

/// Whether the name is a volume of a module that this version knows but cannot read.
fn is_known_module(name: &VolumeName) -> bool {
    matches!(name.compression(), "zip" | "tzstd" | "tgz")
        && matches!(name.encryption(), None | Some("aes" | "gpg"))
}
