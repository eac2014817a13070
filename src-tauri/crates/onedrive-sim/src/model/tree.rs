//! One drive with its items: lookup by id and path, and the changes that keep both in step.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use jiff::Timestamp;

use super::drive::Drive;
use super::item::Item;
use super::names::fold;

/// A drive and everything in it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) drive: Drive,
    items: HashMap<String, Item>,
    /// Live children of each folder by folded name.
    children: HashMap<String, BTreeMap<String, String>>,
    /// Bytes of live files and of the recycle bin.
    live: u64,
    deleted: u64,
}

impl Tree {
    pub(crate) fn new(drive: Drive, items: Vec<Item>) -> Self {
        let mut tree = Self {
            drive,
            items: HashMap::new(),
            children: HashMap::new(),
            live: 0,
            deleted: 0,
        };
        for item in items {
            tree.put(item);
        }
        tree
    }

    /// A root folder for a drive that has none yet.
    pub(crate) fn new_root(drive: &Drive, now: Timestamp) -> Item {
        Item {
            id: drive.root.clone(),
            drive: drive.id.clone(),
            parent: None,
            name: "root".to_owned(),
            content: None,
            created: now,
            modified: now,
            client_created: now,
            client_modified: now,
            revision: 1,
            content_revision: 1,
            change: 0,
            deleted: false,
            versions: Vec::new(),
        }
    }

    /// A live item.
    pub(crate) fn item(&self, id: &str) -> Option<&Item> {
        let id = if id.eq_ignore_ascii_case("root") {
            self.drive.root.as_str()
        } else {
            id
        };
        self.items.get(id).filter(|item| !item.deleted)
    }

    /// An item that may be in the recycle bin.
    pub(crate) fn any_item(&self, id: &str) -> Option<&Item> {
        self.items.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    pub(crate) fn child(&self, parent: &str, name: &str) -> Option<&Item> {
        self.items.get(self.children.get(parent)?.get(&fold(name))?)
    }

    /// Live children in the order of their folded names, with those names.
    pub(crate) fn children(&self, parent: &str) -> impl Iterator<Item = (&str, &Item)> {
        self.children
            .get(parent)
            .into_iter()
            .flatten()
            .filter_map(|(key, id)| Some((key.as_str(), self.items.get(id)?)))
    }

    /// Live children whose folded names come behind `after`, in order.
    pub(crate) fn children_after<'a>(
        &'a self,
        parent: &str,
        after: Bound<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a Item)> {
        self.children
            .get(parent)
            .into_iter()
            .flat_map(move |names| names.range::<str, _>((after, Bound::Unbounded)))
            .filter_map(|(key, id)| Some((key.as_str(), self.items.get(id)?)))
    }

    pub(crate) fn child_count(&self, parent: &str) -> usize {
        self.children.get(parent).map_or(0, BTreeMap::len)
    }

    /// Walks `segments` down from `from`.
    pub(crate) fn walk(&self, from: &str, segments: &[String]) -> Option<&Item> {
        let mut item = self.item(from)?;
        for name in segments {
            item = self.child(&item.id, name)?;
        }
        Some(item)
    }

    /// Names from below the root down to `item`.
    pub(crate) fn path<'a>(&'a self, item: &'a Item) -> Vec<&'a str> {
        let mut names = Vec::new();
        let mut at = Some(item);
        while let Some(item) = at {
            let Some(parent) = &item.parent else { break };
            names.push(item.name.as_str());
            at = self.items.get(parent);
        }
        names.reverse();
        names
    }

    /// Whether `inner` is `outer` or below it.
    pub(crate) fn is_within(&self, inner: &str, outer: &str) -> bool {
        let mut at = Some(inner);
        while let Some(id) = at {
            if id == outer {
                return true;
            }
            at = self.items.get(id).and_then(|item| item.parent.as_deref());
        }
        false
    }

    /// `item` and everything below it, itself first.
    pub(crate) fn subtree(&self, id: &str) -> Vec<String> {
        let mut found = vec![id.to_owned()];
        let mut next = 0;
        while next < found.len() {
            let below: Vec<_> = self
                .children(&found[next])
                .map(|(_, item)| item.id.clone())
                .collect();
            found.extend(below);
            next += 1;
        }
        found
    }

    /// Stores a new or changed item and numbers the change.
    pub(crate) fn change(&mut self, mut item: Item) -> Item {
        self.drive.changes += 1;
        item.change = self.drive.changes;
        self.put(item.clone());
        item
    }

    /// Removes an item for good and gives it back.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Item> {
        self.unlink(id);
        self.items.remove(id)
    }

    /// Bytes counted against the quota, the recycle bin's included.
    pub(crate) fn used(&self) -> u64 {
        self.live
            .saturating_add(self.deleted)
            .saturating_add(self.drive.fill)
    }

    pub(crate) fn deleted_bytes(&self) -> u64 {
        self.deleted
    }

    /// Whether `bytes` more still fit.
    pub(crate) fn fits(&self, bytes: u64) -> bool {
        self.used().saturating_add(bytes) <= self.drive.total
    }

    fn put(&mut self, item: Item) {
        self.unlink(&item.id);
        if item.deleted {
            self.deleted += item.size();
        } else {
            self.live += item.size();
            if let Some(parent) = &item.parent {
                let siblings = self.children.entry(parent.clone()).or_default();
                siblings.insert(fold(&item.name), item.id.clone());
            }
        }
        self.items.insert(item.id.clone(), item);
    }

    fn unlink(&mut self, id: &str) {
        let Some(item) = self.items.get(id) else {
            return;
        };
        if item.deleted {
            self.deleted = self.deleted.saturating_sub(item.size());
            return;
        }
        self.live = self.live.saturating_sub(item.size());
        let siblings = item
            .parent
            .as_ref()
            .and_then(|parent| self.children.get_mut(parent));
        if let Some(siblings) = siblings {
            let key = fold(&item.name);
            if siblings.get(&key).is_some_and(|at| at == id) {
                siblings.remove(&key);
            }
        }
    }
}
