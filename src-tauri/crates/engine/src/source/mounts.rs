//! Disks that are mounted within sources, and what is left where one was.

use std::collections::HashMap;

use coffer_database::Index;
use coffer_volume::dlist::EntryKind;

use super::SEPARATOR;
use super::roots::{Root, with_separator};
use crate::store::kind_number;

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

/// Whether a name is one that folders have which are as good as empty.
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
    pub(crate) fn gone_below(&self, root: &str) -> Vec<String> {
        let below = self.whereabouts.keys();
        let below = below.filter(|folder| folder.starts_with(root) && folder.len() > root.len());
        let is_gone = |folder: &&String| {
            let there = folder.trim_end_matches(SEPARATOR);
            let is_gone = match std::fs::symlink_metadata(there) {
                Ok(stat) => stat.is_file(),
                Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            };
            is_gone && self.index.has_below(folder, is_marker).unwrap_or(true)
        };
        let mut gone: Vec<String> = below.filter(is_gone).cloned().collect();
        gone.sort_unstable();
        gone
    }

    /// Whether a source is a file and was a folder that had content, or the other way around.
    pub(crate) fn is_replaced(&self, source: &Root) -> bool {
        let was_other = match std::fs::metadata(&source.path) {
            Ok(now) if now.is_dir() => {
                let file = kind_number(EntryKind::File);
                self.index.has_file(&source.stored, file)
            }
            Ok(_) => {
                let folder = with_separator(&source.stored);
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
        now: &Mounted,
        children: impl Fn() -> I,
    ) -> bool {
        let known = self.whereabouts.get(folder);
        known.is_some_and(|known| *known != now.whereabouts && Some(*known) != now.device)
            && self.index.has_below(folder, is_marker).unwrap_or(false)
            && !self.index.has_any_of(children()).unwrap_or(true)
    }
}

/// What is mounted somewhere.
pub(super) struct Mounted {
    /// See [`super::identity::device`].
    pub(super) device: Option<i64>,
    /// See [`super::identity::whereabouts`].
    pub(super) whereabouts: i64,
}
