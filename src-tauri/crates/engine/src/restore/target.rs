//! Where a stored path goes on this computer. Stored paths are data from outside.

use std::path::{Path, PathBuf};

/// Names that Windows gives to devices, whatever their extension.
#[cfg(any(windows, test))]
const DEVICES: &[&str] = &[
    "con", "prn", "aux", "nul", "conin$", "conout$", "com0", "com1", "com2", "com3", "com4",
    "com5", "com6", "com7", "com8", "com9", "lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6",
    "lpt7", "lpt8", "lpt9",
];

/// How stored paths become local ones.
#[derive(Debug, Clone)]
pub(super) enum Mapping {
    /// Back where they were. Below these folders (stored paths) no link is followed.
    Original { roots: Vec<String> },
    /// Into a folder, without the part that all of them have in common.
    Into { folder: PathBuf, common: String },
}

/// A local path, and how much of it is the person's own choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Folder that may be reached in any way.
    pub(super) base: PathBuf,
    /// The rest, of plain names only.
    pub(super) rest: PathBuf,
}

impl Place {
    pub(super) fn path(&self) -> PathBuf {
        // Joining nothing would add a separator.
        if self.rest.as_os_str().is_empty() {
            self.base.clone()
        } else {
            self.base.join(&self.rest)
        }
    }
}

impl Mapping {
    /// `None` when the path would leave its folder or cannot be a name here.
    pub(super) fn place(&self, stored: &str) -> Option<Place> {
        match self {
            Self::Into { folder, common } => {
                let rest = stored.strip_prefix(common.as_str()).unwrap_or(stored);
                Some(Place {
                    base: folder.clone(),
                    rest: relative(rest, is_windows(stored))?,
                })
            }
            Self::Original { roots } => {
                if is_windows(stored) != cfg!(windows) {
                    return None;
                }
                let root = roots
                    .iter()
                    .filter(|root| stored.starts_with(root.as_str()))
                    .max_by_key(|r| r.len());
                let root = match root {
                    Some(root) => root.as_str(),
                    None => &stored[..folder_len(stored)],
                };
                // The root itself must be a clean absolute path, too.
                let base = PathBuf::from(root);
                let clean = base.is_absolute()
                    && !root
                        .split(['/', '\\'])
                        .any(|part| part == ".." || part == ".");
                clean.then_some(())?;
                let rest = relative(&stored[root.len()..], is_windows(stored))?;
                Some(Place { base, rest })
            }
        }
    }
}

/// Whether a stored path is of a Windows computer.
fn is_windows(stored: &str) -> bool {
    !stored.starts_with('/')
}

/// Bytes of the path up to and with the separator before its last part.
pub(super) fn folder_len(stored: &str) -> usize {
    let separators: &[char] = if is_windows(stored) {
        &['\\', '/']
    } else {
        &['/']
    };
    let trimmed = stored.strip_suffix(separators).unwrap_or(stored);
    trimmed.rfind(separators).map_or(0, |position| position + 1)
}

/// Shortens `common` to the longest folder that `path` is in as well. A folder's own path counts as being in itself.
pub(super) fn shorten_common(common: &mut Option<String>, folder: &str) {
    let Some(current) = common else {
        *common = Some(folder.to_owned());
        return;
    };
    while !folder.starts_with(current.as_str()) {
        let len = folder_len(current);
        current.truncate(len);
    }
}

/// Turns the parts of a stored path into a relative one of plain names.
fn relative(stored: &str, windows: bool) -> Option<PathBuf> {
    let separators: &[char] = if windows { &['\\', '/'] } else { &['/'] };
    let mut path = PathBuf::new();
    for part in stored.split(separators) {
        if part.is_empty() {
            continue;
        }
        // A drive becomes a folder.
        let drive = windows && path.as_os_str().is_empty();
        let part = if drive {
            part.strip_suffix(':').unwrap_or(part)
        } else {
            part
        };
        if !is_plain_name(part) {
            return None;
        }
        path.push(part);
    }
    // A last look by the system's own rules.
    let plain = |path: &Path| {
        path.components()
            .all(|c| matches!(c, std::path::Component::Normal(_)))
    };
    plain(&path).then_some(path)
}

