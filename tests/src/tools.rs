//! Programs that stories run.

use std::env;
use std::path::PathBuf;

/// The `coffer` command: `COFFER_CLI`, or the one that was built beside the test.
///
/// # Panics
/// When there is none.
pub fn coffer() -> PathBuf {
    if let Some(path) = env::var_os("COFFER_CLI") {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "COFFER_CLI names {}, which is no file; run `cargo xtask test`",
            path.display()
        );
        return path;
    }
    let test = env::current_exe().expect("a test knows its own path");
    let name = format!("coffer{}", env::consts::EXE_SUFFIX);
    // target/debug/deps/<test>
    let folders = test.ancestors().skip(1).take(2);
    let found = folders
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "There is no {name} near {}. Run `cargo xtask test`, or `cargo build -p coffer-cli` first, or set COFFER_CLI.",
            test.display()
        )
    })
}

/// rclone 1.75 or later: `COFFER_RCLONE`.
///
/// # Panics
/// When it names no file.
pub fn rclone() -> PathBuf {
    named("COFFER_RCLONE", "an rclone program, 1.75 or later")
}

/// Python with the package `cryptography`: `COFFER_PYTHON`.
///
/// # Panics
/// When it names no file.
pub fn python() -> PathBuf {
    named("COFFER_PYTHON", "a Python with the package cryptography")
}

fn named(variable: &str, what: &str) -> PathBuf {
    let path = env::var_os(variable).map(PathBuf::from).unwrap_or_default();
    assert!(
        path.is_file(),
        "{variable} should hold the path of {what}, and is {path:?}; run `cargo xtask test`, which provides it"
    );
    path
}
