//! An auditor: whether versions are whole, judged by the files at the destination alone.
//!
//! It knows no index and no listing, and looks at a block in any dblock that has it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher as _};

use coffer_volume::dlist::{EntryKind, FilelistEntry};
use coffer_volume::stream::{Parts, StreamRef, split_blocklist};
use coffer_volume::{Format, Hash};

use crate::disk::Stored;
use crate::parsed::Parsed;

/// An entry of a version or a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Folder,
    Link,
    /// Length and a hash of the content.
    File(u64, u64),
}

/// Entries by path; `None` for one of which something is missing.
pub(crate) type Tree = BTreeMap<String, Option<Node>>;

/// A content by length and hash.
pub(crate) fn file_node(data: &[u8]) -> Node {
    let mut hasher = DefaultHasher::new();
    hasher.write(data);
    Node::File(data.len() as u64, hasher.finish())
}

/// Every block at the destination.
pub(crate) struct Auditor<'f> {
    volumes: Vec<&'f HashMap<Hash, Vec<u8>>>,
}

impl<'f> Auditor<'f> {
    pub(crate) fn new(files: &'f [Stored]) -> Self {
        let volumes = files.iter().filter_map(|file| match file.parsed() {
            Parsed::Blocks(blocks) => Some(blocks),
            _ => None,
        });
        Self {
            volumes: volumes.collect(),
        }
    }

    fn block(&self, hash: &Hash) -> Option<&'f [u8]> {
        let found = self.volumes.iter().find_map(|blocks| blocks.get(hash));
        found.map(Vec::as_slice)
    }

    /// The entries of a version with paths cut by `base`; `None` when the dlist cannot be read.
    pub(crate) fn tree(&self, dlist: &Stored, base: &str) -> Option<Tree> {
        let Parsed::Entries(format, entries) = dlist.parsed() else {
            return None;
        };
        let tree = entries.iter().map(|entry| {
            let path = entry.path.strip_prefix(base).unwrap_or(&entry.path);
            (path.to_owned(), self.node(entry, format))
        });
        Some(tree.collect())
    }

    /// Whether everything that a version refers to is there; what it is was looked at when it was judged.
    pub(crate) fn has_all(&self, dlist: &Stored) -> bool {
        let Parsed::Entries(format, entries) = dlist.parsed() else {
            return false;
        };
        let has_stream = |stream: &StreamRef| match &stream.parts {
            Parts::Empty => true,
            Parts::Block(hash) => self.block(hash).is_some(),
            Parts::Blocklists(lists) => lists.iter().all(|list| {
                let hashes = self
                    .block(list)
                    .and_then(|data| split_blocklist(data, format).ok());
                hashes.is_some_and(|hashes| hashes.iter().all(|hash| self.block(hash).is_some()))
            }),
        };
        entries
            .iter()
            .all(|entry| entry.content.iter().chain(&entry.metadata).all(has_stream))
    }

    fn node(&self, entry: &FilelistEntry, format: &Format) -> Option<Node> {
        if let Some(metadata) = &entry.metadata {
            self.stream(metadata, format)?;
        }
        match (entry.kind, &entry.content) {
            (EntryKind::File, Some(content)) => Some(file_node(&self.stream(content, format)?)),
            (EntryKind::File, None) => Some(file_node(&[])),
            (EntryKind::Folder, _) => Some(Node::Folder),
            (EntryKind::Symlink, _) => Some(Node::Link),
        }
    }

    fn stream(&self, stream: &StreamRef, format: &Format) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        match &stream.parts {
            Parts::Empty => {}
            Parts::Block(hash) => data.extend(self.block(hash)?),
            Parts::Blocklists(lists) => {
                for list in lists {
                    for hash in split_blocklist(self.block(list)?, format).ok()? {
                        data.extend(self.block(&hash)?);
                    }
                }
            }
        }
        let is_right =
            data.len() as u64 == stream.size && format.file_hash().digest(&data) == stream.hash;
        is_right.then_some(data)
    }
}
