//! What a client and the destination were like before an operation, and what a version may hold after it.

use coffer_volume::VolumeName;
use jiff::Timestamp;

use crate::audit::Tree;
use crate::disk::Stored;
use crate::event::{Kind, Operation, Plug, Trouble, What};
use crate::model::{Version, is_whole};
use crate::world::{Rule, Running, State, World};

/// What was before an operation.
pub(crate) struct Before {
    /// Versions at the destination: name and time, oldest first.
    pub(crate) dlists: Vec<(String, Timestamp)>,
    /// What both sources may be in the next version.
    pub(crate) expected: [Expected; 2],
    pub(crate) is_away: bool,
    pub(crate) knows: bool,
    pub(crate) is_unplugged: bool,
    pub(crate) is_scratched: bool,
    pub(crate) has_troubles: bool,
    pub(crate) has_nested: bool,
    /// Listings lie.
    pub(crate) has_lies: bool,
}

/// What a source may be in a version.
pub(crate) struct Expected {
    pub(crate) prefix: String,
    pub(crate) any_of: Vec<Tree>,
    /// Anything else, too, if the run reported that something is not as it should be.
    pub(crate) anything_if_reported: bool,
}

impl Before {
    /// `None` when the client is at work already.
    pub(crate) fn of(
        world: &World,
        client: usize,
        operation: &Operation,
        troubles: &[Trouble],
    ) -> Option<Self> {
        let mut state = world.state();
        let files = world.disk.files();
        let dlists = dlists(files.real());
        let own = state.clients.get(client)?;
        if own.running.is_some() {
            return None;
        }
        // What a disk that is away has is unknown.
        let compared = if files.is_unplugged() {
            Vec::new()
        } else {
            compared_with(&state, client, &world.base, &dlists)
        };
        let is_away = is_away(&state, client, &world.base, &compared);
        let rule = rule_of(operation, is_away, &dlists);
        let before = Self {
            expected: expected(
                &state,
                client,
                &world.base,
                &compared_with(&state, client, &world.base, &dlists),
                is_away,
            ),
            dlists,
            is_away,
            knows: own.knows,
            is_unplugged: files.is_unplugged(),
            is_scratched: own.is_scratched,
            has_troubles: !troubles.is_empty(),
            has_nested: troubles.iter().any(|t| matches!(t, Trouble::During(..))),
            has_lies: troubles
                .iter()
                .any(|t| matches!(t, Trouble::Lag(_) | Trouble::Miss { .. })),
        };
        state.clients[client].running = Some(Running {
            rule,
            seen: Vec::new(),
            went_astray: false,
            has_forgotten: false,
            versions: before.dlists.len(),
            deleted: 0,
            gone_meanwhile: Vec::new(),
        });
        Some(before)
    }

    /// What the sources were meanwhile may be in the version, too.
    pub(crate) fn also_expect(&mut self, seen: Vec<[Option<Tree>; 2]>) {
        for seen in seen {
            for (expected, tree) in self.expected.iter_mut().zip(seen) {
                expected.any_of.extend(tree);
                // What is written in place while it is read may come out as anything, if that is reported.
                expected.anything_if_reported = true;
            }
        }
    }
}

/// Which versions an operation may delete.
fn rule_of(operation: &Operation, is_away: bool, dlists: &[(String, Timestamp)]) -> Rule {
    match operation {
        Operation::Backup {
            what: What::Mistyped,
            ..
        } => Rule::Nothing,
        Operation::Backup { keep, .. } if is_away => Rule::KeptIfBack(*keep),
        Operation::Backup { keep, .. } => Rule::Kept(*keep),
        Operation::Delete(number) => {
            let named = dlists.iter().rev().nth(usize::from(*number));
            Rule::Named(named.map(|(name, _)| name.clone()).into_iter().collect())
        }
        Operation::Purge(_) | Operation::PurgeBroken => Rule::Rewritten { has_written: false },
        _ => Rule::Nothing,
    }
}

/// Names and times of versions, oldest first.
pub(crate) fn dlists(files: &[Stored]) -> Vec<(String, Timestamp)> {
    let mut dlists: Vec<_> = files
        .iter()
        .filter(|file| file.kind() == Kind::Dlist)
        .filter_map(|file| {
            let time = VolumeName::parse(&file.name)?.time()?;
            Some((file.name.clone(), time))
        })
        .collect();
    dlists.sort_by_key(|(_, time)| *time);
    dlists
}

