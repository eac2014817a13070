//! Passphrases that the keychain keeps.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::job::DestinationSettings;

/// A passphrase that stayed in the keychain when its job was deleted or went elsewhere. It is used when its backup is
/// opened or continued, until it is removed. The passphrase itself stays in the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct LeftPassphrase {
    /// Names the keychain's entry; no secret.
    pub id: String,
    /// What the job was called.
    pub name: String,
    /// The backup that it opens.
    pub destination: DestinationSettings,
    /// [`crate::job::JobOptions::prefix`] of that backup.
    pub prefix: String,
    /// Where that is, for people.
    pub label: String,
    /// Since when no job has it, RFC 3339.
    pub left: String,
}
