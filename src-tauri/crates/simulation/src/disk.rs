//! The destination's disk: files in memory, which all clients share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::event::{Harm, Kind};
use crate::parsed::Parsed;

/// A file at the destination.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Counts arrivals, so that files have an order although their names are random.
    pub(crate) number: u64,
    pub(crate) data: Arc<[u8]>,
    parsed: Arc<OnceLock<Parsed>>,
}

impl Stored {
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(&self.name)
    }

    /// What is in it, read once.
    pub(crate) fn parsed(&self) -> &Parsed {
        self.parsed
            .get_or_init(|| Parsed::of(&self.name, &self.data))
    }

    fn set(&mut self, data: Arc<[u8]>) {
        self.data = data;
        self.parsed = Arc::default();
    }
}

/// What a disk holds.
#[derive(Default)]
pub(crate) struct Files {
    exists: bool,
    files: Vec<Stored>,
    renamed: Vec<Stored>,
    /// The true files while the disk is unplugged.
    drawer: Option<(bool, Vec<Stored>)>,
    count: u64,
    /// How often the disk was unplugged or plugged in again.
    swaps: u64,
}

/// The disk.
#[derive(Default)]
pub(crate) struct Disk(Mutex<Files>);

impl Disk {
    pub(crate) fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    pub(crate) fn exists(&self) -> bool {
        self.exists
    }

    pub(crate) fn create_folder(&mut self) {
        self.exists = true;
    }

    /// What a client sees, in the order of arrival.
    pub(crate) fn seen(&self) -> &[Stored] {
        &self.files
    }

    /// What is on the disk, wherever that is.
    pub(crate) fn real(&self) -> &[Stored] {
        self.drawer.as_ref().map_or(&self.files, |(_, files)| files)
    }

    /// Whether there is something, and nothing of it can be read.
    pub(crate) fn is_ruined(&self) -> bool {
        let is_lost =
            |file: &Stored| file.kind() == Kind::Dindex || matches!(file.parsed(), Parsed::Nothing);
        !self.files.is_empty() && self.files.iter().all(is_lost)
    }

    pub(crate) fn swaps(&self) -> u64 {
        self.swaps
    }

    pub(crate) fn is_unplugged(&self) -> bool {
        self.drawer.is_some()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        self.files.iter().find(|file| file.name == name)
    }

    pub(crate) fn put(&mut self, name: &str, data: Arc<[u8]>) {
        if let Some(file) = self.files.iter_mut().find(|file| file.name == name) {
            file.set(data);
            return;
        }
        self.count += 1;
        self.files.push(Stored {
            name: name.to_owned(),
            number: self.count,
            data,
            parsed: Arc::default(),
        });
    }

    pub(crate) fn delete(&mut self, name: &str) -> bool {
        let before = self.files.len();
        self.files.retain(|file| file.name != name);
        self.files.len() < before
    }

    pub(crate) fn unplug(&mut self, leaves_folder: bool) {
        if self.drawer.is_none() {
            self.drawer = Some((self.exists, std::mem::take(&mut self.files)));
            self.exists = leaves_folder;
            self.swaps += 1;
        }
    }

    pub(crate) fn replug(&mut self) {
        if let Some((exists, files)) = self.drawer.take() {
            (self.exists, self.files) = (exists, files);
            self.swaps += 1;
        }
    }

    /// The name of file number `pick` of a kind, in the order of arrival.
    pub(crate) fn pick(&self, kind: Kind, pick: u32) -> Option<String> {
        let of_kind: Vec<&Stored> = self
            .files
            .iter()
            .filter(|file| kind.covers(file.kind()))
            .collect();
        let position = (pick as usize).checked_rem(of_kind.len())?;
        Some(of_kind[position].name.clone())
    }

    /// Names of the dindex that arrived right after a dblock, if it is still there.
    pub(crate) fn partner(&self, dblock: &str) -> Option<String> {
        let number = self.get(dblock)?.number;
        let next = self.files.iter().find(|file| file.number == number + 1)?;
        (next.kind() == Kind::Dindex).then(|| next.name.clone())
    }

    /// Does damage and returns what the file holds then; `None` when it is gone.
    pub(crate) fn harm(&mut self, name: &str, harm: Harm) -> Option<Arc<[u8]>> {
        let position = self.files.iter().position(|file| file.name == name)?;
        let data = self.files[position].data.to_vec();
        let harmed: Arc<[u8]> = match harm {
            Harm::Emptied => Arc::from([]),
            Harm::Cut => data[..data.len() / 2].into(),
            Harm::Flip(place) => {
                let mut data = data;
                let at = data.len() * usize::from(place) / 1000;
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1;
                }
                data.into()
            }
            Harm::Swapped => {
                let kind = self.files[position].kind();
                let others = self.files.iter().filter(|file| file.kind() == kind);
                let other = others.rev().find(|file| file.name != name)?;
                other.data.to_vec().into()
            }
            Harm::Deleted => {
                self.files.remove(position);
                return None;
            }
            Harm::Renamed => {
                let file = self.files.remove(position);
                self.renamed.push(file);
                return None;
            }
        };
        self.files[position].set(Arc::clone(&harmed));
        Some(harmed)
    }

    /// Gives files that were renamed away their names back, and returns these.
    pub(crate) fn rename_back(&mut self) -> Vec<String> {
        if self.drawer.is_some() {
            return Vec::new();
        }
        let mut names = Vec::new();
        for file in std::mem::take(&mut self.renamed) {
            if self.get(&file.name).is_none() {
                names.push(file.name.clone());
                self.files.push(file);
            }
        }
        self.files.sort_by_key(|file| file.number);
        names
    }
}
