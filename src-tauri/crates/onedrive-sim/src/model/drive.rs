//! Drives and their quota.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Alex's own drive (`personal`).
pub const ALEX_DRIVE: &str = "8f2c6d1e4b7a9053";
/// Robin's own drive (`business`).
pub const ROBIN_DRIVE: &str = "b!Rb1nOwnDrive-7yQxkU2mZc0hVtJw9sLdGfAeNpXo3TqiKvYr5Hu8CzMWjBl6E4D";
/// The document library of Robin's team (`documentLibrary`).
pub const TEAM_DRIVE: &str =
    "b!TeamLibrary_2pHs9VxNqYt4LmKc8RwZgJd6FbUe1XoAi5QyTn7SvEh3GzCjMkPuW0D";
/// Robin's drive shared with Alex; `Files.ReadWrite` does not reach it, `Files.ReadWrite.All` does.
pub const SHARED_DRIVE: &str =
    "b!SharedByRobin-6kWd3JfYzQm8TnXc1VpLh5RgSb0UeAo7ItKy2NqGx9CvHjMrEwZ4P";

const GIB: u64 = 1 << 30;

/// One drive without its items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Drive {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: DriveKind,
    /// Account the drive belongs to.
    pub(crate) owner: String,
    /// Other accounts that may use it, with a scope that covers other people's files.
    pub(crate) guests: Vec<String>,
    pub(crate) root: String,
    pub(crate) total: u64,
    /// Bytes taken by nothing in particular, to make a drive full.
    pub(crate) fill: u64,
    pub(crate) readonly: bool,
    /// The answer has no quota at all.
    pub(crate) hide_quota: bool,
    /// Number of the last change in the drive.
    pub(crate) changes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DriveKind {
    Personal,
    Business,
    DocumentLibrary,
}

impl DriveKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Business => "business",
            Self::DocumentLibrary => "documentLibrary",
        }
    }
}

impl Drive {
    fn new(id: &str, name: &str, kind: DriveKind, owner: &str, total: u64) -> Self {
        let root = match kind {
            DriveKind::Personal => {
                format!("{}!sea8cc6beffdb43d7976fbc7da445c639", id.to_uppercase())
            }
            _ => format!("01{}", root_suffix(id)),
        };
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            owner: owner.to_owned(),
            guests: Vec::new(),
            root,
            total,
            fill: 0,
            readonly: false,
            hide_quota: false,
            changes: 0,
        }
    }

    /// Whether `id` in a request means this drive; personal ids lose leading zeros and know no letter case.
    pub(crate) fn is_called(&self, id: &str) -> bool {
        match self.kind {
            DriveKind::Personal => id
                .trim_start_matches('0')
                .eq_ignore_ascii_case(self.id.trim_start_matches('0')),
            _ => id == self.id,
        }
    }

    /// The quota facet, where `used` includes the recycle bin's `deleted` bytes.
    pub(crate) fn quota(&self, used: u64, deleted: u64) -> Value {
        let remaining = self.total.saturating_sub(used);
        let state = match remaining {
            0 => "exceeded",
            left if left < self.total / 100 => "critical",
            left if left < self.total / 10 => "nearing",
            _ => "normal",
        };
        json!({
            "total": self.total,
            "used": used,
            "remaining": remaining,
            "deleted": deleted,
            "state": state,
        })
    }
}

/// The drives every simulator starts with.
pub(crate) fn seeds() -> Vec<Drive> {
    let own = |id, name, kind, owner, total| Drive::new(id, name, kind, owner, total);
    let mut shared = own(
        SHARED_DRIVE,
        "Shared by Robin",
        DriveKind::Business,
        "robin",
        1024 * GIB,
    );
    shared.guests.push("alex".to_owned());
    vec![
        own(ALEX_DRIVE, "OneDrive", DriveKind::Personal, "alex", 5 * GIB),
        own(
            ROBIN_DRIVE,
            "OneDrive",
            DriveKind::Business,
            "robin",
            1024 * GIB,
        ),
        own(
            TEAM_DRIVE,
            "Documents",
            DriveKind::DocumentLibrary,
            "robin",
            1024 * GIB,
        ),
        shared,
    ]
}

fn root_suffix(drive: &str) -> String {
    let letters = drive.bytes().filter(u8::is_ascii_alphabetic);
    letters
        .map(|byte| char::from(byte.to_ascii_uppercase()))
        .take(32)
        .collect()
}
