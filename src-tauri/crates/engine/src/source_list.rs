//! What is backed up: the sources of a run, or the topmost paths of a version.

use coffer_database::Index;

use crate::error::Result;
use crate::source::{Root, is_inside};
use crate::store::SOURCES;

/// In no path.
const SEPARATOR: char = '\0';
/// Nobody backs up more; a list that was made to do harm may.
const MOST: usize = 1000;

/// Paths as stored.
#[derive(Default)]
pub(crate) struct SourceList(Vec<String>);

impl SourceList {
    pub(crate) fn of(roots: &[Root]) -> Self {
        Self(roots.iter().map(|root| root.stored.clone()).collect())
    }

    /// `None` if this index has seen no run.
    pub(crate) fn of_run_before(index: &Index) -> Result<Option<Self>> {
        Self::noted(index, SOURCES)
    }

    pub(crate) fn note_run(&self, index: &Index) -> Result<()> {
        self.note(index, SOURCES)
    }

    /// What was noted under a key.
    pub(crate) fn noted(index: &Index, key: &str) -> Result<Option<Self>> {
        let noted = index.meta(key)?;
        Ok(noted.map(|noted| Self(noted.split(SEPARATOR).map(str::to_owned).collect())))
    }

    pub(crate) fn note(&self, index: &Index, key: &str) -> Result<()> {
        let noted = self.0.join(&SEPARATOR.to_string());
        Ok(index.set_meta(key, &noted)?)
    }

    /// Takes up a path that lies in none of these, and what lies in it goes.
    pub(crate) fn add(&mut self, path: String) {
        if self.0.len() < MOST && !self.has(&path) {
            self.0.retain(|known| !is_inside(known, &path));
            self.0.push(path);
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether a path lies in one of these.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|root| is_inside(path, root))
    }

    /// Whether some of `other` lies in none of these.
    pub(crate) fn lacks_some_of(&self, other: &Self) -> bool {
        !other.0.iter().all(|path| self.has(path))
    }
}
