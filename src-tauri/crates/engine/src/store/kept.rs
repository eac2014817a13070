//! What only the index knows, and a destination does not tell: it outlives an index that is read anew.

use std::collections::HashMap;

use coffer_database::{Index, KnownDlist};

use crate::error::{Error, Result};

/// Settings that hold what runs before found out.
pub(crate) const RETENTION: &str = "retention";
pub(crate) const SOURCES: &str = "sources";
pub(crate) const SOURCES_LEFT: &str = "sources left";
pub(crate) const OTHERS: &str = "others work here";

pub(super) struct Kept {
    dlists: Vec<KnownDlist>,
    mounts: HashMap<String, i64>,
    settings: Vec<(&'static str, String)>,
}

impl Kept {
    pub(super) fn of(index: &Index) -> Result<Self> {
        let mut settings = Vec::new();
        for key in [RETENTION, SOURCES, SOURCES_LEFT, OTHERS] {
            settings.extend(index.meta(key)?.map(|value| (key, value)));
        }
        Ok(Self {
            dlists: index.known_dlists()?,
            mounts: index.mounts()?,
            settings,
        })
    }

    pub(super) fn put_into(&self, index: &Index) -> Result<()> {
        index.transaction(|index| {
            for dlist in &self.dlists {
                index.know_dlist(&dlist.name, dlist.size)?;
                if dlist.is_gone {
                    index.note_gone(&dlist.name)?;
                }
            }
            for (key, value) in &self.settings {
                index.set_meta(key, value)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(index.set_mounts(&self.mounts)?)
    }
}
