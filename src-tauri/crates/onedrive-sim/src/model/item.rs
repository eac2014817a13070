//! Files and folders of a drive, and how Graph shows them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One file or folder, in the drive or in its recycle bin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) drive: String,
    /// Absent for the root only.
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    /// Absent for folders.
    pub(crate) content: Option<Content>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) client_created: Timestamp,
    pub(crate) client_modified: Timestamp,
    /// Raised by every change; the number in the eTag.
    pub(crate) revision: u64,
    /// Raised when the content changes; the number in the cTag.
    pub(crate) content_revision: u64,
    /// Number of the drive's change that touched the item last.
    pub(crate) change: u64,
    pub(crate) deleted: bool,
    /// What the file was before, oldest first; kept by business drives.
    pub(crate) versions: Vec<Version>,
}

/// The bytes of a file: where they are and what they hash to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Name of the blob that holds the bytes.
    pub(crate) blob: String,
    pub(crate) size: u64,
    pub(crate) quick_xor: String,
    pub(crate) sha256: String,
}

/// An earlier content of a file, without its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
}

impl Item {
    pub(crate) fn is_folder(&self) -> bool {
        self.content.is_none()
    }

    pub(crate) fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.size)
    }

    pub(crate) fn e_tag(&self) -> String {
        format!("\"{{{}}},{}\"", self.guid(), self.revision)
    }

    pub(crate) fn c_tag(&self) -> String {
        format!("\"c:{{{}}},{}\"", self.guid(), self.content_revision)
    }

    /// Whether an `If-Match` value names the present state.
    pub(crate) fn matches(&self, tag: &str) -> bool {
        let tag = tag.trim();
        tag == "*" || tag == self.e_tag() || tag == self.c_tag()
    }

    fn guid(&self) -> String {
        let digest = hex::encode_upper(<sha2::Sha256 as sha2::Digest>::digest(self.id.as_bytes()));
        crate::random::guid(&digest)
    }
}
