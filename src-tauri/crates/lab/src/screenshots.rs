//! `cargo xtask screenshots`: every scene of the UI's browser build, light and dark, as a picture.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use xtask::demo::build_ui;
use xtask::project::Project;
use xtask::run::{output, which};
use xtask::setup::{self, Level};

/// Where the UI lists its scenes.
const SCENE_NAMES: &str = "ui/src/platform/browser/scene-names.ts";
/// The picture that the README shows, and where it is kept.
const README_SCENE: &str = "home-light.png";
const README_PICTURE: &str = "ui/screenshots/home.png";
/// Names under which systems have Chromium.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// The app's window, and a narrow one.
const SIZES: [(&str, &str); 2] = [("", "1180,820"), ("-narrow", "720,820")];

pub(crate) fn run(project: &Project) -> Result<()> {
    setup::run(project, Level::Build)?;
    let browser = browser()?;
    build_ui(project)?;
    let scenes = scenes(&project.root.join(SCENE_NAMES))?;
    let address = server::serve(project.ui().join("dist"))?;
    let folder = project.root.join("screenshots");
    fs::create_dir_all(&folder)?;
    let profile = project.fresh_folder("screenshots-profile")?;
    for scene in &scenes {
        for theme in ["light", "dark"] {
            for (suffix, size) in SIZES {
                let picture = folder.join(format!("{scene}-{theme}{suffix}.png"));
                let url = format!("{address}/?scene={scene}&theme={theme}");
                take(&browser, &profile, &url, size, &picture)?;
                println!("{}", picture.display());
            }
        }
    }
    fs::copy(folder.join(README_SCENE), project.root.join(README_PICTURE))?;
    Ok(())
}

/// Chromium, which takes pictures without a display.
fn browser() -> Result<PathBuf> {
    let find = || BROWSERS.into_iter().find_map(which);
    if find().is_none() {
        setup::packages_for_screenshots()?;
    }
    find().context("Pictures need Chromium, which was not found")
}

/// The quoted names in the UI's list.
fn scenes(list: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(list)
        .with_context(|| format!("Could not read the scenes in {}", list.display()))?;
    let array = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let (array, _) = array.context("The list of scenes is not an array")?;
    let names = array
        .split(',')
        .map(|name| name.trim().trim_matches(['\'', '"']));
    let names: Vec<String> = names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    ensure!(
        !names.is_empty(),
        "There are no scenes in {}",
        list.display()
    );
    Ok(names)
}

fn take(browser: &Path, profile: &Path, url: &str, size: &str, picture: &PathBuf) -> Result<()> {
    if picture.exists() {
        fs::remove_file(picture)?;
    }
    let mut command = Command::new(browser);
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .args(["--force-color-profile=srgb", "--virtual-time-budget=4000"])
        // No picture shows a draft that another one left.
        .args([
            "--no-first-run",
            "--disable-background-networking",
            "--incognito",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--window-size={size}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(url)
        .stdin(Stdio::null());
    output(command.stderr(Stdio::null()))?;
    ensure!(picture.is_file(), "The browser made no picture of {url}");
    Ok(())
}
