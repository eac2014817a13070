use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Permissions as FilePermissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

use coffer_volume::metadata::{Attributes, Metadata, UnixMetadata};
use filetime::FileTime;
use jiff::Timestamp;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Group, Uid, User, fchownat, geteuid};
use xattr::FileExt as _;

use crate::operations::restore::folders::Folder;
use crate::operations::restore::options::Permissions;

/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;

thread_local! {
    /// Numbers of users and groups by name, which a restore asks for with every file.
    static USERS: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
    static GROUPS: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
}

/// Sets owner, extended attributes, mode and times of a file or folder, in this order, because each would undo the next.
/// Continues after a failure and returns the first.
///
/// `new_mode` is the mode that something new gets whose own is not restored; `None` for what was there before.
pub(super) fn apply(
    file: &File,
    metadata: Option<&Metadata>,
    permissions: Permissions,
    new_mode: Option<u32>,
) -> io::Result<()> {
    let Some(metadata) = metadata else {
        // Whether it was private is unknown, so it stays so, unless modes are of no interest.
        return match new_mode.filter(|_| permissions == Permissions::Leave) {
            Some(mode) => set_mode(file, mode),
            None => Ok(()),
        };
    };
    let stat = file.metadata()?;
    let mut outcome = Ok(());
    let mut keep_first = |step: io::Result<()>| {
        if outcome.is_ok() {
            outcome = step;
        }
    };
    let unix = metadata
        .unix
        .as_ref()
        .filter(|_| permissions == Permissions::Restore);
    if let Some((uid, gid)) = unix.map(owner)
        // Only root may give files away; for others their own files are what a restore makes.
        && geteuid().is_root()
        && (stat.uid(), stat.gid()) != (uid, gid)
    {
        keep_first(fchown(file, Some(uid), Some(gid)));
    }
    for (name, value) in &metadata.xattrs {
        keep_first(file.set_xattr(name, value).or_else(ignore_unsupported));
    }
    let current = stat.mode() & 0o7777;
    let mode = match unix {
        Some(unix) => {
            let (mode, refused) = with_special_bits(file, unix, metadata.special_mode);
            keep_first(set_mode(file, mode).and_then(|()| has_bits(file, mode & 0o7000)));
            keep_first(refused);
            None
        }
        None => usual_mode(metadata, current, new_mode),
    };
    if let Some(mode) = mode {
        keep_first(set_mode(file, mode));
    }
    if let Some(modified) = metadata.modified {
        let time = file_time(modified);
        keep_first(filetime::set_file_handle_times(
            file,
            Some(time),
            Some(time),
        ));
    }
    outcome
}

/// The mode of what has none of its own, where it is another than the current one.
fn usual_mode(metadata: &Metadata, current: u32, new_mode: Option<u32>) -> Option<u32> {
    let read_only = metadata
        .attributes
        .is_some_and(|bits| bits.contains(Attributes::READ_ONLY));
    // What a folder hands on to what is made in it stays.
    let mode = new_mode.map_or(current, |mode| mode | current & 0o7000);
    let mode = if read_only { mode & !0o222 } else { mode };
    (mode != current).then_some(mode)
}

/// The same for a link, which has owner and times only.
pub(super) fn apply_to_link(
    folder: &Folder,
    name: &OsStr,
    metadata: &Metadata,
    permissions: Permissions,
) -> io::Result<()> {
    let mut outcome = Ok(());
    if let Some(unix) = metadata
        .unix
        .as_ref()
        .filter(|_| permissions == Permissions::Restore && geteuid().is_root())
    {
        let (uid, gid) = owner(unix);
        outcome = set_link_owner(folder, name, Uid::from_raw(uid), Gid::from_raw(gid));
    }
    if let Some(modified) = metadata.modified {
        let time = file_time(modified);
        let time = TimeSpec::new(time.unix_seconds() as _, time.nanoseconds() as _);
        let flag = UtimensatFlags::NoFollowSymlink;
        let set = utimensat(folder.as_fd(), name, &time, &time, flag);
        outcome = outcome.and(set.map_err(io::Error::from));
    }
    outcome
}

