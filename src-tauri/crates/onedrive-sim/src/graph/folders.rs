//! Finding, creating and placing items: what the Graph handlers and the direct Rust API share.

use sha2::{Digest, Sha256};

use jiff::Timestamp;

use super::address::{ItemRef, split};
use crate::model::drive::DriveKind;
use crate::model::item::{Content, Item, Version};
use crate::model::names;
use crate::model::tree::Tree;
use crate::model::upload::Conflict;
use crate::quickxor::QuickXor;
use crate::reply::GraphError;
use crate::state::State;

/// Folders deeper than the drive's root need no rule for its top.
const SPECIAL: [(&str, &str); 3] = [
    ("documents", "Documents"),
    ("photos", "Pictures"),
    ("approot", "Apps"),
];

/// The item a request names.
pub(crate) fn resolve(state: &mut State, drive: &str, at: &ItemRef) -> Result<Item, GraphError> {
    let base = base(state, drive, at)?;
    let tree = tree(state, drive)?;
    tree.walk(&base, &at.path)
        .cloned()
        .ok_or_else(GraphError::not_found)
}

/// The folder that a request writes a file into, created with its parents if missing, and the file's name.
pub(crate) fn resolve_new(
    state: &mut State,
    drive: &str,
    at: &ItemRef,
) -> Result<(String, String), GraphError> {
    let base = base(state, drive, at)?;
    let Some((name, above)) = at.path.split_last() else {
        return Err(GraphError::invalid("File name not provided in url"));
    };
    let parent = ensure(state, drive, &base, above)?;
    let top = tree(state, drive)?.drive.root == parent;
    names::check(name, false, top)?;
    Ok((parent, name.clone()))
}

fn base(state: &mut State, drive: &str, at: &ItemRef) -> Result<String, GraphError> {
    let Some(special) = &at.special else {
        let item = tree(state, drive)?.item(&at.base);
        return Ok(item.ok_or_else(GraphError::not_found)?.id.clone());
    };
    let named = SPECIAL
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(special));
    let (_, name) = named.ok_or_else(GraphError::not_found)?;
    let root = tree(state, drive)?.drive.root.clone();
    ensure(state, drive, &root, &[(*name).to_owned()])
}

/// The folder `names` below `from`, creating what is missing.
pub(crate) fn ensure(
    state: &mut State,
    drive: &str,
    from: &str,
    names: &[String],
) -> Result<String, GraphError> {
    let mut at = from.to_owned();
    for name in names {
        at = match tree(state, drive)?.child(&at, name) {
            Some(item) if item.is_folder() => item.id.clone(),
            Some(_) => return Err(GraphError::exists()),
            None => new_folder(state, drive, &at, name)?.id,
        };
    }
    Ok(at)
}

/// Creates a folder whose name is free.
pub(crate) fn new_folder(
    state: &mut State,
    drive: &str,
    parent: &str,
    name: &str,
) -> Result<Item, GraphError> {
    names::check(name, true, tree(state, drive)?.drive.root == parent)?;
    let item = new_item(state, drive, parent, name, None)?;
    state.put_item(item).ok_or_else(GraphError::not_found)
}

/// A file to be put in a folder.
pub(crate) struct Placement<'a> {
    pub(crate) drive: &'a str,
    pub(crate) parent: &'a str,
    pub(crate) name: &'a str,
    pub(crate) conflict: Conflict,
    pub(crate) client_created: Option<Timestamp>,
    pub(crate) client_modified: Option<Timestamp>,
}

/// Adds a file whose bytes are already stored to its folder; returns whether it is new. On failure, the blob stays.
pub(crate) fn place(
    state: &mut State,
    to: &Placement<'_>,
    content: Content,
) -> Result<(Item, bool), GraphError> {
    let tree = tree(state, to.drive)?;
    if tree
        .item(to.parent)
        .is_none_or(|parent| !parent.is_folder())
    {
        return Err(GraphError::not_found());
    }
    let present = tree.child(to.parent, to.name).cloned();
    let freed = present.as_ref().map_or(0, Item::size);
    if !tree.fits(content.size.saturating_sub(freed)) {
        return Err(GraphError::full());
    }
    let keeps_versions = tree.drive.kind != DriveKind::Personal;
    let now = state.now();
    let (mut item, created) = match (present, to.conflict) {
        (Some(item), Conflict::Replace) if !item.is_folder() => (item, false),
        (Some(_), Conflict::Replace | Conflict::Fail) => return Err(GraphError::exists()),
        (Some(_), Conflict::Rename) => {
            let name = free_name(state, to)?;
            (new_item(state, to.drive, to.parent, &name, None)?, true)
        }
        (None, _) => (new_item(state, to.drive, to.parent, to.name, None)?, true),
    };
    let replaced = (!created).then(|| item.clone());
    if !created {
        if keeps_versions {
            item.versions.push(Version {
                size: item.size(),
                modified: item.modified,
            });
        }
        item.revision += 1;
        item.content_revision += 1;
    }
    item.content = Some(content);
    item.modified = now;
    item.client_modified = to.client_modified.unwrap_or(now);
    if let Some(created) = to.client_created {
        item.client_created = created;
    }
    let item = state.put_item(item).ok_or_else(GraphError::not_found)?;
    if let Some(old) = replaced {
        state.forget_blob(&old);
    }
    Ok((item, created))
}

