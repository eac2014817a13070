//! Drives in Graph's JSON.

use coffer_destination::Quota;
use serde::Deserialize;

/// A drive that can hold backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Value for `--drive-id`.
    pub id: String,
    /// Name, if it has one.
    pub name: String,
    /// `personal`, `business` or `documentLibrary`.
    pub kind: String,
    /// Its owner: an email address, else a name, else empty.
    pub owner: String,
    /// Whether it is the account's own.
    pub is_default: bool,
    /// Its space, if known.
    pub quota: Option<Quota>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DriveJson {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    drive_type: String,
    owner: Option<Owner>,
    /// Informational only: an unexpected shape must not keep the rest from being parsed.
    quota: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Owner {
    user: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    #[serde(default)]
    email: String,
    #[serde(default)]
    display_name: String,
}

#[derive(Deserialize)]
struct QuotaJson {
    #[serde(default)]
    total: i64,
    #[serde(default)]
    remaining: i64,
}

impl DriveJson {
    pub(super) fn into_drive(self, is_default: bool) -> Drive {
        let user = self.owner.and_then(|owner| owner.user);
        let owner = user.map_or_else(String::new, |user| {
            if user.email.is_empty() {
                user.display_name
            } else {
                user.email
            }
        });
        let quota = self.quota.and_then(QuotaJson::read);
        Drive {
            id: self.id,
            name: self.name,
            kind: self.drive_type,
            owner,
            is_default,
            quota,
        }
    }

    pub(super) fn into_quota(self) -> Option<Quota> {
        self.quota.and_then(QuotaJson::read)
    }
}

impl QuotaJson {
    fn read(json: serde_json::Value) -> Option<Quota> {
        serde_json::from_value::<Self>(json).ok()?.known()
    }

    /// All zeros mean that the service does not know.
    fn known(self) -> Option<Quota> {
        let total_bytes = u64::try_from(self.total).ok().filter(|total| *total > 0)?;
        Some(Quota {
            total_bytes,
            free_bytes: u64::try_from(self.remaining).unwrap_or(0),
        })
    }
}
