//! Small things that are kept as JSON, each under a name of its own.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Coffer;
use crate::{Result, wording};

impl Coffer {
    /// What is kept under `name`; the default when nothing is, or nothing that this version can read.
    pub(super) fn setting<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        let stored = self.database(|database| database.setting(name))?;
        Ok(stored
            .and_then(|text| read(name, &text))
            .unwrap_or_default())
    }

    /// Keeps `value`. What this version cannot read stays beside it.
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

/// A value as it is stored.
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
