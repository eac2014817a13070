//! Paths on this computer as users type them.

use std::path::{Path, PathBuf};

use crate::{Result, wording};

/// Expands `~` to the home folder and variables (`$NAME`, `%NAME%`) to their values.
pub(crate) fn expand(typed: &Path) -> PathBuf {
    expand_at(typed, dirs::home_dir().as_deref())
}

/// Expands a path and checks that it is absolute.
///
/// # Errors
/// When it is relative: it would depend on where this program was started from.
pub(crate) fn whole(typed: &str) -> Result<PathBuf> {
    let path = expand(Path::new(typed.trim()));
    if path.is_absolute() {
        return Ok(path);
    }
    Err(wording::invalid(
        format!("{typed:?} is not an absolute path."),
        "Choose a folder, or type its full path; ~ is your home folder.",
    ))
}

fn expand_at(typed: &Path, home: Option<&Path>) -> PathBuf {
    // As a path component, so that `~name` is not expanded.
    match (typed.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(coffer_engine::expand_path(rest)),
        _ => coffer_engine::expand_path(typed).into_owned(),
    }
}

/// Suggests a folder for files of another computer that does not exist yet: `Restored 2026-11-26` in the download
/// folder, or in the home folder.
pub(crate) fn new_folder(date: jiff::civil::Date) -> Option<PathBuf> {
    let parent = dirs::download_dir()
        .filter(|folder| folder.is_dir())
        .or_else(dirs::home_dir)?;
    Some(free_in(&parent, &format!("Restored {date}")))
}

fn free_in(parent: &Path, name: &str) -> PathBuf {
    let numbered = (2..1000).map(|number| format!("{name} ({number})"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .map(|name| parent.join(name))
        .find(|folder| folder.symlink_metadata().is_err())
        .unwrap_or_else(|| parent.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_at_the_start_is_the_home_folder() {
        let home = if cfg!(windows) {
            r"C:\Users\me"
        } else {
            "/home/me"
        };
        let home = Path::new(home);
        let expanded = |typed: &str| expand_at(Path::new(typed), Some(home));

        assert_eq!(expanded("~"), home);
        assert_eq!(expanded("~/"), home);
        assert_eq!(expanded("~/x/y"), home.join("x/y"));
        for as_typed in ["~you/x", "/x/~", "x/~/y"] {
            assert_eq!(expanded(as_typed), Path::new(as_typed));
        }
    }

    #[test]
    fn paths_that_depend_on_where_the_program_started_are_refused() {
        for typed in ["restored here", "./x", "../x", "~you/x", "", "$NONE_SUCH/x"] {
            let refused = whole(typed).unwrap_err();

            assert_eq!(refused.code, coffer_ipc::ErrorCode::InvalidInput, "{typed}");
        }
        let folder = tempfile::tempdir().unwrap();
        let typed = folder.path().to_str().unwrap();
        assert_eq!(whole(&format!(" {typed} ")).unwrap(), folder.path());
    }

    #[test]
    fn a_variable_is_its_value() {
        let variable = if cfg!(windows) {
            "%USERPROFILE%"
        } else {
            "$HOME"
        };
        if let Some(home) = dirs::home_dir().filter(|home| home.is_absolute()) {
            assert_eq!(whole(&format!("{variable}/x")).unwrap(), home.join("x"));
        }
    }

    #[test]
    fn a_new_folder_is_not_there_yet() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            free_in(folder.path(), "Restored"),
            folder.path().join("Restored")
        );
        std::fs::create_dir(folder.path().join("Restored")).unwrap();

        let second = free_in(folder.path(), "Restored");

        assert_eq!(second, folder.path().join("Restored (2)"));
    }
}
