//! What an operation should have done, and whether it did.

use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::{Auditor, Tree};
use crate::before::{Before, compared_with, dlists, part};
use crate::disk::Files;
use crate::event::{Operation, What};
use crate::model::{Violation, difference, is_whole};
use crate::outcome::{Outcome, Report};
use crate::sources::{Sources, tree};
use crate::world::{State, World};

/// Looks at what an operation did and said.
pub(crate) fn judge(
    world: &Arc<World>,
    client: usize,
    operation: &Operation,
    mut before: Before,
    outcome: &Outcome,
) {
    let mut state = world.state();
    let files = world.disk.files();
    let running = state.clients[client].running.take();
    let running = running.expect("the operation was noted when it began");
    before.also_expect(running.seen);
    let mut judge = Judge {
        base: &world.base,
        files: &files,
        state: &mut state,
        client,
        before: &before,
        went_astray: running.went_astray,
        has_forgotten: running.has_forgotten,
    };
    match outcome {
        Outcome::Panicked(why) => judge.fail("an operation panicked", why.clone()),
        Outcome::Hangs => judge.fail("an operation hangs", String::new()),
        _ => {}
    }
    let report = match outcome {
        Outcome::Done(report) => Some(report),
        _ => None,
    };
    match operation {
        Operation::Backup { what, keep, .. } => {
            judge.backup(*what, report);
            if report.is_some() {
                state.clients[client].kept = Some(*keep);
            }
        }
        Operation::Restore(number) => judge.restore(*number, outcome),
        Operation::Purge(_) | Operation::PurgeBroken => judge.purge(operation),
        // What lies where an unplugged disk was says nothing of the disk.
        // What an index knew that was lost meanwhile, its client does not know any more.
        Operation::Verify
            if report.is_some() && !files.is_unplugged() && !running.has_forgotten =>
        {
            state.model.report_to(client);
        }
        Operation::Recreate => {
            state.model.forget(client);
            if report.is_some() {
                state.clients[client].is_scratched = false;
            }
        }
        _ => {}
    }
}

/// What a version that was rewritten was before.
struct Origin {
    tree: Tree,
    is_hit: bool,
    is_reported: bool,
}

struct Judge<'j> {
    base: &'j str,
    files: &'j Files,
    state: &'j mut State,
    client: usize,
    before: &'j Before,
    went_astray: bool,
    has_forgotten: bool,
}

