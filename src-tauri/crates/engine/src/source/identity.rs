//! Telling files and file systems apart whatever path leads to them.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use coffer_volume::hash::HashAlgorithm;

/// Folders that are recognized by whatever path they are reached.
#[derive(Debug, Default)]
pub(super) struct Folders {
    paths: Vec<PathBuf>,
    #[cfg(unix)]
    ids: Vec<(u64, u64)>,
}

impl Folders {
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let real = paths.iter().filter_map(|path| fs::canonicalize(path).ok());
        Self {
            #[cfg(unix)]
            ids: real
                .clone()
                .filter_map(|path| Some(id(&fs::metadata(path).ok()?)))
                .collect(),
            paths: paths.iter().cloned().chain(real).collect(),
        }
    }

    pub(super) fn contains(&self, path: &Path, stat: &Metadata) -> bool {
        #[cfg(unix)]
        if self.ids.contains(&id(stat)) {
            return true;
        }
        let _ = stat;
        self.paths.iter().any(|own| own == path)
    }
}

#[cfg(unix)]
fn id(stat: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (stat.dev(), stat.ino())
}

/// Number by which the system tells mounted file systems apart; `None` where it does not say.
#[cfg(unix)]
pub(super) fn device(stat: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(stat.dev().cast_signed())
}

/// The standard library does not show it on Windows.
#[cfg(windows)]
pub(super) fn device(_stat: &Metadata) -> Option<i64> {
    None
}

/// Stands for the file system that `folder` lies in, and, for a source, for where its links lead, so that another disk at
/// the same place is distinguished. `None` where the system does not say.
pub(super) fn whereabouts(folder: &Path, is_source: bool) -> Option<i64> {
    let mut identity = file_system(folder)?;
    if is_bound(folder) {
        identity.push_str(&format!(" bound {}", number(folder)));
    }
    if is_source && let Ok(real) = fs::canonicalize(folder) {
        identity.push(' ');
        identity.push_str(&real.to_string_lossy());
    }
    let digest = HashAlgorithm::Sha256.digest(identity.as_bytes());
    let start = digest.as_bytes().first_chunk()?;
    Some(i64::from_le_bytes(*start))
}

/// Whether another folder of the same file system is mounted at `folder`.
fn is_bound(folder: &Path) -> bool {
    let device = |path| fs::metadata(path).ok().as_ref().and_then(device);
    is_mounted(folder)
        && folder
            .parent()
            .is_some_and(|parent| device(parent) == device(folder))
}

/// The folder's number in its file system; 0 where it is unknown.
fn number(folder: &Path) -> u64 {
    #[cfg(unix)]
    let number = fs::metadata(folder).map_or(0, |stat| id(&stat).1);
    #[cfg(not(unix))]
    let number = {
        let _ = folder;
        0
    };
    number
}

/// Whether something is mounted at `folder`; false before Linux 5.8, which does not say.
#[cfg(target_os = "linux")]
pub(super) fn is_mounted(folder: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let about = statx(CWD, folder, AtFlags::empty(), StatxFlags::empty());
    about.is_ok_and(|about| about.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Elsewhere what is mounted has a device of its own.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_mounted(_folder: &Path) -> bool {
    false
}

/// Device numbers are reassigned with each disk that is plugged in, so the file system's own id goes before them. FAT, exFAT
/// and XFS have none but the device's number, and what a program mounts (FUSE) has none at all: there it is the id that udev
/// read from the disk, the size, and what was mounted, a vault's folder or a server's, say.
#[cfg(unix)]
fn file_system(folder: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let device = fs::metadata(folder).ok()?.dev();
    let about = nix::sys::statvfs::statvfs(folder).ok()?;
    // Both are of another width on other systems.
    #[allow(clippy::useless_conversion, reason = "32 bits wide on macOS")]
    let (id, blocks) = (u64::from(about.filesystem_id()), u64::from(about.blocks()));
    if id != 0 && id != device {
        return Some(format!("{id:x}"));
    }
    let written = udev_id(device).unwrap_or_default();
    let mounted = mounted_from(folder, device).unwrap_or_default();
    Some(format!("{device:x} {written} {blocks} {mounted}"))
}

/// What is mounted, as the one who mounted it named it.
#[cfg(target_os = "linux")]
fn mounted_from(_folder: &Path, device: u64) -> Option<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    source_in(&table, device)
}

#[cfg(target_os = "macos")]
fn mounted_from(folder: &Path, _device: u64) -> Option<String> {
    let about = rustix::fs::statfs(folder).ok()?;
    let name = about.f_mntfromname.iter().take_while(|byte| **byte != 0);
    let name: Vec<u8> = name.map(|byte| byte.cast_unsigned()).collect();
    Some(String::from_utf8_lossy(&name).into_owned())
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
fn mounted_from(_folder: &Path, _device: u64) -> Option<String> {
    None
}

/// Kind and source of a device in the table of mounts (`proc_pid_mountinfo(5)`).
#[cfg(target_os = "linux")]
fn source_in(table: &str, device: u64) -> Option<String> {
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let number = format!("{major}:{minor}");
    let line = table
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(&number))?;
    let (_, mounted) = line.split_once(" - ")?;
    let mut mounted = mounted.split(' ');
    Some(format!("{} {}", mounted.next()?, mounted.next()?))
}

/// The name by which udev links to a block device, which it reads from the file system.
#[cfg(unix)]
fn udev_id(device: u64) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut links = fs::read_dir("/dev/disk/by-uuid").ok()?.flatten();
    let is_it = |link: &fs::DirEntry| fs::metadata(link.path()).is_ok_and(|to| to.rdev() == device);
    let link = links.find(is_it)?;
    Some(link.file_name().to_string_lossy().into_owned())
}

/// The serial number that a volume got when it was formatted.
#[cfg(windows)]
fn file_system(folder: &Path) -> Option<String> {
    let handle = winapi_util::Handle::from_path_any(folder).ok()?;
    let about = winapi_util::file::information(&handle).ok()?;
    Some(format!("{:x}", about.volume_serial_number()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn two_vaults_at_one_place_are_told_apart() {
        let table = |vault| {
            format!(
                "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
                 52 27 0:45 / /home/me/Private rw shared:1 - fuse.gocryptfs {vault} rw,user_id=0\n"
            )
        };
        let device = nix::sys::stat::makedev(0, 45);

        let source = source_in(&table("/home/me/vault"), device).unwrap();

        assert_eq!(source, "fuse.gocryptfs /home/me/vault");
        assert_ne!(source_in(&table("/home/me/other"), device).unwrap(), source);
        assert_eq!(source_in(&table("x"), nix::sys::stat::makedev(0, 46)), None);
        assert_eq!(source_in("what 1 0:45", device), None);
    }

    #[test]
    fn what_is_mounted_is_told_from_what_lies_in_it() {
        assert!(is_mounted(Path::new("/proc")));
        assert!(!is_mounted(Path::new("/proc/self")));
    }
}
