//! Files and folders in Graph's JSON.

use jiff::Timestamp;
use serde::Deserialize;

/// A file or folder.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) size: u64,
    pub(super) file: Option<FileFacet>,
    folder: Option<serde_json::Value>,
    root: Option<serde_json::Value>,
    file_system_info: Option<FileSystemInfo>,
    last_modified_date_time: Option<String>,
    pub(super) parent_reference: Option<ParentReference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParentReference {
    pub(super) drive_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileFacet {
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hashes {
    quick_xor_hash: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileSystemInfo {
    last_modified_date_time: Option<String>,
}

impl Item {
    /// The hash of its content, if the service has computed it already.
    pub(super) fn quick_xor(&self) -> Option<&str> {
        self.file.as_ref()?.hashes.quick_xor_hash.as_deref()
    }

    /// Whether both are the same revision of a file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.id, self.size, self.quick_xor()) == (&other.id, other.size, other.quick_xor())
    }

    pub(super) fn is_folder(&self) -> bool {
        self.folder.is_some() || self.root.is_some()
    }

    pub(super) fn modified(&self) -> Option<Timestamp> {
        let of_file = self
            .file_system_info
            .as_ref()
            .and_then(|info| info.last_modified_date_time.as_ref());
        of_file
            .or(self.last_modified_date_time.as_ref())?
            .parse()
            .ok()
    }
}
