//! All clients, and what is asked of each.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::client::{Check, Client, Trouble};
use super::rclone::{Rclone, Way};
use super::tools::Tools;
use super::world::World;
use crate::project::Project;
use crate::run::output;

/// A client and what is asked of it.
pub(super) struct Entry<'a> {
    /// Name and version.
    pub(super) name: String,
    /// How it is led to the simulator.
    pub(super) way: &'static str,
    pub(super) checks: Vec<Check>,
    pub(super) kind: Kind<'a>,
}

/// What a client can be asked.
pub(super) enum Kind<'a> {
    /// It keeps files.
    Files(Box<dyn Client + 'a>),
    /// It cannot be used here, and why.
    Missing(String),
}

/// Everything that can be asked of a client that keeps files and does all of it.
const ALL: [Check; 5] = [
    Check::List,
    Check::Hashes,
    Check::Download,
    Check::Copy,
    Check::Upload,
];

pub(super) fn all<'a>(
    _project: &Project,
    world: &'a World,
    tools: &Tools,
) -> Result<Vec<Entry<'a>>> {
    let mut entries = vec![Entry {
        name: version(&tools.rclone)?,
        way: "HTTP",
        checks: with_trouble(&ALL),
        kind: Kind::Files(Box::new(Rclone::new(world, &tools.rclone, Way::Settings)?)),
    }];
    entries.push(match &tools.debian_rclone {
        Ok(program) => Entry {
            name: version(program)?,
            way: "TLS, proxy",
            checks: with_trouble(&ALL),
            kind: Kind::Files(Box::new(Rclone::new(world, program, Way::Proxy)?)),
        },
        Err(reason) => Entry {
            name: "rclone of Debian".to_owned(),
            way: "TLS, proxy",
            checks: with_trouble(&ALL),
            kind: Kind::Missing(reason.clone()),
        },
    });
    Ok(entries)
}

fn with_trouble(checks: &[Check]) -> Vec<Check> {
    let through = Trouble::ALL.map(Check::Through);
    checks.iter().copied().chain(through).collect()
}

/// The first words of what a program says of its version: `rclone v1.75.2`.
fn version(program: &Path) -> Result<String> {
    let text = output(Command::new(program).arg("version"))?;
    let line = text.lines().next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    Ok(words.join(" "))
}
