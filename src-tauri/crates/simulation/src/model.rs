//! What there should be: the versions that runs reported, and the damage that the simulation did itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffer_volume::VolumeName;
use jiff::Timestamp;

use crate::audit::{Auditor, Tree};
use crate::disk::Files;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What does not hold, and what was last injected.
    pub class: String,
    /// What was found.
    pub detail: String,
}

/// A version whose dlist arrived.
pub(crate) struct Version {
    /// Of its dlist.
    pub(crate) name: String,
    pub(crate) data: Arc<[u8]>,
    pub(crate) client: usize,
    /// By its name.
    pub(crate) time: Timestamp,
    /// By the true clock.
    pub(crate) made: Timestamp,
    /// Whether a run said that it is there.
    pub(crate) is_reported: bool,
    /// Whether it was judged; until then its run is in progress.
    pub(crate) is_judged: bool,
    /// Damage of the simulation's own excuses what it lacks.
    pub(crate) is_hit: bool,
    pub(crate) is_deleted: bool,
    /// As it was when it was judged.
    pub(crate) tree: Tree,
}

/// Damage of the simulation's own.
pub(crate) struct Damage {
    pub(crate) name: String,
    /// What the file holds since; `None` when it is gone.
    pub(crate) data: Option<Arc<[u8]>>,
    /// Whether no listing shows it.
    pub(crate) is_hidden: bool,
    /// Clients whose verification found it and whose index has not forgotten it.
    pub(crate) reported: BTreeSet<usize>,
}

/// The model.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) versions: Vec<Version>,
    pub(crate) damages: Vec<Damage>,
}

/// Whether nothing of a version is missing.
pub(crate) fn is_whole(tree: &Tree) -> bool {
    tree.values().all(Option::is_some)
}

impl Model {
    /// Notes a dlist that arrived. One of the same name that it replaces is lost, unless it is that, rewritten.
    pub(crate) fn arrived(
        &mut self,
        name: &str,
        data: Arc<[u8]>,
        client: usize,
        made: Timestamp,
        is_rewritten: bool,
    ) -> Option<Violation> {
        let time = VolumeName::parse(name).and_then(|name| name.time())?;
        let replaced = self
            .versions
            .iter_mut()
            .find(|version| version.name == name && !version.is_deleted);
        let mut violation = None;
        if let Some(replaced) = replaced {
            replaced.is_deleted = true;
            let is_lost = replaced.is_reported && !replaced.is_hit && !is_rewritten;
            if is_lost && replaced.data != data {
                violation = Some(Violation {
                    class: "a version replaced another".to_owned(),
                    detail: format!(
                        "client {client} replaced that of client {}",
                        replaced.client
                    ),
                });
            }
        }
        self.versions.push(Version {
            name: name.to_owned(),
            data,
            client,
            time,
            made,
            is_reported: false,
            is_judged: false,
            is_hit: false,
            is_deleted: false,
            tree: Tree::new(),
        });
        violation
    }

    pub(crate) fn existing(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(|version| !version.is_deleted)
    }

    pub(crate) fn named_mut(&mut self, name: &str) -> Option<&mut Version> {
        self.versions
            .iter_mut()
            .find(|version| version.name == name && !version.is_deleted)
    }

    /// Excuses what damage just hit.
    pub(crate) fn excuse(&mut self, files: &Files) {
        let auditor = Auditor::new(files.real());
        for version in self.versions.iter_mut().filter(|v| v.is_judged) {
            if !version.is_deleted && !version.holds(files, &auditor) {
                version.is_hit = true;
            }
        }
    }

    /// Asks for versions again that damage had hit and that are whole again, once no damage is left.
    pub(crate) fn ask_again(&mut self, files: &Files) {
        let auditor = Auditor::new(files.real());
        if self.has_damage(files) {
            return;
        }
        // Of one that was looked at while it was damaged what it holds is unknown.
        let hit = self.versions.iter_mut().filter(|v| v.is_hit);
        for version in hit.filter(|v| is_whole(&v.tree)) {
            if version.is_judged && !version.is_deleted && version.holds(files, &auditor) {
                version.is_hit = false;
            }
        }
    }

    /// Whether damage is still there.
    pub(crate) fn has_damage(&self, files: &Files) -> bool {
        self.damages.iter().any(|damage| damage.is_there(files))
    }

    /// Whether damage is still there that a client cannot know of.
    pub(crate) fn has_hidden_damage(&self, files: &Files, client: usize) -> bool {
        self.damages.iter().any(|damage| {
            damage.is_hidden && !damage.reported.contains(&client) && damage.is_there(files)
        })
    }

    /// A client forgets what was reported to it.
    pub(crate) fn forget(&mut self, client: usize) {
        for damage in &mut self.damages {
            damage.reported.remove(&client);
        }
    }

    /// A client's verification looked at everything.
    pub(crate) fn report_to(&mut self, client: usize) {
        for damage in &mut self.damages {
            damage.reported.insert(client);
        }
    }

    /// Whether each version that must be there is, and whole.
    pub(crate) fn check(&mut self, files: &Files, base: &str) -> Option<Violation> {
        let auditor = Auditor::new(files.real());
        // What just arrived is not read again, so that data may move into a volume that is damaged and looks well.
        if self
            .damages
            .iter()
            .any(|damage| damage.is_hidden && damage.is_there(files))
        {
            self.excuse(files);
        }
        let broken = self
            .existing()
            .filter(|version| version.is_judged && !version.is_hit)
            .find(|version| !version.holds(files, &auditor))?;
        let reported = if broken.is_reported {
            "reported"
        } else {
            "unreported"
        };
        let found = files.real().iter().find(|file| file.name == broken.name);
        let (what, detail) = match found {
            None => ("is gone", String::new()),
            Some(file) if file.data != broken.data => ("is another", String::new()),
            Some(file) => {
                let tree = auditor.tree(file, base).unwrap_or_default();
                ("lost data", difference(&broken.tree, &tree))
            }
        };
        Some(Violation {
            class: format!("a {reported} version {what}"),
            detail: format!("{} of client {}: {detail}", broken.time, broken.client),
        })
    }
}

impl Version {
    fn holds(&self, files: &Files, auditor: &Auditor<'_>) -> bool {
        let Some(file) = files.real().iter().find(|file| file.name == self.name) else {
            return false;
        };
        file.data == self.data && auditor.has_all(file)
    }
}

impl Damage {
    fn is_there(&self, files: &Files) -> bool {
        let found = files.real().iter().find(|file| file.name == self.name);
        match (&self.data, found) {
            (None, found) => found.is_none(),
            (Some(data), Some(file)) => file.data == *data,
            (Some(_), None) => false,
        }
    }
}

/// Where two trees differ, in a line.
pub(crate) fn difference(expected: &Tree, found: &Tree) -> String {
    let mut lines = Vec::new();
    for (path, node) in expected {
        match found.get(path) {
            Some(other) if other == node => {}
            Some(Some(_)) => lines.push(format!("{path} is other")),
            Some(None) => lines.push(format!("{path} is broken")),
            None => lines.push(format!("{path} is not there")),
        }
    }
    let more = found.keys().filter(|path| !expected.contains_key(*path));
    lines.extend(more.map(|path| format!("{path} is too much")));
    let count = lines.len();
    lines.truncate(4);
    if count > 4 {
        lines.push(format!("{} more", count - 4));
    }
    lines.join(", ")
}