/// Gives away exactly the link, even when something else gets its name meanwhile.
#[cfg(target_os = "linux")]
fn set_link_owner(folder: &Folder, name: &OsStr, uid: Uid, gid: Gid) -> io::Result<()> {
    use nix::fcntl::{AtFlags, OFlag, openat};
    use nix::sys::stat::{Mode, SFlag, fstat};

    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let link = openat(folder.as_fd(), name, flags, Mode::empty())?;
    let stat = fstat(&link)?;
    if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFLNK.bits() {
        return Err(io::Error::other("it is no link any more"));
    }
    if (stat.st_uid, stat.st_gid) == (uid.as_raw(), gid.as_raw()) {
        return Ok(());
    }
    let flags = AtFlags::AT_EMPTY_PATH | AtFlags::AT_SYMLINK_NOFOLLOW;
    Ok(fchownat(&link, "", Some(uid), Some(gid), flags)?)
}

#[cfg(not(target_os = "linux"))]
fn set_link_owner(folder: &Folder, name: &OsStr, uid: Uid, gid: Gid) -> io::Result<()> {
    use nix::fcntl::AtFlags;

    use crate::operations::restore::folders::Kind;

    if folder
        .stat(name)?
        .is_none_or(|stat| stat.kind != Kind::Link)
    {
        return Err(io::Error::other("it is no link any more"));
    }
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
    Ok(fchownat(folder.as_fd(), name, Some(uid), Some(gid), flags)?)
}

/// The mode with set-user-id and the like, which would let everybody act as somebody else when the owner is not the one
/// that was stored.
fn with_special_bits(file: &File, unix: &UnixMetadata, special: u32) -> (u32, io::Result<()>) {
    let mode = unix.mode & 0o777;
    if special == 0 {
        return (mode, Ok(()));
    }
    let is_owner = file
        .metadata()
        .is_ok_and(|stat| (stat.uid(), stat.gid()) == owner(unix) && is_same_person(unix));
    if is_owner || special & SET_ID == 0 {
        return (mode | special, Ok(()));
    }
    let why = "set-user-id or set-group-id was left out, because the owner is another";
    (mode | special & !SET_ID, Err(io::Error::other(why)))
}

/// Whether numbers whose names are unknown here are not those of others.
fn is_same_person(unix: &UnixMetadata) -> bool {
    let user = unix.owner.as_deref();
    let is_user = user.and_then(user_number).is_some()
        || user.is_none()
        || User::from_uid(Uid::from_raw(unix.uid)).is_ok_and(|other| other.is_none());
    let group = unix.group.as_deref();
    let is_group = group.and_then(group_number).is_some()
        || group.is_none()
        || Group::from_gid(Gid::from_raw(unix.gid)).is_ok_and(|other| other.is_none());
    is_user && is_group
}

/// Systems pass over bits that a user may not set.
fn has_bits(file: &File, bits: u32) -> io::Result<()> {
    if bits == 0 || file.metadata()?.mode() & bits == bits {
        return Ok(());
    }
    let why = "the system did not take set-user-id, set-group-id or sticky";
    Err(io::Error::other(why))
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(FilePermissions::from_mode(mode))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uid: u32, owner: Option<&str>) -> UnixMetadata {
        UnixMetadata {
            uid,
            gid: nix::unistd::getegid().as_raw(),
            mode: 0o755,
            owner: owner.map(str::to_owned),
            group: None,
        }
    }

    #[test]
    fn set_user_id_needs_the_owner_that_was_stored() {
        let file = tempfile::tempfile().unwrap();
        let own = geteuid().as_raw();

        let given = |unix: &UnixMetadata, special| {
            let (mode, refused) = with_special_bits(&file, unix, special);
            (mode, refused.is_err())
        };

        assert_eq!(given(&of(own, None), 0o4000), (0o4755, false));
        assert_eq!(given(&of(own + 1, None), 0o4000), (0o755, true));
        assert_eq!(given(&of(own + 1, None), 0o7000), (0o1755, true));
        assert_eq!(given(&of(own + 1, None), 0o1000), (0o1755, false));
        // The number is that of somebody else here.
        assert_eq!(given(&of(own, Some("no such user")), 0o4000), (0o755, true));
    }
}
