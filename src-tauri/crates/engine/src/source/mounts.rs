//! Disks that are mounted within sources, and what is left where one was.

use std::collections::HashMap;
use std::path::Path;

use coffer_database::Index;
use coffer_volume::dlist::EntryKind;

use super::SEPARATOR;
use super::roots::with_separator;
use crate::repository::rows::kind_number;

/// Names that say nothing of whether a folder has content: what systems put into the root of each disk, and the mark that
/// people put into an empty mount point.
const MARKERS: [&str; 10] = [
    "NOT_MOUNTED",
    "lost+found",
    "System Volume Information",
    "$RECYCLE.BIN",
    "desktop.ini",
    ".DS_Store",
    ".Spotlight-V100",
    ".Trashes",
    ".fseventsd",
    ".localized",
];

/// Files of those that are known which are looked for at each end of a folder.
const SAMPLED: u32 = 50;
/// One of so many has to be there, for a disk to be the one that was.
const LEAST_SHARE: usize = 4;

/// The name below `folder` that a path goes through.
fn first_name<'p>(folder: &str, path: &'p str) -> &'p str {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    rest.split(SEPARATOR).next().unwrap_or(rest)
}

/// Whether a name is one that practically empty folders have.
pub(crate) fn is_marker(name: &str) -> bool {
    MARKERS.contains(&name) || name.starts_with(".Trash-")
}

/// Sources, and folders in them in which another file system began, when the newest version was made.
pub(crate) struct KnownMounts {
    /// By stored path, with the separator.
    whereabouts: HashMap<String, i64>,
    index: Index,
}

impl KnownMounts {
    /// # Errors
    /// Those of the database.
    pub(crate) fn load(index: Index) -> coffer_database::Result<Self> {
        Ok(Self {
            whereabouts: index.mounts()?,
            index,
        })
    }

    /// All that are known.
    pub(crate) fn all(&self) -> &HashMap<String, i64> {
        &self.whereabouts
    }

    /// Folders below `root` (its stored path, with the separator) that are gone with the disks that were mounted there. Some
    /// systems make such a folder when a disk comes and remove it when it goes.
    ///
    /// `is_followed` says whether a link in such a place would be followed; else it stands for something else.
    pub(crate) fn gone_below(&self, root: &str, is_followed: impl Fn(&str) -> bool) -> Vec<String> {
        let below = self.whereabouts.keys();
        let below = below.filter(|folder| folder.starts_with(root) && folder.len() > root.len());
        let is_gone = |folder: &&String| {
            let there = folder.trim_end_matches(SEPARATOR);
            let is_gone = match std::fs::symlink_metadata(there) {
                Ok(stat) if stat.is_symlink() => !is_followed(there),
                Ok(stat) => !stat.is_dir(),
                Err(error) => matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ),
            };
            is_gone && self.index.has_below(folder, is_marker).unwrap_or(true)
        };
        let mut gone: Vec<String> = below.filter(is_gone).cloned().collect();
        gone.sort_unstable();
        gone
    }

    /// Whether a source is a file and was a folder that had content, or the other way around.
    pub(crate) fn is_replaced(&self, path: &Path, stored: &str) -> bool {
        let stored = stored.trim_end_matches(SEPARATOR);
        let was_other = match std::fs::metadata(path) {
            Ok(now) if now.is_dir() => {
                let file = kind_number(EntryKind::File);
                self.index.has_file(stored, file)
            }
            Ok(_) => {
                let folder = with_separator(stored);
                self.index.has_below(&folder, is_marker)
            }
            Err(_) => Ok(false),
        };
        was_other.unwrap_or(false)
    }

    /// Whether something is known of a folder.
    pub(super) fn has(&self, folder: &str) -> bool {
        self.whereabouts.contains_key(folder)
    }

    /// Whether the disk that was at `folder` is away: there is another file system now, and nothing of what was there. A
    /// database that cannot answer makes it count as there. Older indexes have the device's number.
    pub(super) fn is_away<I: Iterator<Item = String>>(
        &self,
        folder: &str,
        now: &MountPoint,
        children: impl Fn() -> I,
    ) -> bool {
        let known = self.whereabouts.get(folder);
        known.is_some_and(|known| *known != now.whereabouts && Some(*known) != now.device)
            && self.index.has_below(folder, is_marker).unwrap_or(false)
            && !self.has_its_files(folder, children).unwrap_or(true)
    }

    /// Whether what was in a folder is there. Other disks have folders and files of the same names, as camera cards do, so
    /// sizes are compared. Where no file was, names have to do.
    fn has_its_files<I: Iterator<Item = String>>(
        &self,
        folder: &str,
        children: impl Fn() -> I,
    ) -> coffer_database::Result<bool> {
        let file = kind_number(EntryKind::File);
        let mut known = self.index.some_below(folder, file, SAMPLED)?;
        known.retain(|(path, _)| !is_marker(first_name(folder, path)));
        if known.is_empty() {
            let others = children().filter(|child| !is_marker(first_name(folder, child)));
            return self.index.has_any_of(others);
        }
        let is_there = |(path, size): &&(String, u64)| {
            std::fs::symlink_metadata(path).is_ok_and(|stat| stat.len() == *size)
        };
        let there = known.iter().filter(is_there).count();
        Ok(there * LEAST_SHARE >= known.len())
    }
}

/// What is mounted somewhere.
pub(super) struct MountPoint {
    /// See [`super::identity::device`].
    pub(super) device: Option<i64>,
    /// See [`super::identity::whereabouts`].
    pub(super) whereabouts: i64,
}