/// Versions of a client's own with one of which its next run compares: the newest one, or any when its index was set back.
pub(crate) fn compared_with<'s>(
    state: &'s State,
    client: usize,
    base: &str,
    dlists: &[(String, Timestamp)],
) -> Vec<&'s Version> {
    let own = &state.clients[client];
    let prefixes = own.sources.prefixes(base);
    let has_own = |version: &&Version| {
        let mut prefixes = prefixes.iter();
        let is_damaged = version.client == client && !is_whole(&version.tree);
        let has_own = prefixes.any(|prefix| !part(&version.tree, prefix).is_empty());
        version.is_judged && (is_damaged || has_own)
    };
    let newest_first = dlists.iter().rev();
    let versions = newest_first.filter_map(|(name, _)| {
        let mut existing = state.model.existing();
        existing.find(|version| version.name == *name)
    });
    let most = if own.is_set_back { usize::MAX } else { 1 };
    versions.filter(has_own).take(most).collect()
}

/// Whether a source is away and a client can know that.
fn is_away(state: &State, client: usize, base: &str, compared: &[&Version]) -> bool {
    let own = &state.clients[client];
    let [_, prefix] = own.sources.prefixes(base);
    let had_files = !compared.is_empty()
        && compared
            .iter()
            .all(|version| part(&version.tree, &prefix).len() > 2);
    match own.sources.plug() {
        Plug::In => false,
        Plug::Dangling | Plug::Missing | Plug::Unreadable => true,
        Plug::Empty => had_files,
        // The other disk shows only beside what the index remembers.
        Plug::NotMounted => had_files && own.knows && own.sources.has_other_disk(),
    }
}

fn expected(
    state: &State,
    client: usize,
    base: &str,
    compared: &[&Version],
    is_away: bool,
) -> [Expected; 2] {
    let sources = &state.clients[client].sources;
    let prefixes = sources.prefixes(base);
    let [docs, photos] = sources.look(base);
    let mut trees = [docs, photos.filter(|_| !is_away)].into_iter();
    prefixes.map(|prefix| match trees.next().flatten() {
        Some(tree) => {
            let mut expected = Expected {
                prefix,
                any_of: vec![tree],
                anything_if_reported: false,
            };
            // An index that lost its knowledge may have it still, and where the newest version is damaged, the one before
            // says whether there was anything.
            let may_be_kept = match sources.plug() {
                Plug::NotMounted => true,
                Plug::Empty => !are_sound(compared),
                _ => false,
            };
            if may_be_kept {
                let kept = kept(state, client, expected.prefix.clone(), compared);
                expected.any_of.extend(kept.any_of);
            }
            expected
        }
        None => kept(state, client, prefix, compared),
    })
}

/// What is kept of a source that is away: what the version compared with has of it.
fn kept(state: &State, client: usize, prefix: String, compared: &[&Version]) -> Expected {
    let own = state
        .model
        .versions
        .iter()
        .filter(|v| v.client == client && v.is_judged);
    // Of one that is damaged the one before is taken.
    let (any_of, anything_if_reported) = if are_sound(compared) {
        let parts = compared.iter().map(|version| part(&version.tree, &prefix));
        (parts.collect(), false)
    } else {
        let parts = own.map(|version| part(&version.tree, &prefix));
        (parts.collect(), true)
    };
    Expected {
        prefix,
        any_of,
        anything_if_reported,
    }
}

/// Whether there are versions to compare with, none of them damaged.
fn are_sound(compared: &[&Version]) -> bool {
    let is_sound = |version: &&Version| !version.is_hit && is_whole(&version.tree);
    !compared.is_empty() && compared.iter().all(is_sound)
}

/// What a tree has of a source.
pub(crate) fn part(tree: &Tree, prefix: &str) -> Tree {
    let below = format!("{prefix}/");
    let entries = tree
        .iter()
        .filter(|(path, _)| path.starts_with(&below) || *path == prefix);
    entries.map(|(path, node)| (path.clone(), *node)).collect()
}
