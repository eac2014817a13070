//! Disks that are mounted within sources, and what is left where one was.

use std::collections::HashMap;

use coffer_database::Index;

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

/// Folders in which another file system began when the newest version was made.
pub(crate) struct KnownMounts {
    devices: HashMap<String, i64>,
    index: Index,
}

impl KnownMounts {
    /// # Errors
    /// Those of the database.
    pub(crate) fn load(index: Index) -> coffer_database::Result<Self> {
        Ok(Self {
            devices: index.mounts()?,
            index,
        })
    }

    /// All that are known.
    pub(crate) fn devices(&self) -> &HashMap<String, i64> {
        &self.devices
    }

    /// Folders below `root` (its stored path, with the separator) that are gone with the disks that were mounted there. Some
    /// systems make such a folder when a disk comes and remove it when it goes.
    pub(crate) fn gone_below(&self, root: &str) -> Vec<String> {
        let below = self.devices.keys();
        let below = below.filter(|folder| folder.starts_with(root) && folder.len() > root.len());
        let is_gone = |folder: &&String| {
            let stat = std::fs::symlink_metadata(folder.as_str());
            stat.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
                && self.index.has_below(folder, is_marker).unwrap_or(true)
        };
        let mut gone: Vec<String> = below.filter(is_gone).cloned().collect();
        gone.sort_unstable();
        gone
    }

    /// Whether the disk that was at `folder` is away: there is another file system now, and nothing of what was there. A
    /// database that cannot answer makes it count as there.
    pub(super) fn is_away<I: Iterator<Item = String>>(
        &self,
        folder: &str,
        device: i64,
        children: impl Fn() -> I,
    ) -> bool {
        let known = self.devices.get(folder);
        known.is_some_and(|known| *known != device)
            && self.index.has_below(folder, is_marker).unwrap_or(false)
            && !self.index.has_any_of(children()).unwrap_or(true)
    }
}
