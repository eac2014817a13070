use std::path::{Path, PathBuf};

use super::SEPARATOR;
use crate::variables::expand_path;

/// A source, ready to be walked.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// As stored, without a separator at the end (but for a file system's own root).
    pub(crate) stored: String,
    /// Other sources that lie in it, as stored: they are backed up even where something around them is left out.
    pub(crate) inner: Vec<String>,
}

/// A path as volumes store it: absolute, no `.` or `..`, no separator at the end. `None` when it is not Unicode.
pub fn stored_path(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    let mut clean = PathBuf::new();
    for part in absolute.components() {
        match part {
            std::path::Component::ParentDir => drop(clean.pop()),
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    Some(clean.to_str()?.to_owned())
}

/// Expands variables in sources, makes them absolute and gives those that lie within others to these.
///
/// The result is in the order in which the walk gives out their entries. Sources that are not Unicode are given back.
pub(crate) fn roots(sources: &[PathBuf]) -> (Vec<Root>, Vec<PathBuf>) {
    let mut odd = Vec::new();
    let mut roots = Vec::new();
    for source in sources {
        match stored_path(&expand_path(source)) {
            Some(stored) => roots.push(Root {
                path: PathBuf::from(&stored),
                stored,
                inner: Vec::new(),
            }),
            None => odd.push(source.clone()),
        }
    }
    roots.sort_by_cached_key(|root| with_separator(&root.stored));
    let mut outer: Vec<Root> = Vec::new();
    for root in roots {
        match outer
            .iter_mut()
            .find(|outer| is_inside(&root.stored, &outer.stored))
        {
            None => outer.push(root),
            Some(outer) if outer.stored != root.stored => outer.inner.push(root.stored),
            Some(_) => {}
        }
    }
    (outer, odd)
}

/// Whether a stored path is that of `folder` or lies below it. Separators at their ends do not matter.
pub(crate) fn is_inside(path: &str, folder: &str) -> bool {
    let path = path.strip_suffix(SEPARATOR).unwrap_or(path);
    let folder = folder.strip_suffix(SEPARATOR).unwrap_or(folder);
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
}

/// The stored form of a folder.
pub(crate) fn with_separator(path: &str) -> String {
    if path.ends_with(SEPARATOR) {
        path.to_owned()
    } else {
        format!("{path}{SEPARATOR}")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn nested_sources_go_with_those_around_them_and_all_are_sorted_as_they_are_stored() {
        let sources = ["/b", "/a/x", "/a b", "/a/", "/b/./c/../d", "/a"].map(PathBuf::from);

        let (roots, odd) = roots(&sources);

        let stored: Vec<_> = roots.iter().map(|root| root.stored.as_str()).collect();
        assert_eq!(stored, ["/a b", "/a", "/b"]);
        assert_eq!(roots[1].inner, ["/a/x"]);
        assert_eq!(roots[2].inner, ["/b/d"]);
        assert!(odd.is_empty());
    }

    #[test]
    fn variables_stand_for_their_values() {
        let (roots, _) = roots(&["%CARGO_MANIFEST_DIR%/src".into()]);

        assert_eq!(
            roots[0].stored,
            format!("{}/src", env!("CARGO_MANIFEST_DIR"))
        );
    }
}
