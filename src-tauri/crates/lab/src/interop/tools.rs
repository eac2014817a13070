//! The clients of others, installed below `target/tools` only.
//!
//! Python packages go into a folder of their own, npm's into another; Debian's programs are unpacked, not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::debian::{self, Unpacked};
use xtask::project::Project;
use xtask::run::{self, npm};
use xtask::setup;

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

/// Packages with libraries of Debian's `onedrive` that few machines have.
const ONEDRIVE_LIBRARIES: [&str; 2] = ["libnotify4", "libphobos2-ldc-shared100"];

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
    pub(super) debian_rclone: Result<Unpacked, String>,
    /// Debian's `onedrive`, or why there is none.
    pub(super) debian_onedrive: Result<Unpacked, String>,
}

pub(super) fn install(project: &Project) -> Result<Tools> {
    let rclone = setup::tools(project)?.rclone;
    let folder = project.tools().join("interop");
    fs::create_dir_all(&folder)?;
    Ok(Tools {
        rclone,
        python: python(&folder.join("python"))?,
        node: node(project, &folder.join("node"))?,
        debian_rclone: debian::unpack(&folder, "rclone", &[]),
        debian_onedrive: debian::unpack(&folder, "onedrive", &ONEDRIVE_LIBRARIES),
    })
}

/// Name and version of a Python or Node package.
pub(super) fn pinned(name: &str) -> String {
    let python = PYTHON_PACKAGES
        .iter()
        .map(|package| package.split_once("=="));
    let node = NODE_PACKAGES.iter().map(|package| package.rsplit_once('@'));
    let mut found = python.chain(node).flatten().filter(|(of, _)| *of == name);
    found.next().map_or(name.to_owned(), |(name, version)| {
        format!("{name} {version}")
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
    if !NODE_PACKAGES.iter().all(is_there) {
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
