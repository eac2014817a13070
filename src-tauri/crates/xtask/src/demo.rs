//! `cargo xtask demo`: the whole way, from sign-in to restore, without an account anywhere.
//!
//! The simulated OneDrive runs beside Coffer, and both keep what they write under `target/demo`. With a display the
//! app opens; without one the same way is shown with the command line.

pub mod compare;
pub mod sample;
pub mod simulator;
mod story;
mod wiring;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::project::{self, Project};
use crate::run::{cargo, npm, run as execute};
use crate::setup::{self, Level};
use simulator::Simulator;
use wiring::wire;

/// Shows the whole way.
///
/// # Errors
/// When a step of it fails.
pub fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let source = match arguments {
        [] => None,
        ["--source", folder] => Some(existing_folder(folder)?),
        [word] if word.starts_with("--source=") => {
            Some(existing_folder(&word["--source=".len()..])?)
        }
        other => bail!(
            "`{}` is not understood; demo takes --source DIR",
            other.join(" ")
        ),
    };
    setup::run(project, Level::Build)?;
    let display = has_display();
    build(project, display)?;

    let folder = project.fresh_folder("demo")?;
    let simulator = Simulator::start(project, &folder.join("onedrive"))?;
    if display {
        open_app(project, &simulator, &folder, source.as_deref())
    } else {
        println!(
            "\nThere is no display here, so the demo goes through the command line instead of the app."
        );
        story::show(project, &simulator, &folder, source.as_deref())
    }
}

fn existing_folder(text: &str) -> Result<PathBuf> {
    // Cargo leaves the working folder as it was, so a relative path means what the person meant.
    let folder = Path::new(text)
        .canonicalize()
        .with_context(|| format!("The folder {text} cannot be opened"))?;
    ensure!(folder.is_dir(), "{text} is not a folder");
    Ok(folder)
}

fn has_display() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

fn build(project: &Project, app: bool) -> Result<()> {
    println!("\nBuilding; the first time takes some minutes");
    let mut packages = vec!["coffer-cli", "coffer-onedrive-sim"];
    if app {
        build_ui(project)?;
        packages.push("coffer-app");
    }
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    execute(cargo(project).args(["build", "--bins"]).args(packages))
}

/// Builds the UI when it is older than its sources: every build makes the app compile again.
pub fn build_ui(project: &Project) -> Result<()> {
    let ui = project.ui();
    let sources = [
        "src",
        "public",
        "index.html",
        "package-lock.json",
        "vite.config.ts",
    ];
    let sources = project::newest(&sources.map(|name| ui.join(name)));
    let built = project::newest(&[ui.join("dist/index.html")]);
    if built.is_some() && built >= sources {
        return Ok(());
    }
    execute(npm(project).args(["run", "--silent", "build"]))
}

fn open_app(
    project: &Project,
    simulator: &Simulator,
    folder: &Path,
    source: Option<&Path>,
) -> Result<()> {
    let source = match source {
        Some(source) => source.to_owned(),
        None => sample::create(&folder.join("My files"))?,
    };
    println!("\nCoffer opens, wired to a simulated OneDrive. Nothing leaves this computer.");
    println!("  Folder to back up:  {}", source.display());
    println!("  Sign in with:       the page that your browser opens; choose Alex, then Accept");
    println!(
        "  Restore to:         {}",
        folder.join("restored").display()
    );
    println!("  The drive's inside: {}", simulator.dashboard);
    println!("The demo ends with the app (tray icon, Quit).\n");
    let mut app = Command::new(project.built("debug", "coffer-app"));
    execute(wire(&mut app, simulator, folder))
}
