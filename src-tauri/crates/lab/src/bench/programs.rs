//! The backup programs that are compared, each with encryption and its own defaults.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::process::{Measured, measure};
use xtask::project::Project;
use xtask::run::{output, run, which};

/// A backup program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Coffer,
    Restic,
    Borg,
    Rustic,
}

/// A program with a repository of its own.
pub(super) struct Bench {
    pub(super) program: Program,
    binary: PathBuf,
    /// Everything it keeps lies here.
    folder: PathBuf,
}

impl Program {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Coffer => "coffer",
            Self::Restic => "restic",
            Self::Borg => "borg",
            Self::Rustic => "rustic",
        }
    }

    /// Those that are there; Coffer is the one that was just built.
    pub(super) fn all(project: &Project) -> Vec<(Self, PathBuf)> {
        let peers = [Self::Restic, Self::Borg, Self::Rustic];
        let found = peers
            .into_iter()
            .filter_map(|peer| Some((peer, which(peer.name())?)));
        let own = (Self::Coffer, project.built("release", "coffer"));
        std::iter::once(own).chain(found).collect()
    }
}

/// First line of what a program says of its version.
pub(super) fn version(program: Program, binary: &Path) -> Result<String> {
    let word = if program == Program::Restic {
        "version"
    } else {
        "--version"
    };
    let text = output(Command::new(binary).arg(word))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl Bench {
    pub(super) fn new(program: Program, binary: PathBuf, folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(folder.join("repository"))?;
        let bench = Self {
            program,
            binary,
            folder,
        };
        let words: &[&str] = match program {
            Program::Coffer => return Ok(bench),
            Program::Restic => &["--quiet", "init", "--repository-version", "2"],
            Program::Borg => &["init", "--encryption", "repokey-blake2"],
            Program::Rustic => &["--log-level", "off", "init"],
        };
        run(bench.command().args(words))?;
        Ok(bench)
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        let (repository, cache) = (self.repository(), self.folder.join("cache"));
        match self.program {
            Program::Coffer => command
                .env("PASSPHRASE", "bench")
                .env("COFFER_DATA_DIR", self.folder.join("data"))
                .env("COFFER_CACHE_DIR", cache),
            Program::Restic => command
                .env("RESTIC_PASSWORD", "bench")
                .env("RESTIC_REPOSITORY", repository)
                .env("RESTIC_CACHE_DIR", cache),
            Program::Borg => command
                .env("BORG_PASSPHRASE", "bench")
                .env("BORG_REPO", repository)
                .env("BORG_BASE_DIR", cache),
            Program::Rustic => command
                .env("RUSTIC_PASSWORD", "bench")
                .env("RUSTIC_REPOSITORY", repository)
                .env("RUSTIC_CACHE_DIR", cache),
        };
        command
    }

    /// Makes a version; `number` makes it unique.
    pub(super) fn backup(&self, source: &Path, number: usize) -> Result<Measured> {
        let mut command = self.command();
        match self.program {
            Program::Coffer => command
                .arg("backup")
                .arg(self.url())
                .arg(source)
                .arg("--no-progress"),
            Program::Restic => command.args(["--quiet", "backup"]).arg(source),
            Program::Borg => command.arg("create").arg(format!("::{number}")).arg(source),
            Program::Rustic => command
                .args(["--log-level", "off", "--no-progress", "backup"])
                .arg(source),
        };
        // Coffer says with code 1 that all is well and nothing changed.
        let codes: &[i32] = match self.program {
            Program::Coffer => &[0, 1],
            _ => &[0],
        };
        measure(&mut command, codes)
    }

    /// Restores version `number`, which is the newest.
    pub(super) fn restore(&self, number: usize) -> Result<Measured> {
        let target = self.folder.join("restored");
        std::fs::create_dir_all(&target)?;
        let mut command = self.command();
        match self.program {
            Program::Coffer => command
                .arg("restore")
                .arg(self.url())
                .arg("--restore-path")
                .arg(&target)
                .arg("--no-progress"),
            Program::Restic => command
                .args(["--quiet", "restore", "latest", "--target"])
                .arg(&target),
            Program::Borg => command
                .arg("extract")
                .arg(format!("::{number}"))
                .current_dir(&target),
            Program::Rustic => command
                .args(["--log-level", "off", "--no-progress", "restore", "latest"])
                .arg(&target),
        };
        measure(&mut command, &[0])
    }

    fn url(&self) -> String {
        format!("file://{}", self.repository().display())
    }
}