fn is_plain_name(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['\0', '/']) && is_allowed_here(name)
}

#[cfg(not(windows))]
fn is_allowed_here(_name: &str) -> bool {
    true
}

#[cfg(windows)]
fn is_allowed_here(name: &str) -> bool {
    is_windows_name(name)
}

#[cfg(any(windows, test))]
fn is_windows_name(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or(name)
        .trim_end()
        .to_ascii_lowercase();
    !DEVICES.contains(&stem.as_str())
        && !name.ends_with(['.', ' '])
        && !name.contains(['<', '>', ':', '"', '|', '?', '*', '\\'])
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn into(common: &str) -> Mapping {
        Mapping::Into {
            folder: PathBuf::from("/target"),
            common: common.to_owned(),
        }
    }

    fn placed(mapping: &Mapping, stored: &str) -> Option<PathBuf> {
        mapping.place(stored).map(|place| place.path())
    }

    #[test]
    fn paths_that_leave_the_target_are_refused() {
        for hostile in [
            "/a/../../etc/passwd",
            "/..",
            "/a/./b",
            "/a/\0b",
            "..\\x",
            "C:\\..\\x",
            "\\\\?\\..\\x",
        ] {
            assert_eq!(placed(&into(""), hostile), None, "{hostile:?}");
        }
    }

    #[test]
    fn the_common_part_is_left_out_and_drives_become_folders() {
        assert_eq!(placed(&into("/a/"), "/a/b/c"), Some("/target/b/c".into()));
        assert_eq!(placed(&into("/a/"), "/a/"), Some("/target".into()));
        assert_eq!(placed(&into(""), "C:\\a\\b"), Some("/target/C/a/b".into()));
        assert_eq!(
            placed(&into(""), "\\\\server\\share\\f"),
            Some("/target/server/share/f".into())
        );
        assert_eq!(
            placed(&into(""), "/back\\slash"),
            Some("/target/back\\slash".into())
        );
    }

    #[cfg(unix)]
    #[test]
    fn original_places_are_absolute_and_of_this_system() {
        let mapping = Mapping::Original {
            roots: vec!["/home/u/".into()],
        };

        let place = mapping.place("/home/u/docs/x").unwrap();

        assert_eq!(place.base, PathBuf::from("/home/u/"));
        assert_eq!(place.rest, PathBuf::from("docs/x"));
        assert_eq!(mapping.place("C:\\x"), None);
        assert_eq!(mapping.place("/home/u/../x"), None);
        assert_eq!(mapping.place("/other/../x"), None);
    }

    #[test]
    fn the_common_folder_shrinks_to_what_all_share() {
        let mut common = None;
        for folder in ["/a/b/c/", "/a/b/", "/a/bc/"] {
            shorten_common(&mut common, folder);
        }
        assert_eq!(common.as_deref(), Some("/a/"));
        shorten_common(&mut common, "C:\\");
        assert_eq!(common.as_deref(), Some(""));
    }

    #[test]
    fn windows_refuses_device_names() {
        assert!(!is_windows_name("con.txt"));
        assert!(!is_windows_name("a:stream"));
        assert!(!is_windows_name("dot."));
        assert!(is_windows_name("console.txt"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_ever_leaves_the_target(stored in "[/\\\\.:aC\\x00]{0,24}") {
            if let Some(place) = into("").place(&stored) {
                proptest::prop_assert!(place.path().starts_with("/target"));
                let escapes = place.path().components().any(|c| c == std::path::Component::ParentDir);
                proptest::prop_assert!(!escapes);
            }
        }
    }
}
