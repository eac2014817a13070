//! What has to be on the machine: compilers, system packages, the UI's packages, programs for tests.
//!
//! Fast when nothing is missing, and safe to run again at any time.

mod packages;
mod tools;
mod versions;

use anyhow::Result;

use crate::project::Project;
use crate::run;

pub use packages::Level;
pub use tools::Tools;

/// Installs what is missing. `None` at [`Level::Build`], which has no tools.
pub fn run(project: &Project, level: Level) -> Result<Option<Tools>> {
    versions::check()?;
    packages::install(&packages::needed(level))?;
    ui_packages(project)?;
    match level {
        Level::Build => Ok(None),
        Level::Full => tools::install(project).map(Some),
    }
}

/// Python, rclone and typos for tests, without anything that only the system can install.
pub fn tools(project: &Project) -> Result<Tools> {
    versions::check()?;
    tools::install(project)
}

/// System packages that only the check for Windows needs.
pub fn packages_for_windows() -> Result<()> {
    packages::install(packages::WINDOWS)
}

/// System packages that only pictures of the screens need.
pub fn packages_for_screenshots() -> Result<()> {
    packages::install(packages::SCREENSHOTS)
}

/// System packages that only the benchmark needs.
pub fn packages_for_bench() -> Result<()> {
    packages::install(packages::BENCH)
}

/// System packages that only power cuts need.
pub fn packages_for_power_cuts() -> Result<()> {
    packages::install(packages::POWER_CUTS)
}

fn ui_packages(project: &Project) -> Result<()> {
    if !project.has_ui() {
        return Ok(());
    }
    let modified = |name: &str| project.ui().join(name).metadata()?.modified();
    let locked = modified("package-lock.json")?;
    // npm writes this file last.
    if modified("node_modules/.package-lock.json").is_ok_and(|installed| installed >= locked) {
        return Ok(());
    }
    println!("Installing the UI's packages (npm ci)");
    run::run(run::npm(project).args(["ci", "--no-audit", "--no-fund"]))
}
