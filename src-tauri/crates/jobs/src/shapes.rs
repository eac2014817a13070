//! Converts values of the engine to those of `coffer-ipc`.

use coffer_ipc::restore::{Entry, EntryKind, Version};
use coffer_volume::dlist::{EntryKind as VolumeEntryKind, FilelistEntry};

pub(crate) fn version_shapes(versions: &[coffer_engine::Version]) -> Vec<Version> {
    versions.iter().copied().map(version_shape).collect()
}

pub(crate) fn version_shape(version: coffer_engine::Version) -> Version {
    Version {
        number: u32::try_from(version.number).unwrap_or(u32::MAX),
        time: version.time.to_string(),
    }
}

/// Length in bytes of the path before its last component, including the separator.
pub(crate) fn parent_len(path: &str) -> usize {
    let separators: &[char] = if path.starts_with('/') {
        &['/']
    } else {
        &['\\', '/']
    };
    let trimmed = path.strip_suffix(separators).unwrap_or(path);
    trimmed.rfind(separators).map_or(0, |position| position + 1)
}

pub(crate) fn entry_shape(entry: &FilelistEntry) -> Entry {
    let path = entry.path.clone();
    let name = path[parent_len(&path)..].trim_end_matches(['/', '\\']);
    Entry {
        // A file system's root has no name of its own.
        name: if name.is_empty() {
            path.clone()
        } else {
            name.to_owned()
        },
        kind: match entry.kind {
            VolumeEntryKind::File => EntryKind::File,
            VolumeEntryKind::Folder => EntryKind::Folder,
            VolumeEntryKind::Symlink => EntryKind::Symlink,
        },
        size_bytes: entry.content.as_ref().map_or(0, |content| content.size),
        modified: entry.time.map(|time| time.to_string()),
        path,
    }
}
