//! Settings, each stored as JSON under its own name.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Coffer;
use crate::{Result, wording};

impl Coffer {
    /// The value that is stored under `name`; the default when there is none that this version can read.
    pub(super) fn setting<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        let stored = self.database(|database| database.setting(name))?;
        Ok(stored
            .and_then(|text| read(name, &text))
            .unwrap_or_default())
    }

    /// Stores `value`. A previous value that this version cannot read is kept under another name.
    pub(super) fn set_setting<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        value: &T,
    ) -> Result<()> {
        let text = stored_text(value)?;
        self.database(|database| {
            let before = database.setting(name)?;
            if let Some(before) = before.filter(|before| read::<T>(name, before).is_none()) {
                database.set_setting(&format!("{name} (unreadable)"), &before)?;
            }
            database.set_setting(name, &text)
        })
    }
}

/// The JSON of a value, as it is stored.
pub(super) fn stored_text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "a value cannot be stored");
        wording::defect()
    })
}

fn read<T: DeserializeOwned>(name: &str, text: &str) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::error!(name, %error, "a setting cannot be read"))
        .ok()
}
