//! The recovery sheet: everything that is needed to open a backup on a new computer.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::command::SaveJob;

/// The job of a sheet. No `Debug`: it may contain a passphrase.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SheetOf {
    /// A saved job; its passphrase comes from the keychain.
    #[serde(rename_all = "camelCase")]
    Job {
        /// The job.
        job_id: String,
    },
    /// A job that is not saved yet.
    Draft {
        /// The job as it will be saved.
        request: Box<SaveJob>,
    },
}

/// The content of the sheet, the same on paper and in a file. No `Debug`: it contains the passphrase.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RecoverySheet {
    /// Its heading.
    pub title: String,
    /// What the sheet is for and how to keep it.
    pub intro: String,
    /// The lines, from the backup's name to its passphrase.
    pub lines: Vec<SheetLine>,
    /// How to restore with it.
    pub how: String,
}

/// One line of a recovery sheet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SheetLine {
    /// The label of the value.
    pub label: String,
    /// The value.
    pub value: String,
    /// Whether the value has to be typed exactly as printed.
    pub is_exact: bool,
}
