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

/// Expands variables in sources, makes them absolute and drops those that lie within others.
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
            }),
            None => odd.push(source.clone()),
        }
    }
    roots.sort_by_cached_key(|root| with_separator(&root.stored));
    let mut kept: Vec<Root> = Vec::new();
    for root in roots {
        let inside = |outer: &Root| {
            root.stored == outer.stored || root.stored.starts_with(&with_separator(&outer.stored))
        };
        if !kept.iter().any(inside) {
            kept.push(root);
        }
    }
    (kept, odd)
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
    fn nested_sources_are_merged_and_sorted_as_they_are_stored() {
        let sources = ["/b", "/a/x", "/a b", "/a/", "/b/./c/../d", "/a"].map(PathBuf::from);

        let (roots, odd) = roots(&sources);

        let stored: Vec<_> = roots.iter().map(|root| root.stored.as_str()).collect();
        assert_eq!(stored, ["/a b", "/a", "/b"]);
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
