use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use coffer_volume::dlist::EntryKind;

use super::SEPARATOR;
use super::roots::{Root, with_separator};
use crate::filter::Filters;
use crate::monitor::ProblemKind;

/// A file, folder or link of a source.
#[derive(Debug)]
pub(crate) struct Found {
    /// Path as stored.
    pub(crate) stored: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    pub(crate) kind: EntryKind,
    /// Of itself; links are not followed.
    pub(crate) stat: Metadata,
    /// Whether a link leads to a folder.
    pub(crate) links_to_folder: bool,
}

/// What the walk comes across.
#[derive(Debug)]
pub(crate) enum WalkItem {
    Entry(Box<Found>),
    /// Something that cannot be backed up. All that is stored under `keep`, if given, is kept as it was.
    Problem {
        subject: String,
        kind: ProblemKind,
        keep: Option<String>,
    },
    /// A folder root without anything in it.
    EmptyRoot(String),
}

/// Walks sources in the order of stored paths.
pub(crate) struct Walk<'a> {
    filters: &'a Filters,
    /// Folders that are never a source: Coffer's own.
    excluded: &'a [PathBuf],
    roots: std::vec::IntoIter<Root>,
    /// Children still to visit, of each open folder.
    stack: Vec<std::vec::IntoIter<Child>>,
    /// Items that come before anything else.
    ready: std::collections::VecDeque<WalkItem>,
}

/// A name in a folder that is being walked.
struct Child {
    stored: String,
    path: PathBuf,
    kind: EntryKind,
    links_to_folder: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(roots: Vec<Root>, filters: &'a Filters, excluded: &'a [PathBuf]) -> Self {
        Self {
            filters,
            excluded,
            roots: roots.into_iter(),
            stack: Vec::new(),
            ready: std::collections::VecDeque::new(),
        }
    }

    fn start_root(&mut self, root: Root) -> Option<WalkItem> {
        let missing = |kind| WalkItem::Problem {
            subject: root.stored.clone(),
            kind,
            keep: Some(root.stored.clone()),
        };
        let stat = match fs::symlink_metadata(&root.path) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some(missing(ProblemKind::SourceMissing));
            }
            Err(error) => return Some(missing(ProblemKind::Unreadable(error))),
        };
        // A root that is a link stands for what it leads to: that is what the person chose.
        let stat = if stat.is_symlink() {
            fs::metadata(&root.path).unwrap_or(stat)
        } else {
            stat
        };
        let kind = if stat.is_dir() {
            EntryKind::Folder
        } else if stat.is_symlink() {
            EntryKind::Symlink
        } else {
            EntryKind::File
        };
        let stored = if kind == EntryKind::Folder {
            with_separator(&root.stored)
        } else {
            root.stored.clone()
        };
        if kind == EntryKind::Folder {
            match self.open_folder(&root.path, &stored) {
                Ok(0) => self.ready.push_back(WalkItem::EmptyRoot(stored.clone())),
                Ok(_) => {}
                Err(error) => return Some(missing(ProblemKind::Unreadable(error))),
            }
            if !self.filters.stores_roots() {
                return None;
            }
        }
        let path = root.path;
        Some(WalkItem::Entry(Box::new(Found {
            stored,
            path,
            kind,
            stat,
            links_to_folder: false,
        })))
    }

    /// Reads a folder's names onto the stack and returns how many there are, filtered ones included.
    fn open_folder(&mut self, path: &Path, stored: &str) -> io::Result<usize> {
        let mut children = Vec::new();
        let mut count = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            count += 1;
            let Ok(name) = entry.file_name().into_string() else {
                self.ready.push_back(WalkItem::Problem {
                    subject: entry.path().display().to_string(),
                    kind: ProblemKind::NameNotUnicode,
                    keep: None,
                });
                continue;
            };
            let file_type = entry.file_type()?;
            let child_path = entry.path();
            let links_to_folder =
                file_type.is_symlink() && fs::metadata(&child_path).is_ok_and(|stat| stat.is_dir());
            let kind = if file_type.is_symlink() {
                EntryKind::Symlink
            } else if file_type.is_dir() {
                EntryKind::Folder
            } else {
                EntryKind::File
            };
            let separator = if kind == EntryKind::Folder || links_to_folder {
                SEPARATOR.to_string()
            } else {
                String::new()
            };
            let stored = format!("{stored}{name}{separator}");
            if self.is_wanted(&stored, &child_path, kind) {
                children.push(Child {
                    stored,
                    path: child_path,
                    kind,
                    links_to_folder,
                });
            }
        }
        children.sort_unstable_by(|a, b| a.stored.cmp(&b.stored));
        self.stack.push(children.into_iter());
        Ok(count)
    }

    fn is_wanted(&self, stored: &str, path: &Path, kind: EntryKind) -> bool {
        if kind == EntryKind::Folder {
            return self.filters.enters(stored) && !self.excluded.iter().any(|own| own == path);
        }
        self.filters.includes(stored) || (kind == EntryKind::Symlink && stored.ends_with(SEPARATOR))
    }

    fn visit(&mut self, child: Child) -> Option<WalkItem> {
        let problem = |kind, keep: Option<&str>| {
            let (subject, keep) = (child.stored.clone(), keep.map(str::to_owned));
            Some(WalkItem::Problem {
                subject,
                kind,
                keep,
            })
        };
        let stat = match fs::symlink_metadata(&child.path) {
            Ok(stat) => stat,
            // Deleted since its folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return problem(ProblemKind::Unreadable(error), Some(&child.stored)),
        };
        match child.kind {
            EntryKind::File if !stat.is_file() => return problem(ProblemKind::SpecialFile, None),
            EntryKind::Folder => {
                if let Err(error) = self.open_folder(&child.path, &child.stored) {
                    return problem(ProblemKind::Unreadable(error), Some(&child.stored));
                }
                if !self.filters.includes(&child.stored) {
                    return None;
                }
            }
            _ => {}
        }
        let Child {
            stored,
            path,
            kind,
            links_to_folder,
        } = child;
        Some(WalkItem::Entry(Box::new(Found {
            stored,
            path,
            kind,
            stat,
            links_to_folder,
        })))
    }
}

impl Iterator for Walk<'_> {
    type Item = WalkItem;

    fn next(&mut self) -> Option<WalkItem> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let item = match self.stack.last_mut() {
                Some(children) => match children.next() {
                    Some(child) => self.visit(child),
                    None => {
                        self.stack.pop();
                        None
                    }
                },
                None => {
                    let root = self.roots.next()?;
                    self.start_root(root)
                }
            };
            // A folder's own entry goes before what its reading brought up.
            if let Some(item) = item {
                return Some(item);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::roots;
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_their_stored_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("r");
        for path in ["a/x", "a/z/deep", "a.txt", "a b", "ab", "é"] {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let (roots, _) = roots(&[root]);
        let filters = Filters::default();

        let paths: Vec<_> = Walk::new(roots, &filters, &[])
            .map(|item| match item {
                WalkItem::Entry(found) => found.stored,
                other => panic!("{other:?}"),
            })
            .collect();

        let mut sorted = paths.clone();
        sorted.sort();
        assert_eq!(paths, sorted);
        assert_eq!(paths.len(), 10);
        assert!(paths.iter().any(|path| path.ends_with("/link/")));
    }
}
