//! The recovery sheet: all that is needed to open a backup on a new computer.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::command::SaveJob;

/// Whose sheet it is. No `Debug`: it may hold a passphrase.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SheetOf {
    /// A job's; its passphrase comes from the keychain.
    #[serde(rename_all = "camelCase")]
    Job {
        /// The job.
        job_id: String,
    },
    /// A job's that is not saved yet.
    Draft {
        /// As it will be saved.
        request: Box<SaveJob>,
    },
}

/// What it says, the same on paper and in a file. No `Debug`: it holds the passphrase.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RecoverySheet {
    /// Its heading.
    pub title: String,
    /// What it is for and how to keep it.
    pub intro: String,
    /// From the backup's name to its passphrase.
    pub lines: Vec<SheetLine>,
    /// How to restore with it.
    pub how: String,
}

/// One line of a recovery sheet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SheetLine {
    /// What it is.
    pub label: String,
    /// The value itself.
    pub value: String,
    /// Whether it has to be typed exactly as it stands.
    pub is_exact: bool,
}