/// `name 1.ext`, `name 2.ext`, ... whichever is free first.
fn free_name(state: &State, to: &Placement<'_>) -> Result<String, GraphError> {
    let tree = tree(state, to.drive)?;
    let (stem, dot, extension) = match to.name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, ".", extension),
        _ => (to.name, "", ""),
    };
    (1..10_000)
        .map(|number| format!("{stem} {number}{dot}{extension}"))
        .find(|name| tree.child(to.parent, name).is_none())
        .ok_or_else(GraphError::exists)
}

fn new_item(
    state: &mut State,
    drive: &str,
    parent: &str,
    name: &str,
    content: Option<Content>,
) -> Result<Item, GraphError> {
    let kind = tree(state, drive)?.drive.kind;
    let id = match kind {
        DriveKind::Personal => format!("{}!s{}", drive.to_uppercase(), state.random.hex()),
        _ => format!(
            "01{}",
            state.random.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32)
        ),
    };
    let now = state.now();
    Ok(Item {
        id,
        drive: drive.to_owned(),
        parent: Some(parent.to_owned()),
        name: name.to_owned(),
        content,
        created: now,
        modified: now,
        client_created: now,
        client_modified: now,
        revision: 1,
        content_revision: 1,
        change: 0,
        deleted: false,
        versions: Vec::new(),
    })
}

pub(crate) fn tree<'a>(state: &'a State, drive: &str) -> Result<&'a Tree, GraphError> {
    state.trees.get(drive).ok_or_else(GraphError::not_found)
}

/// Finds an item by its plain path.
pub(crate) fn find(state: &State, drive: &str, path: &str) -> Option<Item> {
    let tree = state.tree(drive)?;
    tree.walk("root", &plain(path)).cloned()
}

/// All files and folders of a drive by path.
pub(crate) fn tree_list(tree: &Tree) -> Vec<(String, Option<u64>)> {
    let mut list: Vec<_> = tree
        .all()
        .filter(|item| !item.deleted && item.parent.is_some())
        .map(|item| {
            let path = format!("/{}", tree.path(item).join("/"));
            (path, item.content.as_ref().map(|content| content.size))
        })
        .collect();
    list.sort();
    list
}

pub(crate) fn tree_of(state: &State, drive: &str) -> Vec<(String, Option<u64>)> {
    state.tree(drive).map(tree_list).unwrap_or_default()
}

/// Creates a folder by its plain path.
pub(crate) fn create(state: &mut State, drive: &str, path: &str) -> Result<String, GraphError> {
    let drive = state
        .tree(drive)
        .ok_or_else(GraphError::not_found)?
        .drive
        .clone();
    ensure(state, &drive.id, &drive.root, &plain(path))
}

/// Stores a file by its plain path.
pub(crate) fn put_file(
    state: &mut State,
    drive: &str,
    path: &str,
    bytes: &[u8],
) -> Result<(), GraphError> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = create(state, drive, above)?;
    let drive = state
        .tree(drive)
        .ok_or_else(GraphError::not_found)?
        .drive
        .id
        .clone();
    names::check(name, false, false)?;
    let mut hash = QuickXor::new();
    hash.update(bytes);
    let content = Content {
        blob: state.random.hex(),
        size: bytes.len() as u64,
        quick_xor: hash.finish(),
        sha256: hex::encode_upper(Sha256::digest(bytes)),
    };
    let kept = std::fs::write(state.blob(&content.blob), bytes);
    kept.map_err(|error| GraphError::new(500, "generalException", &error.to_string()))?;
    let to = Placement {
        drive: &drive,
        parent: &parent,
        name,
        conflict: Conflict::Replace,
        client_created: None,
        client_modified: None,
    };
    place(state, &to, content).map(|_| ())
}

/// A path as a person writes it: nothing in it is percent-encoded.
fn plain(path: &str) -> Vec<String> {
    split(&crate::request::encode(path)).unwrap_or_default()
}
