use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata as Stat;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use coffer_database::LocalState;
use coffer_volume::dlist::EntryKind;
use coffer_volume::metadata::{Attributes, Metadata, UnixMetadata, hardlink_group};
use jiff::{SignedDuration, Timestamp};
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgroups};

use super::SourceEntry;

/// Longest value of an extended attribute that is stored, in bytes.
const MAX_XATTR: usize = 64 * 1024;

thread_local! {
    /// Names of users and groups, which a source asks for again and again.
    static OWNERS: RefCell<HashMap<u32, Option<String>>> = RefCell::default();
    static GROUPS: RefCell<HashMap<u32, Option<String>>> = RefCell::default();
}

/// What shows that an entry is unchanged without reading it.
pub(crate) fn local_state(found: &SourceEntry) -> LocalState {
    let stat = &found.stat;
    LocalState {
        modified: nanoseconds(stat.mtime(), stat.mtime_nsec()),
        changed: nanoseconds(stat.ctime(), stat.ctime_nsec()),
        inode: stat.ino().cast_signed(),
    }
}

/// Everything that is stored of an entry besides its content, as Duplicati writes it on Linux.
pub(crate) fn metadata(found: &SourceEntry) -> std::io::Result<Metadata> {
    let stat = &found.stat;
    let modified = timestamp(stat.mtime(), stat.mtime_nsec());
    let changed = timestamp(stat.ctime(), stat.ctime_nsec());
    let symlink_target = match found.kind {
        EntryKind::Symlink => {
            let target = std::fs::read_link(&found.path)?;
            Some(target.into_os_string().into_string().map_err(|_| {
                std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    "the link's target is not Unicode",
                )
            })?)
        }
        _ => None,
    };
    let (xattrs, left_out) = if found.kind == EntryKind::Symlink || !found.has_xattrs {
        Default::default()
    } else {
        xattrs(&found.path, MAX_XATTR)
    };
    Ok(Metadata {
        xattrs,
        left_out,
        unix: Some(UnixMetadata {
            uid: stat.uid(),
            gid: stat.gid(),
            mode: stat.mode() & 0o777,
            owner: owner_name(stat.uid()),
            group: group_name(stat.gid()),
        }),
        special_mode: match found.kind {
            // Those of links mean nothing and cannot be set.
            EntryKind::Symlink => 0,
            EntryKind::File | EntryKind::Folder => stat.mode() & 0o7000,
        },
        hardlink: (found.kind == EntryKind::File)
            .then(|| hardlink_id(&found.path, stat))
            .flatten()
            .map(|(device, file)| hardlink_group(device, file)),
        attributes: Some(attributes(found)),
        modified: Some(modified),
        created: Some(modified.min(changed)),
        symlink_target,
        ..Metadata::default()
    })
}

/// Identifies a file that has several names.
pub(crate) fn hardlink_id(_path: &Path, stat: &Stat) -> Option<(u64, u64)> {
    (stat.nlink() > 1).then(|| (stat.dev(), stat.ino()))
}

/// Extended attributes by which a file or folder asks to be left out of backups.
const EXCLUSION_MARKS: [&str; 2] = [
    "user.duplicati.exclude",
    "com.apple.metadata:com_apple_backup_excludeItem",
];

/// The mark that says "no backup", if there is one.
pub(crate) fn exclusion_mark(found: &mut SourceEntry) -> Option<&'static str> {
    // One question for all, and nearly always the only one.
    let mut names = xattr::list(&found.path).ok()?.peekable();
    found.has_xattrs = names.peek().is_some();
    names
        .filter_map(|name| EXCLUSION_MARKS.into_iter().find(|mark| name == *mark))
        .min_by_key(|mark| EXCLUSION_MARKS.iter().position(|other| other == mark))
}

/// Extended attributes, and the names of those that are too large or cannot be read; file systems without any have none.
fn xattrs(path: &Path, limit: usize) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let (mut found, mut left_out) = (BTreeMap::new(), Vec::new());
    let Ok(names) = xattr::list(path) else {
        return (found, left_out);
    };
    for name in names {
        match (name.to_str(), xattr::get(path, &name)) {
            (Some(text), Ok(Some(value))) if value.len() <= limit => {
                found.insert(text.to_owned(), value);
            }
            // It is gone since.
            (_, Ok(None)) => {}
            _ => left_out.push(name.to_string_lossy().into_owned()),
        }
    }
    (found, left_out)
}

