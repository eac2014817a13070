//! All clients, and what is asked of each.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::abraunegg::Abraunegg;
use super::client::{Check, Client, Trouble};
use super::debian::Unpacked;
use super::rclone::{Rclone, Way};
use super::scripts::Script;
use super::tools::{Tools, pinned};
use super::world::World;
use xtask::project::Project;
use xtask::run::output;

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
    /// It is Coffer itself, with the addresses that are built into it.
    Own,
    /// It does nothing but sign in.
    SignIn(Script<'a>),
    /// It cannot be used here, and why.
    Missing(String),
}

/// By addresses in its settings.
const PLAIN: &str = "HTTP";
/// With the addresses built into it.
const PROXY: &str = "TLS, proxy";
/// By a base address in its settings.
const LOOPBACK: &str = "TLS, localhost";

const COFFER: &[Check] = &[Check::Download, Check::Upload];
const RCLONE: &[Check] = &[
    Check::List,
    Check::Hashes,
    Check::Download,
    Check::Copy,
    Check::Upload,
    Check::Through(Trouble::Throttled),
    Check::Through(Trouble::Unavailable),
    Check::Through(Trouble::Cut),
    Check::Through(Trouble::StoredAndDenied),
    Check::Through(Trouble::HalfStored),
    Check::Code,
    Check::Silent,
];
/// It sends up to 10 MiB at once, so that there is no fragment in the middle for trouble.
const ABRAUNEGG: &[Check] = &[Check::Download, Check::Upload];
/// Where a fragment was stored already, it gives up.
const O365: &[Check] = &[
    Check::List,
    Check::Download,
    Check::Copy,
    Check::Upload,
    Check::Through(Trouble::Throttled),
    Check::Through(Trouble::Unavailable),
    Check::Through(Trouble::Cut),
];
/// As the rest, it gives up at any fault.
const COPYING: &[Check] = &[Check::List, Check::Download, Check::Copy, Check::Upload];
const FILES: &[Check] = &[Check::List, Check::Download, Check::Upload];
const SIGN_IN: &[Check] = &[Check::Code, Check::Silent, Check::Device];

/// Package, way in, script and checks of the libraries.
const LIBRARIES: &[(&str, &str, &str, &[Check])] = &[
    ("opendal", PROXY, "opendal_files.py", COPYING),
    ("O365", PROXY, "o365_files.py", O365),
    (
        "office365-rest-python-client",
        PROXY,
        "office365_files.py",
        FILES,
    ),
    (
        "@microsoft/microsoft-graph-client",
        LOOPBACK,
        "graph_sdk_files.cjs",
        FILES,
    ),
    ("msal", PROXY, "msal_signin.py", SIGN_IN),
    ("@azure/msal-node", LOOPBACK, "msal_node.cjs", SIGN_IN),
];

pub(super) fn all<'a>(
    project: &Project,
    world: &'a World,
    tools: &Tools,
) -> Result<Vec<Entry<'a>>> {
    let debian = tools.debian_rclone.as_ref();
    let debian = debian
        .map(|rclone| rclone.program.clone())
        .map_err(Clone::clone);
    let browser = project.root.join("tests/interop/clients/browser.py");
    let browser = [tools.python.as_path(), browser.as_path()];
    let coffer = Entry {
        name: format!("coffer {}", env!("CARGO_PKG_VERSION")),
        way: PROXY,
        checks: COFFER.to_vec(),
        kind: Kind::Own,
    };
    let mut entries = vec![
        coffer,
        rclone(world, &Ok(tools.rclone.clone()), Way::Settings, browser)?,
        rclone(world, &debian, Way::Proxy, browser)?,
    ];
    entries.push(abraunegg(world, &tools.debian_onedrive));
    for (package, way, file, checks) in LIBRARIES {
        let script = Script::new(project, world, tools, file)?;
        entries.push(Entry {
            name: pinned(package),
            way,
            checks: checks.to_vec(),
            kind: match *checks == SIGN_IN {
                true => Kind::SignIn(script),
                false => Kind::Files(Box::new(script)),
            },
        });
    }
    Ok(entries)
}

fn rclone<'a>(
    world: &'a World,
    program: &Result<PathBuf, String>,
    way: Way,
    browser: [&Path; 2],
) -> Result<Entry<'a>> {
    let (name, kind) = match program {
        Ok(program) => {
            let rclone = Rclone::new(world, program, way, browser)?;
            (
                version(&mut Command::new(program))?,
                Kind::Files(Box::new(rclone)),
            )
        }
        Err(reason) => ("rclone of Debian".to_owned(), Kind::Missing(reason.clone())),
    };
    Ok(Entry {
        name,
        way: match way {
            Way::Settings => PLAIN,
            Way::Proxy => PROXY,
        },
        checks: RCLONE.to_vec(),
        kind,
    })
}

fn abraunegg<'a>(world: &'a World, program: &Result<Unpacked, String>) -> Entry<'a> {
    let client = program.clone().and_then(|program| {
        let version = version(&mut program.command()).map_err(|error| format!("{error:#}"))?;
        Ok((version, Abraunegg::new(world, &program)?))
    });
    let (name, kind) = match client {
        Ok((version, client)) => (version, Kind::Files(Box::new(client))),
        Err(reason) => ("onedrive of Debian".to_owned(), Kind::Missing(reason)),
    };
    Entry {
        name,
        way: PROXY,
        checks: ABRAUNEGG.to_vec(),
        kind,
    }
}

/// The first words of what a program says of its version: `rclone v1.75.2`.
fn version(command: &mut Command) -> Result<String> {
    let text = output(command.arg("--version"))?;
    let line = text.lines().next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    Ok(words.join(" "))
}
