//! Programs of Debian packages, unpacked into a folder instead of installed: that needs no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use xtask::run;

/// A program and what it needs to start.
#[derive(Debug, Clone)]
pub(super) struct Unpacked {
    pub(super) program: PathBuf,
    /// For `LD_LIBRARY_PATH`: libraries that the machine may lack.
    pub(super) libraries: PathBuf,
}

impl Unpacked {
    /// The program with its libraries, ready to be given words.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("LD_LIBRARY_PATH", &self.libraries);
        command
    }
}

/// Unpacks a package and those with its libraries below `folder`, unless that was done before. Returns the program of the
/// package's name, or why it cannot be used here.
pub(super) fn unpack(folder: &Path, name: &str, libraries: &[&str]) -> Result<Unpacked, String> {
    let root = folder.join(format!("debian-{name}"));
    let unpacked = Unpacked {
        program: root.join("usr/bin").join(name),
        libraries: root.join("libraries"),
    };
    let works = || run::works(unpacked.command().arg("--version"));
    if !works() {
        download(&root, name, libraries).map_err(|error| format!("{error:#}"))?;
    }
    match works() {
        true => Ok(unpacked),
        false => Err(format!(
            "Debian's {name} does not start here; `ldd {}` names what it lacks",
            unpacked.program.display()
        )),
    }
}

fn download(root: &Path, name: &str, libraries: &[&str]) -> Result<()> {
    for program in ["apt-get", "dpkg-deb"] {
        run::which(program).with_context(|| format!("there is no {program}"))?;
    }
    println!("Unpacking Debian's {name}");
    if root.exists() {
        fs::remove_dir_all(root)?;
    }
    fs::create_dir_all(root.join("libraries"))?;
    // As root apt-get would download as a user who may not write here, and says so at length.
    let quiet = ["--quiet=2", "--option=APT::Sandbox::User=root", "download"];
    run::run(
        Command::new("apt-get")
            .args(quiet)
            .arg(name)
            .args(libraries)
            .current_dir(root),
    )
    .context("`apt-get update` may help")?;
    for package in files(root, ".deb")? {
        run::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(root))?;
        fs::remove_file(package)?;
    }
    // They lie in a folder named after the processor.
    let lib = root.join("usr/lib");
    for folder in if lib.is_dir() {
        files(&lib, "-linux-gnu")?
    } else {
        Vec::new()
    } {
        for library in files(&folder, "")? {
            let name = library.file_name().context("A file has a name")?;
            fs::rename(&library, root.join("libraries").join(name))?;
        }
    }
    Ok(())
}

/// What lies in a folder and ends in a certain way.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(ending) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
