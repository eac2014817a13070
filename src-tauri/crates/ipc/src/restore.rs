//! Browsing a backup and restoring files.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::job::DestinationSettings;

/// Which backup to open.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum BackupRef {
    /// The backup of a job; its passphrase comes from the keychain.
    #[serde(rename_all = "camelCase")]
    Job {
        /// The job.
        job_id: String,
    },
    /// A backup that belongs to no job here: "I already have a backup".
    Existing {
        /// The place of the backup.
        destination: DestinationSettings,
        /// `--prefix`; `duplicati` when empty.
        prefix: String,
        /// Its passphrase; empty when it is not encrypted, or when the keychain has it.
        #[ts(type = "string")]
        passphrase: SecretString,
    },
}

/// A backup that was opened for browsing. Closed by `close_backup` or with the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OpenBackup {
    /// Identifies it in commands that read from it.
    pub handle: String,
    /// Newest first.
    pub versions: Vec<Version>,
    /// Suggested new folder for restored files, when the backup belongs to no job here: its paths are those of another
    /// computer.
    pub new_folder: Option<String>,
}

/// The place of a backup without a job that was opened here. It contains no secrets: the user enters them again, or
/// they are in the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OpenedPlace {
    /// Identifies it for `forget_opened_place`.
    pub id: String,
    /// Where it is.
    pub destination: DestinationSettings,
    /// `--prefix`; `duplicati` when empty.
    pub prefix: String,
    /// The place to display.
    pub label: String,
    /// When it was last opened, RFC 3339.
    pub opened: String,
}

/// One version (fileset) of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// 0 is the newest.
    pub number: u32,
    /// When it was created, RFC 3339.
    pub time: String,
}

/// One file, folder or link of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Last part of the path.
    pub name: String,
    /// Full path as stored; folders end with the separator.
    pub path: String,
    /// File, folder or link.
    pub kind: EntryKind,
    /// Bytes; 0 for folders and links.
    pub size_bytes: u64,
    /// Last change, RFC 3339; files only.
    pub modified: Option<String>,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum EntryKind {
    File,
    Folder,
    Symlink,
}

/// One page of entries: folders first, then by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct EntryPage {
    /// Entries `offset..offset + entries.len()`.
    pub entries: Vec<Entry>,
    /// Total number of entries.
    pub total: u64,
}

/// What to restore, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRequest {
    /// [`OpenBackup::handle`].
    pub handle: String,
    /// [`Version::number`].
    pub version: u32,
    /// Stored paths; a folder stands for everything in it. Empty means everything.
    pub paths: Vec<String>,
    /// Absolute path of the target folder, in which `~` and variables are expanded; `None` restores everything to its
    /// original place.
    pub target: Option<String>,
    /// What happens to files that exist and differ.
    pub existing: ExistingFiles,
}

/// What happens to an existing file that differs from the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ExistingFiles {
    /// The stored file is restored beside it, with the version's date in its name.
    KeepBoth,
    /// The stored file replaces it.
    Overwrite,
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_passphrase_is_read_and_never_shown() {
        let json = r#"{"kind":"existing","destination":{"kind":"folder","path":"/b"},"prefix":"","passphrase":"an old key"}"#;

        let backup: BackupRef = serde_json::from_str(json).unwrap();

        assert!(!format!("{backup:?}").contains("old key"));
        let BackupRef::Existing { passphrase, .. } = backup else {
            panic!("another kind");
        };
        assert_eq!(passphrase.expose_secret(), "an old key");
    }
}
