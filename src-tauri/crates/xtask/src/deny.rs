//! `cargo xtask deny`: licenses, sources, duplicates and known vulnerabilities of every dependency.
//!
//! The rules are in `.cargo/deny.toml`. It is no step of `cargo xtask test`: the advisories are fetched again each time,
//! so the verdict on an unchanged tree can change.

use anyhow::{Result, bail};

use xtask::project::Project;
use xtask::run::{cargo, run as execute, works};

pub(crate) fn run(project: &Project) -> Result<()> {
    if !works(cargo(project).args(["deny", "--version"])) {
        bail!(
            "cargo-deny is not installed. Run `cargo install --locked cargo-deny`, then `cargo xtask deny` again"
        );
    }
    execute(cargo(project).args(["deny", "check"]))
}
