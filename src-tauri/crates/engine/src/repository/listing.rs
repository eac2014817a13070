use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use coffer_database::{Index, VolumeState};
use coffer_destination::Error as DestinationError;
use coffer_volume::{Format, VolumeKind, VolumeName, aescrypt};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::monitor::{FaultKind, Problem, ProblemKind};
use crate::repository::dlist::open_dlist;
use crate::repository::kept::Others;
use crate::repository::makers::{Makers, Origin};
use crate::repository::open_volume::{folder_for_one, open_volume};
use crate::repository::session::{Role, Session};
use crate::repository::store::{known_versions, spool_beside};
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
pub(crate) struct Listed {
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
    is_complete: bool,
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

    /// The same, completed by what `index` knows: see [`Listed::complete`].
    pub(crate) fn completed(session: &Session, index: &Index) -> Result<Self> {
        let mut listed = Self::of(session)?;
        listed.complete(session, index)?;
        Ok(listed)
    }

    /// Adds volumes that the index knows and the listing leaves out, when they are there: a listing may lag behind, and
    /// only the file itself says that it is gone. Versions that are gone are told, and nothing is deleted by a rule in
    /// this run. Does its work once.
    ///
    /// # Errors
    /// [`Error::DestinationGone`] when versions are known and nothing is there at all.
    pub(crate) fn complete(&mut self, session: &Session, index: &Index) -> Result<()> {
        if std::mem::replace(&mut self.is_complete, true) {
            return Ok(());
        }
        let known_dlists = index.known_dlists()?;
        if self.is_empty() && !known_dlists.is_empty() {
            return Err(Error::DestinationGone {
                destination: session.label(),
                versions: known_dlists.len() as u64,
            });
        }
        let (mut sizes, mut told) = (HashMap::new(), HashSet::new());
        for known in known_dlists {
            if known.is_gone {
                told.insert(known.name.clone());
            }
            sizes.insert(known.name, known.size);
        }
        self.tell_changed(session, index, &sizes)?;
        let seen_before: HashSet<String> = sizes.keys().cloned().collect();
        let confirmed = index.volumes()?.into_iter();
        let confirmed = confirmed.filter(|row| row.state == VolumeState::Confirmed);
        sizes.extend(confirmed.map(|row| (row.name, row.size)));
        for volume in self.volumes() {
            sizes.remove(volume.name.as_str());
        }
        let there = session.ask_by_name(sizes.keys().cloned().collect())?;
        let is_known = |dlist: &ListedVolume| seen_before.contains(dlist.name.as_str());
        // Where not one is left, it is another backup that is there.
        let is_another = !seen_before.is_empty() && !self.dlists.iter().any(is_known);
        let is_foreign = |dlist: &ListedVolume| {
            // One whose run was killed right after it arrived is in the spool still.
            !is_known(dlist) && !spool_beside(index).join(dlist.name.as_str()).exists()
        };
        let has_foreign = !seen_before.is_empty() && self.dlists.iter().any(is_foreign);
        let has_others = has_foreign && !is_another;
        // Also where they left none of this computer's.
        if has_foreign && session.role() != Role::Reading {
            Others::Work.note(index)?;
        }
        let noted = Others::noted(index)?;
        if seen_before.is_empty() && !self.dlists.is_empty() && noted == Others::None {
            Others::Unknown.note(index)?;
        }
        let others_work_here = has_others || (!is_another && noted == Others::Work);
        let makers = Makers::noted(index)?;
        for (text, size) in sizes {
            let Some(name) = VolumeName::parse(&text) else {
                continue;
            };
            let kind = name.kind();
            if there.contains(&text) {
                self.of_kind(kind).push(ListedVolume { name, size });
            } else if kind == VolumeKind::Dlist {
                let was_told = told.contains(&text) && session.role() == Role::Maintaining;
                if was_told || !session.tells_first(&text) {
                    continue;
                }
                if session.role() != Role::Reading {
                    index.note_gone(&text)?;
                }
                // Others give up their versions by their own rules, and no other's.
                let may_be_theirs = match name.time().map(|time| makers.origin(time)) {
                    Some(Origin::Own | Origin::Adopted) => false,
                    Some(Origin::Others) => true,
                    Some(Origin::Unknown) | None => others_work_here,
                };
                if !may_be_theirs {
                    index.hold_deletions(true)?;
                }
                session.monitor().problem(Problem {
                    subject: text,
                    kind: ProblemKind::VersionGone {
                        others_work_here: may_be_theirs,
                    },
                });
            }
        }
        self.dlists.sort_by_key(|volume| volume.name.time());
        // What lies here instead of the backup that was known becomes known when a backup has told that.
        let learns = match session.role() {
            Role::Reading => false,
            Role::Maintaining => !is_another,
            Role::BackingUp => true,
        };
        if !learns {
            return Ok(());
        }
        let is_new = |dlist: &&ListedVolume| {
            let name = dlist.name.as_str();
            !seen_before.contains(name) || told.contains(name)
        };
        for dlist in self.dlists.iter().filter(is_new) {
            index.know_dlist(dlist.name.as_str(), dlist.size)?;
        }
        Ok(())
    }

    /// Tells dlists that have another length than they had: what was loaded of them is not what they say. One that was
    /// written anew is told once, one that is damaged each time.
    fn tell_changed(
        &self,
        session: &Session,
        index: &Index,
        sizes: &HashMap<String, u64>,
    ) -> Result<()> {
        for dlist in &self.dlists {
            let found = dlist.size;
            let known = sizes.get(dlist.name.as_str()).copied();
            let Some(expected) = known.filter(|known| *known != found) else {
                continue;
            };
            session.monitor().problem(Problem {
                subject: dlist.name.to_string(),
                kind: ProblemKind::Faulty(FaultKind::OtherSize { expected, found }),
            });
            if session.role() == Role::Reading {
                continue;
            }
            if is_readable(session, dlist, &spool_beside(index)) {
                index.know_dlist(dlist.name.as_str(), found)?;
            }
            if let Some(time) = dlist.name.time() {
                index.forget_versions(&[time.as_second()])?;
            }
        }
        Ok(())
    }

    fn of_kind(&mut self, kind: VolumeKind) -> &mut Vec<ListedVolume> {
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
            // Only the whole volume tells.
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
                    let why = session.volume_fault(error)?;
                    let source = coffer_volume::Error::Malformed {
                        what: "volume",
                        why,
                    };
                    failure = failure.or(Some(Error::volume(name.as_str(), source)));
                }
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

fn is_readable(session: &Session, dlist: &ListedVolume, spool: &Path) -> bool {
    let read = session.fetch(dlist.name.as_str(), spool).and_then(|path| {
        let mut reader = open_dlist(session, dlist, &path)?;
        let completeness = reader.completeness();
        completeness.map_err(|source| Error::volume(dlist.name.as_str(), source))
    });
    read.is_ok()
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
