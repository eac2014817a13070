//! Libraries of others, each with a small program around it in `tests/interop/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::client::{Check, Client, Outcome};
use super::process;
use super::tools::Tools;
use super::world::{ACCOUNT, World};
use xtask::demo::simulator::Token;
use xtask::project::Project;

/// One of the programs.
#[derive(Debug)]
pub(super) struct Script<'a> {
    world: &'a World,
    path: PathBuf,
    interpreter: PathBuf,
    /// Where Node finds packages; Python's interpreter knows where its own are.
    packages: Option<PathBuf>,
    home: PathBuf,
}

impl<'a> Script<'a> {
    /// `name` is that of the file; its ending says what runs it.
    pub(super) fn new(
        project: &Project,
        world: &'a World,
        tools: &Tools,
        name: &str,
    ) -> Result<Self> {
        let is_python = name.ends_with(".py");
        let packages = (!is_python).then(|| tools.node.join("node_modules"));
        Ok(Self {
            world,
            path: project.root.join("tests/interop/clients").join(name),
            interpreter: match is_python {
                true => tools.python.clone(),
                false => "node".into(),
            },
            packages,
            home: world.fresh(name)?,
        })
    }

    fn run(&self, words: &[&str]) -> Result<String> {
        process::finish(&mut self.command(words)?, &self.log()?)
    }

    fn log(&self) -> Result<PathBuf> {
        self.world.log("script")
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        let front = &self.world.front;
        let mut command = process::command(&self.interpreter, &self.home);
        command.arg(&self.path).args(words);
        for (name, kind) in [
            ("ACCESS_TOKEN", Token::Access),
            ("REFRESH_TOKEN", Token::Refresh),
        ] {
            command.env(name, self.world.simulator.token(ACCOUNT, kind)?);
        }
        match &self.packages {
            None => {
                self.world.through_proxy(&mut command);
                command
                    .env("REQUESTS_CA_BUNDLE", &front.ca)
                    .env("SSL_CERT_FILE", &front.ca)
                    .env("PYTHONDONTWRITEBYTECODE", "1");
            }
            Some(packages) => {
                command
                    .env("API", &front.api)
                    .env("NODE_PATH", packages)
                    .env("NODE_EXTRA_CA_CERTS", &front.ca);
            }
        }
        Ok(command)
    }
}

impl Script<'_> {
    /// Runs a program that signs in, once; it may come some of the way only.
    pub(super) fn sign_in(&self) -> Session {
        let started = Instant::now();
        let mut printed = String::new();
        let result = self.log().and_then(|log| {
            let result = process::finish(&mut self.command(&[])?, &log);
            printed = process::printed(&log)?;
            result
        });
        Session {
            printed,
            complaint: result.err().map(|error| format!("{error:#}")),
            took: started.elapsed(),
        }
    }
}

impl Client for Script<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let listed = self.run(&["list", folder])?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    fn download(&self, folder: &str, to: &Path) -> Result<()> {
        self.run(&["download", folder, &to.display().to_string()])
            .map(drop)
    }

    fn upload(&self, from: &Path, folder: &str) -> Result<()> {
        self.run(&["upload", &from.display().to_string(), folder])
            .map(drop)
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.run(&["copy", from, to]).map(drop)
    }
}

/// What a program that signs in did.
#[derive(Debug)]
pub(super) struct Session {
    printed: String,
    /// Why it ended early, when it did.
    complaint: Option<String>,
    took: Duration,
}

impl Session {
    /// Whether the program said that this holds.
    pub(super) fn outcome(&self, check: Check) -> Outcome {
        let word = match check {
            Check::Code => "passed code",
            Check::Silent => "passed silent",
            Check::Device => "passed device",
            _ => return Outcome::Failed("it only signs in".to_owned()),
        };
        match &self.complaint {
            _ if self.printed.lines().any(|line| line == word) => Outcome::Passed(self.took),
            Some(complaint) => Outcome::Failed(complaint.clone()),
            None => Outcome::Failed("it did not say so".to_owned()),
        }
    }
}
