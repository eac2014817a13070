//! The world of one history: clients, the disk they share, the true time, and the model.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::audit::Tree;
use crate::disk::Disk;
use crate::event::{Harm, Keep, Kind};
use crate::model::{Damage, Model, Violation};
use crate::sources::Sources;

/// Everything there is.
pub(crate) struct World {
    pub(crate) disk: Disk,
    /// Path of the folder, with the separator.
    pub(crate) base: String,
    folder: TempDir,
    _elsewhere: Option<TempDir>,
    state: Mutex<State>,
}

/// What changes.
pub(crate) struct State {
    pub(crate) clients: Vec<Client>,
    pub(crate) model: Model,
    /// True time.
    pub(crate) time: Timestamp,
    /// What was injected last.
    pub(crate) last: String,
    pub(crate) violation: Option<Violation>,
}

/// A computer.
pub(crate) struct Client {
    pub(crate) sources: Sources,
    pub(crate) cache: PathBuf,
    /// Seconds that its clock is ahead.
    pub(crate) offset: i64,
    /// Whether its clock was ever ahead.
    pub(crate) was_ahead: bool,
    /// Whether its next backup may start over.
    pub(crate) starts_over: bool,
    /// What its backup before kept.
    pub(crate) kept: Option<Keep>,
    /// Whether its index must know of versions.
    pub(crate) knows: bool,
    /// Whether its index may compare with one of its older versions, because it was set back.
    pub(crate) is_set_back: bool,
    /// Whether its index was damaged and may still be.
    pub(crate) is_scratched: bool,
    pub(crate) running: Option<Running>,
}

/// What is known of an operation under way.
pub(crate) struct Running {
    pub(crate) rule: Rule,
    /// States of the sources that it may have met.
    pub(crate) seen: Vec<[Option<Tree>; 2]>,
    /// It had to do with a disk that is none of the backup's.
    pub(crate) went_astray: bool,
    /// Its index was lost meanwhile.
    pub(crate) has_forgotten: bool,
    /// Versions at its start, and how many it has deleted.
    pub(crate) versions: usize,
    pub(crate) deleted: usize,
    /// Versions that somebody deleted by hand on another computer meanwhile: nothing can see that between its look and its
    /// own deletion.
    pub(crate) gone_meanwhile: Vec<Timestamp>,
}

/// Which dlists an operation may delete.
pub(crate) enum Rule {
    Nothing,
    Kept(Keep),
    /// The same, if a source is back before the run has seen that it is away.
    KeptIfBack(Keep),
    Named(Vec<String>),
    /// Those that it rewrote.
    Rewritten {
        has_written: bool,
    },
}

/// Where worlds lie: in memory, if this computer can.
pub(crate) fn shelf() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}

pub(crate) fn new_folder(shelf: &Path) -> TempDir {
    let mut builder = tempfile::Builder::new();
    let created = builder.prefix("coffer-simulation-").tempdir_in(shelf);
    created.expect("the temp folder can be written")
}

#[cfg(unix)]
fn is_another_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path| fs::metadata(path).map(|stat| stat.dev()).ok();
    device(one) != device(other)
}

/// Two drives have two letters.
#[cfg(windows)]
fn is_another_disk(one: &Path, other: &Path) -> bool {
    let drive = |path: &Path| {
        fs::canonicalize(path).ok().and_then(|path| {
            path.components()
                .next()
                .map(|drive| drive.as_os_str().to_owned())
        })
    };
    drive(one) != drive(other)
}

impl World {
    pub(crate) fn new(clients: usize) -> Arc<Self> {
        let folder = new_folder(&shelf());
        let temp = std::env::temp_dir();
        let elsewhere = is_another_disk(folder.path(), &temp).then(|| new_folder(&temp));
        let clients = (0..clients).map(|number| {
            let own = folder.path().join(format!("c{number}"));
            let elsewhere = elsewhere
                .as_ref()
                .map(|e| e.path().join(number.to_string()));
            Client {
                sources: Sources::create(own, elsewhere),
                cache: folder.path().join(format!("cache{number}")),
                offset: 0,
                was_ahead: false,
                starts_over: false,
                kept: None,
                knows: false,
                is_set_back: false,
                is_scratched: false,
                running: None,
            }
        });
        let state = State {
            clients: clients.collect(),
            model: Model::default(),
            time: "2026-01-01T08:00:00Z".parse().expect("this is a time"),
            last: "nothing".to_owned(),
            violation: None,
        };
        Arc::new(Self {
            disk: Disk::default(),
            base: format!("{}/", folder.path().display()),
            folder,
            _elsewhere: elsewhere,
            state: Mutex::new(state),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Notes what was done to the engine.
    pub(crate) fn injected(&self, what: &str) {
        what.clone_into(&mut self.state().last);
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.state().violation.clone()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let mut state = self.state();
        state.time += SignedDuration::from_secs(seconds);
    }

    /// What every moment has to have.
    pub(crate) fn check(&self) {
        let mut state = self.state();
        let found = state.model.check(&self.disk.files(), &self.base);
        if let Some(violation) = found {
            state.fail(violation);
        }
    }

    /// Damages a file.
    pub(crate) fn harm(&self, name: &str, harm: Harm) -> String {
        let mut state = self.state();
        let mut files = self.disk.files();
        let Some(before) = files.get(name).map(|file| file.data.clone()) else {
            return "no such file".to_owned();
        };
        let is_astray = files.is_unplugged();
        let data = files.harm(name, harm);
        if data.as_ref() == Some(&before) || is_astray {
            return String::new();
        }
        let is_hidden = data.as_ref().is_some_and(|data| data.len() == before.len());
        state.model.damages.push(Damage {
            name: name.to_owned(),
            data,
            is_hidden,
            reported: Default::default(),
        });
        state.model.excuse(&files);
        format!("{:?}", Kind::of(name))
    }

    /// An operation has to do with the destination.
    pub(crate) fn reached(&self, client: usize) {
        let is_astray = self.disk.files().is_unplugged();
        if is_astray && let Some(running) = &mut self.state().clients[client].running {
            running.went_astray = true;
        }
    }

    /// A file arrived.
    pub(crate) fn arrived(&self, client: usize, name: &str, data: Arc<[u8]>) {
        if Kind::of(name) != Kind::Dlist {
            return;
        }
        let mut state = self.state();
        let is_astray = self.disk.files().is_unplugged();
        let running = state.clients[client].running.as_mut();
        let is_rewritten = match running.map(|running| &mut running.rule) {
            Some(Rule::Rewritten { has_written }) => {
                *has_written = true;
                true
            }
            _ => false,
        };
        if !is_astray {
            let time = state.time;
            if let Some(violation) = state.model.arrived(name, data, client, time, is_rewritten) {
                state.fail(violation);
            }
        }
    }
}

impl State {
    /// Keeps the first violation.
    pub(crate) fn fail(&mut self, mut violation: Violation) {
        if self.violation.is_none() {
            violation.class = format!("{} / {}", violation.class, self.last);
            self.violation = Some(violation);
        }
    }

    /// What a client takes for the time.
    pub(crate) fn clock(&self, client: usize) -> Timestamp {
        let offset = SignedDuration::from_secs(self.clients[client].offset);
        self.time.checked_add(offset).unwrap_or(self.time)
    }
}
