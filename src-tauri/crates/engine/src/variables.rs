//! Environment variables in sources, filters and restore folders: `%NAME%`, and on other systems than Windows also
//! `$NAME` and `${NAME}`. What is no variable stays as it is written.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = if cfg!(windows) {
        r"%(\w+)%"
    } else {
        r"%(\w+)%|\$(\w+)|\$\{(\w+)\}"
    };
    Regex::new(pattern).expect("the pattern is valid")
});

/// The text with the values of this process's variables; each value goes through `write` first.
pub(crate) fn expand(text: &str, write: impl Fn(&str) -> String) -> Cow<'_, str> {
    expand_with(text, |name| std::env::var(name).ok(), write)
}

/// A path with the values of variables, unless something has it as its name.
pub fn expand_path(path: &Path) -> Cow<'_, Path> {
    match path.to_str() {
        Some(text) if !path.exists() => match expand(text, str::to_owned) {
            Cow::Borrowed(_) => Cow::Borrowed(path),
            Cow::Owned(expanded) => Cow::Owned(PathBuf::from(expanded)),
        },
        _ => Cow::Borrowed(path),
    }
}

fn expand_with(
    text: &str,
    value: impl Fn(&str) -> Option<String>,
    write: impl Fn(&str) -> String,
) -> Cow<'_, str> {
    VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let name = found.iter().skip(1).flatten().next();
        let value = name.and_then(|name| value(name.as_str()));
        value.map_or_else(|| found[0].to_owned(), |value| write(&value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let value = |name: &str| (name == "HOME").then(|| "/home/u.v".to_owned());
        expand_with(text, value, str::to_owned).into_owned()
    }

    #[test]
    fn variables_are_replaced_and_all_else_stays() {
        assert_eq!(expanded("%HOME%/a"), "/home/u.v/a");
        for text in ["100%", "%NONE%/x", "a%b c%", "$", "[.*\\.bak$]", "$NONE"] {
            assert_eq!(expanded(text), text);
        }
        let posix = if cfg!(windows) {
            ["$HOME/a", "${HOME}a"]
        } else {
            ["/home/u.v/a", "/home/u.va"]
        };
        assert_eq!(["$HOME/a", "${HOME}a"].map(expanded), posix);
    }

    #[test]
    fn a_path_that_exists_as_it_is_written_is_meant_so() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("%PATH%");
        assert_ne!(expand_path(&odd), odd);
        std::fs::write(&odd, "").unwrap();

        assert_eq!(expand_path(&odd), odd);
    }
}
