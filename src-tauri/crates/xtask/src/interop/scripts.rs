//! Libraries of others, each with a small program around it in `tests/interop/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::client::{Check, Client, Outcome};
use super::process;
use super::rclone::through_proxy;
use super::tools::Tools;
use super::world::{ACCOUNT, World};
use crate::demo::simulator::Token;
use crate::project::Project;

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
                through_proxy(&mut command, self.world);
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

/// Runs a program that signs in, once, and tells each check by what it printed.
pub(super) fn sign_in(script: &Script<'_>, checks: &[Check]) -> Vec<(Check, Outcome)> {
    let started = Instant::now();
    let result = said(script);
    let outcome = |check: &Check| match (&result, word(*check)) {
        (Ok((printed, _)), Some(word)) if printed.lines().any(|line| line == word) => {
            Outcome::Passed(started.elapsed())
        }
        (Ok((_, complaint)), _) => Outcome::Failed(complaint.clone()),
        (Err(error), _) => Outcome::Failed(format!("{error:#}")),
    };
    checks
        .iter()
        .map(|check| (*check, outcome(check)))
        .collect()
}

/// What a program printed, and what went wrong; it may have come some of the way.
fn said(script: &Script<'_>) -> Result<(String, String)> {
    let log = script.log()?;
    let complaint = match process::finish(&mut script.command(&[])?, &log) {
        Ok(_) => "it did not say so".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    Ok((process::printed(&log)?, complaint))
}

/// What a program prints when a check holds.
fn word(check: Check) -> Option<&'static str> {
    match check {
        Check::Code => Some("passed code"),
        Check::Silent => Some("passed silent"),
        Check::Device => Some("passed device"),
        _ => None,
    }
}
