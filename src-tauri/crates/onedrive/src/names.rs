//! Names that OneDrive allows, and how they are encoded in addresses.

use coffer_destination::NameProblem;

use crate::error::{Error, FolderProblem, Result};

/// Characters that no name may contain.
const FORBIDDEN: &[char] = &['"', '*', ':', '<', '>', '?', '/', '\\', '|'];
/// Reserved names, compared case-insensitively.
const RESERVED: &[&str] = &[
    ".lock",
    "con",
    "prn",
    "aux",
    "nul",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "desktop.ini",
];
/// Longest name, in characters.
const MAX_NAME: usize = 255;
/// Longest path from the drive's root, in characters, file name included.
pub(crate) const MAX_PATH: usize = 400;
/// Part of [`MAX_PATH`] that is reserved for a volume's name.
const VOLUME_NAME: usize = 64;

/// Checks a folder path (`/` between parts; empty is the drive's root).
///
/// # Errors
/// [`Error::InvalidFolder`] saying which part is wrong and how.
pub fn check_folder(folder: &str) -> Result<()> {
    match folder_problem(folder) {
        None => Ok(()),
        Some(why) => Err(Error::InvalidFolder {
            folder: folder.to_owned(),
            why,
        }),
    }
}

/// What is wrong with a folder path.
pub(crate) fn folder_problem(folder: &str) -> Option<FolderProblem> {
    let longest = MAX_PATH - VOLUME_NAME;
    if folder.chars().count() > longest {
        return Some(FolderProblem::TooLong { longest });
    }
    let mut parts = folder.split('/').filter(|_| !folder.is_empty());
    parts.find_map(|part| {
        let is_tilde = part.starts_with('~').then_some(NameProblem::LeadingTilde);
        let why = problem(part).or(is_tilde)?;
        let part = part.to_owned();
        Some(FolderProblem::Part { part, why })
    })
}

/// What is wrong with the name of a file or folder.
pub(crate) fn problem(name: &str) -> Option<NameProblem> {
    if name.is_empty() {
        Some(NameProblem::Empty)
    } else if name == "." || name == ".." {
        Some(NameProblem::Dots)
    } else if name.contains(FORBIDDEN) || name.chars().any(char::is_control) {
        Some(NameProblem::ForbiddenCharacter)
    } else if name.starts_with(' ') || name.ends_with([' ', '.']) {
        Some(NameProblem::BadEnds)
    } else if RESERVED.contains(&name.to_lowercase().as_str()) || name.contains("_vti_") {
        Some(NameProblem::Reserved)
    } else if name.starts_with("~$") {
        Some(NameProblem::LeadingTildeDollar)
    } else if name.chars().count() > MAX_NAME {
        Some(NameProblem::TooLong { longest: MAX_NAME })
    } else {
        None
    }
}

/// Percent-encodes one part of a path.
pub(crate) fn encode(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Percent-encodes a path part by part, with a slash before each.
pub(crate) fn encode_path(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| format!("/{}", encode(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_onedrive_refuses_are_named() {
        for folder in [
            "..",
            "a/..",
            "a/.",
            "a:b",
            "a/b ",
            "con",
            "~x",
            "a//b",
            &"x".repeat(300),
            &"a/".repeat(200),
        ] {
            assert!(check_folder(folder).is_err(), "{folder:?}");
        }
        for folder in [
            "",
            "Backups",
            "Backups/My PC",
            "München/日本",
            "a#b",
            "50%",
            ".hidden",
        ] {
            assert!(check_folder(folder).is_ok(), "{folder:?}");
        }
    }

    #[test]
    fn every_odd_character_is_encoded() {
        assert_eq!(
            encode_path("a#b/50%/My PC/é"),
            "/a%23b/50%25/My%20PC/%C3%A9"
        );
    }
}
