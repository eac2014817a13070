//! What is backed up: the sources of a run, or the topmost paths of a version.

use coffer_database::Index;
use coffer_volume::dlist::{EntryKind, FilelistEntry};

use crate::error::Result;
use crate::paths::SEPARATOR as PATH_SEPARATOR;
use crate::repository::local_facts::SOURCES;
use crate::source::{Root, is_inside, is_marker, with_separator};

/// In no path.
const SEPARATOR: char = '\0';
/// Real lists are shorter; a hostile one may not be.
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
        Ok(noted.map(|noted| {
            // Of none at all nothing was written, and an empty path would lie around every other.
            let paths = noted.split(SEPARATOR).filter(|path| !path.is_empty());
            Self(paths.map(str::to_owned).collect())
        }))
    }

    pub(crate) fn note(&self, index: &Index, key: &str) -> Result<()> {
        let noted = self.0.join(&SEPARATOR.to_string());
        Ok(index.set_meta(key, &noted)?)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether a path lies in one of these.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|root| is_inside(path, root))
    }

    /// Whether the newest version in the index has something at one of these paths or below it.
    pub(crate) fn has_some_in(&self, index: &Index) -> Result<bool> {
        for path in &self.0 {
            let folder = with_separator(path);
            if index.has_any_of([path, &folder])? || index.has_below(&folder, |_| false)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those of which the newest version in the index has more than a folder that is practically empty.
    pub(crate) fn with_content_in(self, index: &Index) -> Result<Self> {
        let mut full = Self::default();
        for path in self.0 {
            let is_folder = index.has_any_of([with_separator(&path)])?;
            if index.has_below(&with_separator(&path), is_marker)?
                || !is_folder && index.has_any_of([&path])?
            {
                full.0.push(path);
            }
        }
        Ok(full)
    }

    /// Whether something of `wanted` is in these that is not in `there`.
    pub(crate) fn has_more_of(&self, wanted: &Self, there: &Self) -> bool {
        let is_wanted = |path: &String| wanted.has(path) && !there.has(path);
        let is_left = |path: &String| self.has(path) && !there.has(path);
        self.0.iter().any(is_wanted) || wanted.0.iter().any(is_left)
    }

    /// Whether some of `other` lies in none of these.
    pub(crate) fn lacks_some_of(&self, other: &Self) -> bool {
        !other.0.iter().all(|path| self.has(path))
    }
}

/// Finds the topmost paths of a version.
#[derive(Default)]
pub(crate) struct Tops(Vec<Top>);

struct Top {
    path: String,
    has_content: bool,
}

impl Tops {
    pub(crate) fn add(&mut self, entry: &FilelistEntry) {
        let has_content = entry.kind != EntryKind::Folder;
        let path = entry.path.as_str();
        if let Some(top) = self.0.iter_mut().find(|top| is_inside(path, &top.path)) {
            top.has_content |= path != top.path && !is_marker(name_below(&top.path, path));
        } else if self.0.len() < MOST {
            let before = self.0.len();
            self.0.retain(|top| !is_inside(&top.path, path));
            let has_content = has_content || self.0.len() < before;
            let path = path.to_owned();
            self.0.push(Top { path, has_content });
        }
    }

    /// All of them, and those with content.
    pub(crate) fn into_lists(self) -> (SourceList, SourceList) {
        let full = self.0.iter().filter(|top| top.has_content);
        let full = SourceList(full.map(|top| top.path.clone()).collect());
        let all = SourceList(self.0.into_iter().map(|top| top.path).collect());
        (all, full)
    }
}

/// The name below `folder` that a path goes through.
fn name_below<'p>(folder: &str, path: &'p str) -> &'p str {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    let rest = rest.trim_start_matches(PATH_SEPARATOR);
    rest.split(PATH_SEPARATOR).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_a_source_stands_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        let some = SourceList(vec!["/home/me".to_owned()]);

        SourceList::default().note(&index, "none").unwrap();

        let none = SourceList::noted(&index, "none").unwrap().unwrap();
        assert!(none.is_empty());
        assert!(none.lacks_some_of(&some));
    }
}
