//! Which names and paths OneDrive takes.

use crate::reply::GraphError;

/// Characters of a whole decoded path.
const PATH_LIMIT: usize = 400;
/// Characters of one name.
const NAME_LIMIT: usize = 255;
/// Names Windows reserves, without their numbers.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The key under which a folder keeps a child: names differ only by more than letter case.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// Checks one name for a new item; `folder` adds the rule for folders, `top` the one for a library's root.
pub(crate) fn check(name: &str, folder: bool, top: bool) -> Result<(), GraphError> {
    let folded = fold(name);
    let bare = folded.split('.').next().unwrap_or_default();
    let numbered = |device: &str| {
        folded
            .strip_prefix(device)
            .is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    let refused = name.is_empty()
        || name == "."
        || name == ".."
        || name
            .chars()
            .any(|c| c.is_control() || "\"*:<>?/\\|".contains(c))
        || name.starts_with(' ')
        || name.ends_with([' ', '.'])
        || folded.starts_with("~$")
        || folded.contains("_vti_")
        || [".lock", "desktop.ini"].contains(&folded.as_str())
        || DEVICES.contains(&bare)
        || numbered("com")
        || numbered("lpt")
        || (folder && name.starts_with('~'))
        || (top && folded == "forms");
    if refused {
        return Err(
            GraphError::new(400, "invalidRequest", "The provided name cannot be used")
                .inner("invalidPath"),
        );
    }
    if name.chars().count() > NAME_LIMIT {
        return Err(too_long());
    }
    Ok(())
}

/// Checks the length of a decoded path.
pub(crate) fn check_path(segments: &[String]) -> Result<(), GraphError> {
    let length: usize = segments.iter().map(|name| name.chars().count() + 1).sum();
    if length > PATH_LIMIT
        || segments
            .iter()
            .any(|name| name.chars().count() > NAME_LIMIT)
    {
        return Err(too_long());
    }
    Ok(())
}

fn too_long() -> GraphError {
    GraphError::new(400, "invalidRequest", "The path is too long").inner("pathIsTooLong")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_onedrive_refuses() {
        for name in [
            "",
            "..",
            "a:b",
            "a|b",
            " a",
            "a.",
            "CON",
            "com1",
            "nul.txt",
            "~$x",
            "a_vti_b",
            "desktop.ini",
        ] {
            assert!(check(name, false, false).is_err(), "{name:?}");
        }
        assert!(check("~x", true, false).is_err());
        assert!(check("Forms", true, true).is_err());
        assert!(check(&"x".repeat(256), false, false).is_err());
    }

    #[test]
    fn takes_ordinary_names() {
        for name in [
            "duplicati-b0.dblock.zip.aes",
            "My PC",
            "München",
            "it's",
            "a#b",
            "50%",
            ".x",
            "console",
            "com10",
        ] {
            assert!(check(name, false, false).is_ok(), "{name:?}");
        }
    }
}
