use std::fs::Metadata as Stat;
use std::os::windows::fs::MetadataExt as _;
use std::path::Path;

use coffer_database::LocalState;
use coffer_volume::dlist::EntryKind;
use coffer_volume::metadata::{Attributes, Metadata, hardlink_group};
use jiff::{SignedDuration, Timestamp};

use super::Found;

/// 1970-01-01 in Windows file time (100 ns since 1601-01-01).
const EPOCH: i64 = 116_444_736_000_000_000;

/// What tells an unchanged entry without reading it. Windows shows no change time through the standard library.
pub(crate) fn local_state(stat: &Stat) -> LocalState {
    let since_epoch = stat.last_write_time().cast_signed().saturating_sub(EPOCH);
    LocalState {
        modified: since_epoch.saturating_mul(100),
        changed: 0,
        inode: 0,
    }
}

/// Everything that is stored of an entry besides its content.
pub(crate) fn metadata(found: &Found) -> std::io::Result<Metadata> {
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
pub(crate) fn attributes(found: &Found) -> Attributes {
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
pub(crate) fn exclusion_mark(_found: &mut Found) -> Option<&'static str> {
    None
}

fn timestamp(file_time: u64) -> Timestamp {
    let ticks = file_time.cast_signed().saturating_sub(EPOCH);
    let nanoseconds = (ticks.rem_euclid(10_000_000) * 100) as i32;
    let since_epoch = SignedDuration::new(ticks.div_euclid(10_000_000), nanoseconds);
    Timestamp::from_duration(since_epoch).unwrap_or(Timestamp::UNIX_EPOCH)
}
