//! Commands of `cargo lab`, which is compiled only by those who measure.

use anyhow::Result;

use xtask::project::Project;
use xtask::run::{cargo, run as execute};

/// Its commands.
pub(crate) const COMMANDS: [&str; 7] = [
    "bench",
    "interop",
    "limits",
    "power-cuts",
    "screenshots",
    "soak",
    "time-left",
];

/// Runs one of them.
pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    execute(
        cargo(project)
            .args(["run", "--quiet", "-p", "coffer-lab", "--"])
            .args(arguments),
    )
}