impl Judge<'_> {
    fn fail(&mut self, class: &str, detail: String) {
        self.state.fail(Violation {
            class: class.to_owned(),
            detail: format!("client {}: {detail}", self.client),
        });
    }

    fn backup(&mut self, what: What, report: Option<&Report>) {
        let is_success = report.is_some_and(|report| report.warnings == 0);
        let was_away = self.went_astray;
        if is_success {
            if what != What::Sources {
                self.fail("success without a source", format!("{what:?}"));
            }
            if self.before.is_away && !self.before.has_nested {
                self.fail("success though a source is away", String::new());
            }
        }
        let made = report.and_then(|report| report.version);
        let mut has_made = false;
        for number in self.unjudged() {
            let is_reported = made == Some(self.state.model.versions[number].time);
            has_made |= is_reported;
            if is_reported && what == What::Mistyped {
                self.fail("a version of nothing", String::new());
            }
            self.version(number, what, report.filter(|_| is_reported));
        }
        let Some(report) = report else {
            return;
        };
        // Once its version is there, a run may be done before it can see that the disk went.
        if is_success && was_away && !has_made && self.before.knows && !self.has_forgotten {
            self.fail("success without the destination", String::new());
        }
        if let Some(time) = made
            && !has_made
            && !was_away
            && !self.before.has_nested
        {
            self.fail("a reported version is not there", time.to_string());
        }
        // What a listing lacks and this client has never seen it cannot compare with.
        let is_comparable = !was_away && !self.before.has_nested && !self.before.has_lies;
        if made.is_none() && what == What::Sources && is_comparable {
            self.unchanged(report);
        }
        let client = &mut self.state.clients[self.client];
        client.knows = !was_away && !self.has_forgotten;
        client.is_set_back &= made.is_none();
    }

    /// Versions of this operation that are there.
    fn unjudged(&self) -> Vec<usize> {
        let versions = self.state.model.versions.iter().enumerate();
        versions
            .filter(|(_, v)| v.client == self.client && !v.is_judged && !v.is_deleted)
            .map(|(number, _)| number)
            .collect()
    }

    /// A version of a backup; `report` is what the run said of it, if it did.
    fn version(&mut self, number: usize, what: What, report: Option<&Report>) {
        let tree = self.audit(number);
        let is_whole = is_whole(&tree);
        let has_hidden = self.state.model.has_hidden_damage(self.files, self.client);
        let has_damage = self.state.model.has_damage(self.files);
        let name = &self.state.model.versions[number].name;
        let is_harmed = self
            .state
            .model
            .damages
            .iter()
            .any(|damage| damage.name == *name);
        let excused = is_harmed
            || match report {
                Some(report) => has_hidden || (report.warnings > 0 && has_damage),
                None => has_damage,
            };
        let version = &mut self.state.model.versions[number];
        version.is_judged = true;
        version.is_reported = report.is_some();
        version.tree = tree.clone();
        version.is_hit = is_harmed || (!is_whole && excused);
        if is_harmed {
            // Whatever is left of it.
        } else if !is_whole && !excused {
            let class = if report.is_some() {
                "a reported version is not whole"
            } else {
                "a dlist refers to what is not there"
            };
            let broken = tree.iter().filter(|(_, node)| node.is_none());
            let broken: Vec<_> = broken.map(|(path, _)| path.as_str()).collect();
            self.fail(class, broken.join(", "));
        } else if let Some(report) = report
            && what == What::Sources
        {
            self.compare(&tree, report);
        }
    }

    /// The version's entries; a dlist that cannot be read has one that is missing.
    fn audit(&self, number: usize) -> Tree {
        let version = &self.state.model.versions[number];
        let file = self
            .files
            .real()
            .iter()
            .find(|file| file.name == version.name);
        let auditor = Auditor::new(self.files.real());
        file.and_then(|file| auditor.tree(file, self.base))
            .unwrap_or_else(|| Tree::from([("the dlist".to_owned(), None)]))
    }

    /// Whether a version holds what the sources held.
    fn compare(&mut self, tree: &Tree, report: &Report) {
        for expected in &self.before.expected {
            let found = part(tree, &expected.prefix);
            let fits = |other: &Tree| {
                other.len() == found.len()
                    && other.iter().all(|(path, node)| match found.get(path) {
                        Some(found) => node.is_none() || found.is_none() || node == found,
                        None => false,
                    })
            };
            if expected.any_of.iter().any(fits)
                || (expected.anything_if_reported && report.warnings > 0)
            {
                continue;
            }
            let nothing = Tree::new();
            let nearest = expected.any_of.first().unwrap_or(&nothing);
            // What a client that never saw it could keep is unknown.
            if expected.any_of.is_empty() && found.is_empty() {
                continue;
            }
            let reported = if report.warnings > 0 {
                "reported"
            } else {
                "unreported"
            };
            let detail = difference(nearest, &found);
            self.fail(
                &format!("a version holds something else, {reported}"),
                detail,
            );
            return;
        }
    }

    /// Nothing changed, so that the newest version of this client must be what the sources are.
    fn unchanged(&mut self, report: &Report) {
        let compared = compared_with(self.state, self.client, self.base, &self.before.dlists);
        let [newest] = compared[..] else {
            return;
        };
        if !newest.is_hit {
            let tree = newest.tree.clone();
            self.compare(&tree, report);
        }
    }

    /// Versions that a purge rewrote.
    fn purge(&mut self, operation: &Operation) {
        let gone = match operation {
            Operation::Purge(file) => Some(format!("c{}/{}", self.client, Sources::suffix(*file))),
            _ => None,
        };
        let unjudged = self.unjudged();
        let name_of = |number: &usize| self.state.model.versions[*number].name.clone();
        let rewritten: Vec<String> = unjudged.iter().map(name_of).collect();
        for number in unjudged {
            let tree = self.audit(number);
            let mut origins = self.origins(number, &rewritten);
            if let Some(gone) = &gone {
                for origin in origins.iter_mut().flatten() {
                    origin.tree.remove(gone);
                }
            }
            // Of three in three seconds one may be in its place while that before it moved on.
            let equal = origins.iter().flatten().find(|origin| origin.tree == tree);
            let origin = equal.or(origins.first().and_then(Option::as_ref));
            if let Some(origin) = origin {
                self.purged(number, tree, origin);
            }
        }
    }

    /// What a version that a purge rewrote may come from, the likeliest first; `None` for one that was not judged.
    ///
    /// It is a second later where that was free, else in its place, or a second earlier: of versions that are gone, or
    /// whose name another has now.
    fn origins(&self, number: usize, rewritten: &[String]) -> Vec<Option<Origin>> {
        let versions = &self.state.model.versions;
        let time = versions[number].time;
        let there = dlists(self.files.real());
        let is_left =
            |before: &(String, Timestamp)| !there.contains(before) || rewritten.contains(&before.0);
        let mut beside: Vec<_> = (self.before.dlists.iter())
            .map(|before| (time.duration_since(before.1).as_secs(), before))
            .filter(|(later, _)| later.abs() <= 1)
            .collect();
        beside.sort_by_key(|(later, before)| (!is_left(before), 1 - later));
        let left = beside.iter().filter(|(_, before)| is_left(before)).count();
        let judged = |(_, (name, _)): &(i64, &(String, Timestamp))| {
            let mut versions = versions.iter().rev();
            let version = versions.find(|v| v.name == *name && v.is_judged)?;
            Some(Origin {
                tree: version.tree.clone(),
                is_hit: version.is_hit,
                is_reported: version.is_reported,
            })
        };
        beside.iter().take(left.max(1)).map(judged).collect()
    }

    /// A version that a purge rewrote, and what it should hold.
    fn purged(&mut self, number: usize, tree: Tree, origin: &Origin) {
        let is_part = tree.iter().all(|(path, node)| match origin.tree.get(path) {
            Some(other) => node == other || other.is_none() || node.is_none(),
            None => false,
        });
        let has_damage = self.state.model.has_damage(self.files);
        // Of what was damaged itself nothing is known.
        let fits = origin.is_hit
            || if has_damage {
                is_part
            } else {
                tree == origin.tree
            };
        let version = &mut self.state.model.versions[number];
        version.is_judged = true;
        version.is_reported = origin.is_reported;
        version.is_hit = !is_whole(&tree) && (origin.is_hit || has_damage);
        version.tree = tree.clone();
        let is_hit = version.is_hit;
        if !fits && !is_hit {
            self.fail(
                "a purged version holds something else",
                difference(&origin.tree, &tree),
            );
        } else if !is_whole(&tree) && !is_hit {
            self.fail("a purged version is not whole", String::new());
        }
    }

    fn restore(&mut self, number: u8, outcome: &Outcome) {
        let chosen = self.before.dlists.iter().rev().nth(usize::from(number));
        let version = chosen.and_then(|(name, _)| {
            let mut existing = self.state.model.existing();
            existing.find(|v| v.name == *name && v.is_judged && !v.is_hit)
        });
        let Some(version) = version else {
            return;
        };
        if self.before.has_troubles || self.before.is_unplugged || self.before.is_scratched {
            return;
        }
        let expected = restored_paths(&version.tree);
        if version.tree.is_empty() {
            return;
        }
        let problem = match outcome {
            Outcome::Done(report) => {
                let target = report.target.as_ref().expect("a restore has a target");
                let found = tree(target, &target.display().to_string());
                let found: Tree = found
                    .into_iter()
                    .map(|(path, node)| (path.trim_matches('/').to_owned(), node))
                    .filter(|(path, _)| !path.is_empty())
                    .collect();
                if found == expected {
                    return;
                }
                difference(&expected, &found)
            }
            other => other.words(),
        };
        let class = match outcome {
            Outcome::Done(report) if report.failed_files == 0 => "a restore gave something else",
            _ => "a whole version was not restored",
        };
        self.fail(class, problem);
    }
}

/// Where the entries of a version come out below the target.
fn restored_paths(tree: &Tree) -> Tree {
    let mut common: Option<&str> = None;
    for path in tree.keys() {
        let folder = if path.ends_with('/') {
            path.as_str()
        } else {
            &path[..path.rfind('/').map_or(0, |at| at + 1)]
        };
        let mut shared = common.unwrap_or(folder);
        while !folder.starts_with(shared) {
            let shorter = shared.trim_end_matches('/').rfind('/');
            shared = &shared[..shorter.map_or(0, |at| at + 1)];
        }
        common = Some(shared);
    }
    let common = common.unwrap_or_default();
    tree.iter()
        .map(|(path, node)| (path[common.len()..].trim_matches('/').to_owned(), *node))
        .filter(|(path, _)| !path.is_empty())
        .collect()
}
