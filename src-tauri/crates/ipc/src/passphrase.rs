//! Passphrases in the keychain.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::job::DestinationSettings;

/// A passphrase that stayed in the keychain when its job was deleted or got another destination. It is used when its
/// backup is opened or continued, until it is removed. The passphrase itself stays in the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct LeftPassphrase {
    /// Name of the keychain's entry; not a secret.
    pub id: String,
    /// The name of the job.
    pub name: String,
    /// The backup that it opens.
    pub destination: DestinationSettings,
    /// [`crate::job::JobOptions::prefix`] of that backup.
    pub prefix: String,
    /// The place of that backup, to display.
    pub label: String,
    /// Since when no job has it, RFC 3339.
    pub left: String,
}