/// What .NET would call the attributes of an entry.
pub(crate) fn attributes(found: &SourceEntry) -> Attributes {
    let mut attributes = Attributes::default();
    if is_read_only(&found.path, &found.stat) {
        attributes = attributes.with(Attributes::READ_ONLY);
    }
    let hidden = found
        .path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    if hidden {
        attributes = attributes.with(Attributes::HIDDEN);
    }
    match found.kind {
        EntryKind::Folder => attributes = attributes.with(Attributes::DIRECTORY),
        EntryKind::Symlink if found.links_to_folder => {
            attributes = attributes
                .with(Attributes::DIRECTORY)
                .with(Attributes::REPARSE_POINT);
        }
        EntryKind::Symlink => attributes = attributes.with(Attributes::REPARSE_POINT),
        EntryKind::File => {}
    }
    if attributes == Attributes::default() {
        Attributes::NORMAL
    } else {
        attributes
    }
}

/// Whether the permission class that applies to this process can read and not write. A link's is its target's.
fn is_read_only(path: &Path, stat: &Stat) -> bool {
    let target = if stat.is_symlink() {
        std::fs::metadata(path).ok()
    } else {
        None
    };
    let stat = match (&target, stat.is_symlink()) {
        (Some(target), _) => target,
        (None, true) => return false,
        (None, false) => stat,
    };
    let shift = if stat.uid() == geteuid().as_raw() {
        6
    } else if in_group(Gid::from_raw(stat.gid())) {
        3
    } else {
        0
    };
    stat.mode() >> shift & 0o6 == 0o4
}

fn in_group(group: Gid) -> bool {
    // Darwin's own list is not the whole truth, so nix leaves it out there; the effective group is close enough.
    group == nix::unistd::getegid() || groups().contains(&group)
}

#[cfg(not(target_vendor = "apple"))]
fn groups() -> Vec<Gid> {
    getgroups().unwrap_or_default()
}

#[cfg(target_vendor = "apple")]
fn groups() -> Vec<Gid> {
    Vec::new()
}

fn owner_name(uid: u32) -> Option<String> {
    OWNERS.with_borrow_mut(|names| {
        let look_up = || {
            User::from_uid(Uid::from_raw(uid))
                .ok()
                .flatten()
                .map(|user| user.name)
        };
        names.entry(uid).or_insert_with(look_up).clone()
    })
}

fn group_name(gid: u32) -> Option<String> {
    GROUPS.with_borrow_mut(|names| {
        let look_up = || {
            Group::from_gid(Gid::from_raw(gid))
                .ok()
                .flatten()
                .map(|group| group.name)
        };
        names.entry(gid).or_insert_with(look_up).clone()
    })
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

fn timestamp(seconds: i64, nanoseconds: i64) -> Timestamp {
    let since_epoch = SignedDuration::new(seconds, nanoseconds as i32);
    Timestamp::from_duration(since_epoch).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Reason;

    fn found(path: &Path) -> SourceEntry {
        let stat = std::fs::symlink_metadata(path).unwrap();
        SourceEntry {
            stored: path.display().to_string(),
            path: path.to_owned(),
            kind: if stat.is_dir() {
                EntryKind::Folder
            } else {
                EntryKind::File
            },
            stat,
            looked_at: std::time::SystemTime::now(),
            links_to_folder: false,
            is_followed: false,
            reason: Reason::Source,
            has_xattrs: true,
        }
    }

    #[test]
    fn only_files_with_several_names_are_of_a_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["one", "other"] {
            std::fs::write(path(name), "x").unwrap();
        }
        std::fs::hard_link(path("one"), path("two")).unwrap();

        let group = |name: &str| metadata(&found(&path(name))).unwrap().hardlink;

        assert!(group("one").is_some());
        assert_eq!(group("one"), group("two"));
        assert_eq!(group("other"), None);
        assert_eq!(metadata(&found(folder.path())).unwrap().hardlink, None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn attributes_that_do_not_fit_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set = |name, len| xattr::set(file.path(), name, &vec![1; len]);
        if set("user.small", 10).and(set("user.large", 11)).is_err() {
            // This file system has none.
            return;
        }

        let (found, left_out) = xattrs(file.path(), 10);

        assert!(found.contains_key("user.small") && !found.contains_key("user.large"));
        assert_eq!(left_out, ["user.large"]);
    }
}
