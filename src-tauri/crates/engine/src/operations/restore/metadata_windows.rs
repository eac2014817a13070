use std::ffi::OsStr;
use std::fs::File;
use std::io;

use coffer_volume::metadata::{Attributes, Metadata};
use filetime::FileTime;
use jiff::Timestamp;

use crate::operations::restore::folders::Folder;
use crate::operations::restore::options::Permissions;

/// Sets times of a file or folder, then the read-only attribute, which would stand in their way.
pub(super) fn apply(
    file: &File,
    metadata: Option<&Metadata>,
    _permissions: Permissions,
    _new_mode: Option<u32>,
) -> io::Result<()> {
    let Some(metadata) = metadata else {
        return Ok(());
    };
    if let Some(modified) = metadata.modified {
        let time = file_time(modified);
        filetime::set_file_handle_times(file, Some(time), Some(time))?;
    }
    let read_only = metadata
        .attributes
        .is_some_and(|bits| bits.contains(Attributes::READ_ONLY));
    let stat = file.metadata()?;
    if read_only && stat.is_file() {
        let mut permissions = stat.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

/// The same for a link, which has times only.
pub(super) fn apply_to_link(
    folder: &Folder,
    name: &OsStr,
    metadata: &Metadata,
    _permissions: Permissions,
) -> io::Result<()> {
    let Some(modified) = metadata.modified else {
        return Ok(());
    };
    let time = file_time(modified);
    let link = folder.open_link(name)?;
    filetime::set_file_handle_times(&link, Some(time), Some(time))
}

fn file_time(time: Timestamp) -> FileTime {
    let nanoseconds = time.as_nanosecond();
    let seconds = nanoseconds.div_euclid(1_000_000_000) as i64;
    FileTime::from_unix_time(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32)
}
