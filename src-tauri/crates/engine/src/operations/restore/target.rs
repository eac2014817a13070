//! Where a stored path goes on this computer. Stored paths are data from outside.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::monitor::ProblemKind;

/// Names that Windows gives to devices, whatever their extension.
#[cfg(any(windows, test))]
const DEVICES: &[&str] = &[
    "con", "prn", "aux", "nul", "conin$", "conout$", "com0", "com1", "com2", "com3", "com4",
    "com5", "com6", "com7", "com8", "com9", "com¹", "com²", "com³", "lpt0", "lpt1", "lpt2", "lpt3",
    "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "lpt¹", "lpt²", "lpt³",
];

/// How stored paths become local ones.
#[derive(Debug, Clone)]
pub(super) enum Mapping {
    /// Back where they were. Below these folders (stored paths) no link is followed.
    Original { roots: HashSet<String> },
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

/// Why a stored path has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It would leave its folder.
    Hostile,
    /// It is of another kind of system, and where it goes here was not given.
    OtherSystem,
    /// This system has no such names.
    ImpossibleName,
}

impl From<Refusal> for ProblemKind {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Hostile => Self::HostilePath,
            Refusal::OtherSystem => Self::PathOfOtherSystem,
            Refusal::ImpossibleName => Self::ImpossibleName,
        }
    }
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
    pub(super) fn place(&self, stored: &str) -> Result<Place, Refusal> {
        match self {
            Self::Into { folder, common } => {
                let rest = stored.strip_prefix(common.as_str()).unwrap_or(stored);
                Ok(Place {
                    base: folder.clone(),
                    rest: relative(rest, is_windows(stored))?,
                })
            }
            Self::Original { roots } => {
                if is_of_other_system(stored) {
                    return Err(Refusal::OtherSystem);
                }
                // The outermost, because the person chose that.
                let root = folders_around(stored)
                    .filter(|folder| roots.contains(*folder))
                    .last();
                let root = root.unwrap_or(&stored[..folder_len(stored)]);
                // The root itself must be a clean absolute path, too.
                let base = PathBuf::from(root);
                let clean = base.is_absolute()
                    && !root
                        .split(['/', '\\'])
                        .any(|part| part == ".." || part == ".");
                if !clean {
                    return Err(Refusal::Hostile);
                }
                let rest = relative(&stored[root.len()..], is_windows(stored))?;
                Ok(Place { base, rest })
            }
        }
    }
}

/// Whether a stored path is of a Windows computer.
fn is_windows(stored: &str) -> bool {
    !stored.starts_with('/')
}

/// Whether a stored path is an absolute one of Windows on another system, or one of another system on Windows.
pub(super) fn is_of_other_system(stored: &str) -> bool {
    if cfg!(windows) {
        return stored.starts_with('/');
    }
    let mut letters = stored.chars();
    let has_drive = letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next() == Some(':');
    has_drive || stored.starts_with("\\\\")
}

/// The folders that a stored path is in, from the innermost outwards; a folder is in itself.
pub(super) fn folders_around(stored: &str) -> impl Iterator<Item = &str> {
    let innermost = if stored.ends_with(separators(stored)) {
        stored
    } else {
        &stored[..folder_len(stored)]
    };
    std::iter::successors(Some(innermost), |folder| {
        let outer: &str = folder;
        Some(&outer[..folder_len(outer)])
    })
    .take_while(|folder| !folder.is_empty())
}

/// What separates the parts of a stored path.
fn separators(stored: &str) -> &'static [char] {
    if is_windows(stored) {
        &['\\', '/']
    } else {
        &['/']
    }
}

/// Bytes of the path up to and with the separator before its last part.
pub(super) fn folder_len(stored: &str) -> usize {
    let separators = separators(stored);
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
fn relative(stored: &str, windows: bool) -> Result<PathBuf, Refusal> {
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
        if part == "." || part == ".." {
            return Err(Refusal::Hostile);
        }
        if part.contains(['\0', '/']) || !is_allowed_here(part) {
            return Err(Refusal::ImpossibleName);
        }
        path.push(part);
    }
    // A last look by the system's own rules.
    let plain = |path: &Path| {
        path.components()
            .all(|c| matches!(c, std::path::Component::Normal(_)))
    };
    if plain(&path) {
        Ok(path)
    } else {
        Err(Refusal::Hostile)
    }
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
        mapping.place(stored).ok().map(|place| place.path())
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
            roots: ["/home/u/", "/home/u/docs/"].map(str::to_owned).into(),
        };

        let place = mapping.place("/home/u/docs/x").unwrap();

        assert_eq!(place.base, PathBuf::from("/home/u/"));
        assert_eq!(place.rest, PathBuf::from("docs/x"));
        assert_eq!(mapping.place("/home/u/").unwrap().rest, PathBuf::new());
        for windows in ["C:\\x", "d:/x", "\\\\server\\share\\x"] {
            assert_eq!(mapping.place(windows), Err(Refusal::OtherSystem));
        }
        for hostile in ["/home/u/../x", "/other/../x", "relative/x"] {
            assert_eq!(mapping.place(hostile), Err(Refusal::Hostile));
        }
    }

    #[test]
    fn names_that_cannot_be_are_told_apart_from_paths_that_lead_out() {
        assert_eq!(into("").place("/a/\0"), Err(Refusal::ImpossibleName));
        assert_eq!(into("").place("/a/.."), Err(Refusal::Hostile));
    }

    #[test]
    fn folders_around_a_path_end_at_its_root() {
        let around = |path| folders_around(path).collect::<Vec<_>>();

        assert_eq!(around("/a/b/c"), ["/a/b/", "/a/", "/"]);
        assert_eq!(around("/a/"), ["/a/", "/"]);
        assert_eq!(around("/a/b\\"), ["/a/", "/"]);
        assert_eq!(around("C:\\a\\b"), ["C:\\a\\", "C:\\"]);
        assert_eq!(around("a"), [""; 0]);
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
        assert!(!is_windows_name("LPT².txt"));
        assert!(is_windows_name("console.txt"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_ever_leaves_the_target(stored in "[/\\\\.:aC\\x00]{0,24}") {
            if let Ok(place) = into("").place(&stored) {
                proptest::prop_assert!(place.path().starts_with("/target"));
                let escapes = place.path().components().any(|c| c == std::path::Component::ParentDir);
                proptest::prop_assert!(!escapes);
            }
        }
    }
}
