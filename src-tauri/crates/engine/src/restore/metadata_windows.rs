use std::fs;
use std::io;
use std::os::windows::fs::{symlink_dir, symlink_file};
use std::path::Path;

use coffer_volume::metadata::{Attributes, Metadata};
use filetime::FileTime;
use jiff::Timestamp;

use super::Permissions;

pub(super) fn create_link(path: &Path, metadata: &Metadata, target: &str) -> io::Result<()> {
    let to_folder = metadata
        .attributes
        .is_some_and(|bits| bits.contains(Attributes::DIRECTORY));
    if to_folder {
        symlink_dir(target, path)
    } else {
        symlink_file(target, path)
    }
}

/// What gets metadata.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A file, folder or link.
    Path(&'a Path),
}

/// Sets times, then the read-only attribute, which would stand in their way.
pub(super) fn apply(
    Subject::Path(path): Subject<'_>,
    metadata: &Metadata,
    _permissions: Permissions,
) -> io::Result<()> {
    let stat = fs::symlink_metadata(path)?;
    if let Some(modified) = metadata.modified {
        let time = file_time(modified);
        filetime::set_symlink_file_times(path, time, time)?;
    }
    let read_only = metadata
        .attributes
        .is_some_and(|bits| bits.contains(Attributes::READ_ONLY));
    if read_only && stat.is_file() {
        let mut permissions = stat.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

fn file_time(time: Timestamp) -> FileTime {
    let nanoseconds = time.as_nanosecond();
    let seconds = nanoseconds.div_euclid(1_000_000_000) as i64;
    FileTime::from_unix_time(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32)
}
