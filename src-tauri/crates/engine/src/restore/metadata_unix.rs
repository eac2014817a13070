use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File, Metadata as Stat, Permissions as FilePermissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown, lchown, symlink};
use std::path::Path;

use coffer_volume::metadata::{Attributes, Metadata, UnixMetadata};
use filetime::FileTime;
use jiff::Timestamp;
use nix::unistd::{Group, User, geteuid};
use xattr::FileExt as _;

use super::Permissions;

thread_local! {
    /// Numbers of users and groups by name, which a restore asks for with every file.
    static USERS: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
    static GROUPS: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
}

pub(super) fn create_link(path: &Path, _metadata: &Metadata, target: &str) -> io::Result<()> {
    symlink(target, path)
}

/// What gets metadata.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A file, folder or link.
    Path(&'a Path),
    /// A file that may have no name yet.
    Open(&'a File),
}

impl Subject<'_> {
    fn stat(self) -> io::Result<Stat> {
        match self {
            Self::Path(path) => fs::symlink_metadata(path),
            Self::Open(file) => file.metadata(),
        }
    }

    fn set_owner(self, uid: u32, gid: u32) -> io::Result<()> {
        match self {
            Self::Path(path) => lchown(path, Some(uid), Some(gid)),
            Self::Open(file) => fchown(file, Some(uid), Some(gid)),
        }
    }

    fn set_xattr(self, name: &str, value: &[u8]) -> io::Result<()> {
        match self {
            Self::Path(path) => xattr::set(path, name, value),
            Self::Open(file) => file.set_xattr(name, value),
        }
    }

    fn set_mode(self, mode: u32) -> io::Result<()> {
        let permissions = FilePermissions::from_mode(mode);
        match self {
            Self::Path(path) => fs::set_permissions(path, permissions),
            Self::Open(file) => file.set_permissions(permissions),
        }
    }

    fn set_modified(self, time: FileTime) -> io::Result<()> {
        match self {
            Self::Path(path) => filetime::set_symlink_file_times(path, time, time),
            Self::Open(file) => filetime::set_file_handle_times(file, Some(time), Some(time)),
        }
    }
}

/// Sets owner, mode, extended attributes and times, in this order, because each would undo the next. Goes on after a
/// failure and returns the first.
pub(super) fn apply(
    subject: Subject<'_>,
    metadata: &Metadata,
    permissions: Permissions,
) -> io::Result<()> {
    let stat = subject.stat()?;
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
        let (uid, gid) = owner(unix);
        // Only root may give files away; for others their own files are what a restore makes.
        if geteuid().is_root() && (stat.uid(), stat.gid()) != (uid, gid) {
            keep_first(subject.set_owner(uid, gid));
        }
    }
    if !stat.is_symlink() {
        for (name, value) in &metadata.xattrs {
            keep_first(subject.set_xattr(name, value).or_else(ignore_unsupported));
        }
        if let Some(mode) = mode(&stat, metadata, permissions) {
            keep_first(subject.set_mode(mode));
        }
    }
    if let Some(modified) = metadata.modified {
        keep_first(subject.set_modified(file_time(modified)));
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
fn mode(stat: &Stat, metadata: &Metadata, permissions: Permissions) -> Option<u32> {
    if let Some(unix) = metadata
        .unix
        .as_ref()
        .filter(|_| permissions == Permissions::Restore)
    {
        return Some(unix.mode);
    }
    let read_only = metadata
        .attributes
        .is_some_and(|bits| bits.contains(Attributes::READ_ONLY));
    read_only.then(|| stat.permissions().mode() & 0o7555)
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
