use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, Permissions as FilePermissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::Path;

use coffer_volume::metadata::{Attributes, Metadata, UnixMetadata};
use filetime::FileTime;
use jiff::Timestamp;
use nix::unistd::{Group, User, geteuid};

use super::Permissions;

thread_local! {
    /// Numbers of users and groups by name, which a restore asks for with every file.
    static USERS: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
    static GROUPS: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
}

pub(super) fn create_link(path: &Path, _metadata: &Metadata, target: &str) -> io::Result<()> {
    symlink(target, path)
}

/// Sets owner, mode, extended attributes and times, in this order, because each would undo the next. Goes on after a
/// failure and returns the first.
pub(super) fn apply(path: &Path, metadata: &Metadata, permissions: Permissions) -> io::Result<()> {
    let is_link = fs::symlink_metadata(path)?.is_symlink();
    let mut outcome = Ok(());
    let mut keep_first = |step: io::Result<()>| {
        if outcome.is_ok() {
            outcome = step;
        }
    };
    if let Some(unix) = metadata
        .unix
        .as_ref()
        .filter(|_| permissions == Permissions::Restore)
    {
        // Only root may give files away; for others their own files are what a restore makes.
        if geteuid().is_root() {
            let (uid, gid) = owner(unix);
            keep_first(lchown(path, Some(uid), Some(gid)));
        }
    }
    if !is_link {
        for (name, value) in &metadata.xattrs {
            keep_first(xattr::set(path, name, value).or_else(ignore_unsupported));
        }
        if let Some(mode) = mode(path, metadata, permissions)? {
            keep_first(fs::set_permissions(path, FilePermissions::from_mode(mode)));
        }
    }
    if let Some(modified) = metadata.modified {
        let time = file_time(modified);
        keep_first(filetime::set_symlink_file_times(path, time, time));
    }
    outcome
}

/// Names win over numbers: the same person may have another number on another computer.
fn owner(unix: &UnixMetadata) -> (u32, u32) {
    let user = unix.owner.as_deref().and_then(user_number);
    let group = unix.group.as_deref().and_then(group_number);
    (user.unwrap_or(unix.uid), group.unwrap_or(unix.gid))
}

fn user_number(name: &str) -> Option<u32> {
    USERS.with_borrow_mut(|numbers| {
        if let Some(known) = numbers.get(name) {
            return *known;
        }
        let user = User::from_name(name).ok().flatten();
        let number = user.map(|user| user.uid.as_raw());
        numbers.insert(name.to_owned(), number);
        number
    })
}

fn group_number(name: &str) -> Option<u32> {
    GROUPS.with_borrow_mut(|numbers| {
        if let Some(known) = numbers.get(name) {
            return *known;
        }
        let group = Group::from_name(name).ok().flatten();
        let number = group.map(|group| group.gid.as_raw());
        numbers.insert(name.to_owned(), number);
        number
    })
}

/// The stored mode, or that of the file without its write bits when it was read-only.
fn mode(path: &Path, metadata: &Metadata, permissions: Permissions) -> io::Result<Option<u32>> {
    if let Some(unix) = metadata
        .unix
        .as_ref()
        .filter(|_| permissions == Permissions::Restore)
    {
        return Ok(Some(unix.mode));
    }
    let read_only = metadata
        .attributes
        .is_some_and(|bits| bits.contains(Attributes::READ_ONLY));
    if !read_only {
        return Ok(None);
    }
    Ok(Some(fs::metadata(path)?.permissions().mode() & 0o7555))
}

/// A file system without extended attributes is no failure of the restore.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    }
}

fn file_time(time: Timestamp) -> FileTime {
    let nanoseconds = time.as_nanosecond();
    let seconds = nanoseconds.div_euclid(1_000_000_000) as i64;
    FileTime::from_unix_time(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32)
}
