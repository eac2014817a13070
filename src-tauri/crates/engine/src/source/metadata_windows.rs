use std::fs::Metadata as Stat;
use std::os::windows::fs::MetadataExt as _;
use std::path::Path;

use coffer_database::LocalState;
use coffer_volume::dlist::EntryKind;
use coffer_volume::metadata::{Attributes, Metadata, hardlink_group};
use jiff::{SignedDuration, Timestamp};

use super::SourceEntry;

/// 1970-01-01 in Windows file time (100 ns since 1601-01-01).
const EPOCH: i64 = 116_444_736_000_000_000;

/// What shows that an entry is unchanged without reading it.
pub(crate) fn local_state(found: &SourceEntry) -> LocalState {
    let nanoseconds = |ticks: i64| ticks.saturating_sub(EPOCH).saturating_mul(100);
    let modified = nanoseconds(found.stat.last_write_time().cast_signed());
    // A file that cannot be asked for them is reported when it is read.
    let (changed, inode) = identity(found).map_or((0, 0), |(changed, inode)| {
        (nanoseconds(changed), inode.cast_signed())
    });
    LocalState {
        modified,
        // File systems that keep no change time say 0.
        changed: changed.max(0),
        inode,
    }
}

/// When anything of an entry changed last, as NTFS keeps it (file time), and its number in its file system. The standard
/// library shows neither.
fn identity(found: &SourceEntry) -> Option<(i64, u64)> {
    use std::os::windows::fs::OpenOptionsExt as _;
    use windows_sys::Win32::Storage::FileSystem::{
        FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
    };
    let mut flags = FILE_FLAG_BACKUP_SEMANTICS;
    if !found.is_followed {
        flags |= FILE_FLAG_OPEN_REPARSE_POINT;
    }
    let mut options = std::fs::OpenOptions::new();
    options
        .access_mode(FILE_READ_ATTRIBUTES)
        .custom_flags(flags);
    let file = options.open(&found.path).ok()?;
    let changed = change_time(&file)?;
    let handle = winapi_util::Handle::from_file(file);
    let information = winapi_util::file::information(&handle).ok()?;
    Some((changed, information.file_index()))
}

#[allow(unsafe_code, reason = "no safe crate asks for the change time")]
fn change_time(file: &std::fs::File) -> Option<i64> {
    use std::os::windows::io::AsRawHandle as _;
    use windows_sys::Win32::Storage::FileSystem::{
        FILE_BASIC_INFO, FileBasicInfo, GetFileInformationByHandleEx,
    };
    let mut basic = FILE_BASIC_INFO::default();
    let size = u32::try_from(size_of::<FILE_BASIC_INFO>()).ok()?;
    // SAFETY: the handle is open as long as `file` lives, and `basic` is as large as is said and of the type that
    // `FileBasicInfo` stands for.
    let succeeded = unsafe {
        GetFileInformationByHandleEx(
            file.as_raw_handle(),
            FileBasicInfo,
            (&raw mut basic).cast(),
            size,
        )
    };
    (succeeded != 0).then_some(basic.ChangeTime)
}

/// Everything that is stored of an entry besides its content.
pub(crate) fn metadata(found: &SourceEntry) -> std::io::Result<Metadata> {
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
    Ok(Metadata {
        attributes: Some(attributes(found)),
        modified: Some(timestamp(found.stat.last_write_time())),
        created: Some(timestamp(found.stat.creation_time())),
        symlink_target,
        hardlink: (found.kind == EntryKind::File)
            .then(|| hardlink_id(&found.path, &found.stat))
            .flatten()
            .map(|(device, file)| hardlink_group(device, file)),
        ..Metadata::default()
    })
}

/// The attributes of an entry.
pub(crate) fn attributes(found: &SourceEntry) -> Attributes {
    Attributes(found.stat.file_attributes())
}

/// Identifies a file that has several names.
pub(crate) fn hardlink_id(path: &Path, _stat: &Stat) -> Option<(u64, u64)> {
    let handle = winapi_util::Handle::from_path(path).ok()?;
    let information = winapi_util::file::information(&handle).ok()?;
    (information.number_of_links() > 1).then(|| {
        let volume = information.volume_serial_number();
        (volume, information.file_index())
    })
}

/// Windows has no mark that says "no backup".
pub(crate) fn exclusion_mark(_found: &mut SourceEntry) -> Option<&'static str> {
    None
}

fn timestamp(file_time: u64) -> Timestamp {
    let ticks = file_time.cast_signed().saturating_sub(EPOCH);
    let nanoseconds = (ticks.rem_euclid(10_000_000) * 100) as i32;
    let since_epoch = SignedDuration::new(ticks.div_euclid(10_000_000), nanoseconds);
    Timestamp::from_duration(since_epoch).unwrap_or(Timestamp::UNIX_EPOCH)
}
