use std::cmp::Ordering;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use coffer_volume::dlist::EntryKind;

use super::SEPARATOR;

/// A name in a folder that is being walked. There may be millions, so it is as small as can be.
pub(super) struct Child {
    pub(super) name: Box<str>,
    pub(super) kind: EntryKind,
    pub(super) links_to_folder: bool,
    pub(super) is_link: bool,
}

impl Child {
    pub(super) fn has_separator(&self) -> bool {
        self.kind == EntryKind::Folder || self.links_to_folder
    }

    /// Whether it is a link that stands for what it leads to.
    pub(super) fn is_followed(&self) -> bool {
        self.is_link && self.kind != EntryKind::Symlink
    }

    pub(super) fn stat(&self, path: &Path) -> io::Result<Metadata> {
        if self.is_followed() {
            fs::metadata(path)
        } else {
            fs::symlink_metadata(path)
        }
    }

    /// Its path as stored, in a folder.
    pub(super) fn stored(&self, folder: &str) -> String {
        let mut stored = format!("{folder}{}", self.name);
        if self.has_separator() {
            stored.push(SEPARATOR);
        }
        stored
    }

    /// The order of stored paths.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let separator = |child: &Self| child.has_separator().then_some(SEPARATOR as u8);
        let bytes = |child: &'_ Self| separator(child).into_iter();
        let (one, two) = (self.name.bytes(), other.name.bytes());
        one.chain(bytes(self)).cmp(two.chain(bytes(other)))
    }
}
