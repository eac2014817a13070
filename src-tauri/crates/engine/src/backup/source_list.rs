//! The sources of a run, noted in the index to see when some leave the list.

use coffer_database::Index;

use crate::error::Result;
use crate::source::{Root, is_inside};
use crate::store::SOURCES;

/// In no path.
const SEPARATOR: char = '\0';

pub(super) struct SourceList(Vec<String>);

impl SourceList {
    pub(super) fn of(roots: &[Root]) -> Self {
        Self(roots.iter().map(|root| root.stored.clone()).collect())
    }

    /// `None` if this index has seen no run.
    pub(super) fn of_run_before(index: &Index) -> Result<Option<Self>> {
        let noted = index.meta(SOURCES)?;
        Ok(noted.map(|noted| Self(noted.split(SEPARATOR).map(str::to_owned).collect())))
    }

    pub(super) fn note(&self, index: &Index) -> Result<()> {
        let noted = self.0.join(&SEPARATOR.to_string());
        Ok(index.set_meta(SOURCES, &noted)?)
    }

    /// Whether a path as stored lies in one of these.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|root| is_inside(path, root))
    }

    /// Whether some of `before` lies in none of these.
    pub(super) fn lacks_some_of(&self, before: &Self) -> bool {
        !before.0.iter().all(|path| self.has(path))
    }
}
