//! The clients of others, installed below `target/tools` only.
//!
//! Python packages go into a folder of their own, npm's into another; Debian's programs are unpacked, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::run::{self, npm};
use crate::setup;

/// Names and versions, as pip takes them. The scripts in `tests/interop/clients` are written for these.
const PYTHON_PACKAGES: [&str; 4] = [
    "msal==1.39.0",
    "O365==2.1.10",
    "office365-rest-python-client==3.3.0",
    "opendal==0.47.12",
];
/// Names and versions, as npm takes them.
const NODE_PACKAGES: [&str; 2] = [
    "@azure/msal-node@7.2.3",
    "@microsoft/microsoft-graph-client@3.0.7",
];

/// Where the clients are.
#[derive(Debug)]
pub(super) struct Tools {
    /// rclone 1.75 or later.
    pub(super) rclone: PathBuf,
    /// A Python with [`PYTHON_PACKAGES`].
    pub(super) python: PathBuf,
    /// The folder whose `node_modules` holds [`NODE_PACKAGES`].
    pub(super) node: PathBuf,
    /// Debian's rclone, or why there is none.
    pub(super) debian_rclone: Result<PathBuf, String>,
    /// Debian's `onedrive`, or why there is none.
    pub(super) debian_onedrive: Result<PathBuf, String>,
}

pub(super) fn install(project: &Project) -> Result<Tools> {
    let rclone = setup::tools(project)?.rclone;
    let folder = project.tools().join("interop");
    fs::create_dir_all(&folder)?;
    Ok(Tools {
        rclone,
        python: python(&folder.join("python"))?,
        node: node(project, &folder.join("node"))?,
        debian_rclone: debian(&folder, "rclone"),
        debian_onedrive: debian(&folder, "onedrive"),
    })
}

fn python(venv: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    let has_all = |python: &Path| {
        let listed = Command::new(python).args(["-m", "pip", "freeze"]).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).to_lowercase());
        let wanted = PYTHON_PACKAGES.map(str::to_lowercase);
        listed.is_ok_and(|listed| {
            let lines: Vec<String> = listed.lines().map(|line| line.replace('_', "-")).collect();
            wanted.iter().all(|package| lines.contains(package))
        })
    };
    if !has_all(&python) {
        println!("Installing {} (Python)", PYTHON_PACKAGES.join(", "));
        run::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(venv),
        )?;
        let quiet = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        run::run(Command::new(&python).args(quiet).args(PYTHON_PACKAGES))?;
        ensure!(has_all(&python), "{} is not usable", venv.display());
    }
    Ok(python)
}

fn node(project: &Project, folder: &Path) -> Result<PathBuf> {
    let is_there = |package: &&str| {
        let (name, version) = package.rsplit_once('@').unwrap_or((package, ""));
        let about = folder.join("node_modules").join(name).join("package.json");
        let about = fs::read(about).ok();
        let about = about.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        about.is_some_and(|about| about["version"] == version)
    };
    if !NODE_PACKAGES.iter().all(|package| is_there(&package)) {
        println!("Installing {} (Node)", NODE_PACKAGES.join(", "));
        fs::create_dir_all(folder)?;
        // Without a package.json of its own npm would look for one in the folders above.
        fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
        let quiet = ["install", "--silent", "--no-audit", "--no-fund"];
        let mut install = npm(project);
        run::run(install.current_dir(folder).args(quiet).args(NODE_PACKAGES))?;
    }
    Ok(folder.to_owned())
}

/// Unpacks a Debian package and returns its program of the same name, or why that does not run here.
fn debian(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let unpacked = folder.join(format!("debian-{name}"));
    let program = unpacked.join("usr/bin").join(name);
    let done = if program.is_file() {
        Ok(())
    } else {
        unpack(name, &unpacked)
    };
    done.map_err(|error| format!("{error:#}"))?;
    if run::works(Command::new(&program).arg("--version")) {
        Ok(program)
    } else {
        Err(format!(
            "Debian's {name} does not start here; `ldd {}` names what it lacks",
            program.display()
        ))
    }
}

fn unpack(name: &str, to: &Path) -> Result<()> {
    for program in ["apt-get", "dpkg-deb"] {
        run::which(program).with_context(|| format!("there is no {program}"))?;
    }
    println!("Unpacking Debian's {name}");
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    run::run(
        Command::new("apt-get")
            .args(["--quiet=2", "download", name])
            .current_dir(to),
    )
    .context("`apt-get update` may help")?;
    let package = fs::read_dir(to)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let package = package.context("apt-get downloaded nothing")?;
    run::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(to))?;
    fs::remove_file(package)?;
    Ok(())
}
