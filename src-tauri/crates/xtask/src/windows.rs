//! `cargo xtask windows`: type-checks everything for Windows, from Debian or Ubuntu.
//!
//! Debian's compiler comes with the source of Rust's library, which is built for a target that Debian has no binaries
//! of. It is another compiler than rustup's, so it gets a target folder of its own.

use std::process::Command;

use anyhow::{Result, ensure};

use xtask::project::Project;
use xtask::run;
use xtask::setup;

const TARGET: &str = "x86_64-pc-windows-gnu";

pub(crate) fn run(project: &Project) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux"),
        "On Windows itself this is `cargo check --workspace`"
    );
    setup::packages_for_windows()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut cargo = Command::new("/usr/bin/cargo");
    run::forget_own_cargo(&mut cargo);
    cargo
        .current_dir(&project.root)
        .env("PATH", format!("/usr/bin:{path}"))
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", project.target.join("windows"))
        .env(
            "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
            "x86_64-w64-mingw32-gcc",
        )
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTUP_HOME")
        .args(["check", "--workspace", "--all-targets", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_unwind");
    run::run(&mut cargo)
}
