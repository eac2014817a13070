//! The compilers that people install themselves.

use std::process::Command;

use anyhow::{Result, bail};

/// The oldest compiler this project builds with, as in the top-level `Cargo.toml`.
const RUST: (u32, u32) = (1, 90);
/// The oldest Node that the UI's tools run on.
const NODE: (u32, u32) = (20, 0);

pub(super) fn check() -> Result<()> {
    at_least(
        "Rust",
        "rustc",
        RUST,
        "`rustup update`, or https://rustup.rs",
    )?;
    at_least("Node", "node", NODE, "https://nodejs.org")?;
    at_least("npm", "npm", (0, 0), "https://nodejs.org")
}

fn at_least(name: &str, program: &str, wanted: (u32, u32), where_from: &str) -> Result<()> {
    let program = match (cfg!(windows), program) {
        (true, "npm") => "npm.cmd",
        _ => program,
    };
    let (major, minor) = wanted;
    let Ok(output) = Command::new(program).arg("--version").output() else {
        bail!("{name} {major}.{minor} or newer is needed and was not found: {where_from}");
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match version(&text) {
        Some(found) if found >= wanted => Ok(()),
        _ => bail!(
            "{name} {major}.{minor} or newer is needed, this is `{}`: {where_from}",
            text.trim()
        ),
    }
}

/// The first two numbers of the first word that starts with one: `rustc 1.95.0 (…)`, `v20.1.2`.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.');
        let major = numbers.next()?.parse().ok()?;
        Some((major, numbers.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        assert_eq!(
            version("rustc 1.95.0 (59807616e 2026-04-14)"),
            Some((1, 95))
        );
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("command not found"), None);
    }
}
