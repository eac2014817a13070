//! System packages. On Debian and Ubuntu they are installed; elsewhere their names are printed.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::run;

/// How much is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Enough to build and start the app.
    Build,
    /// Also what the tests need.
    Full,
}

/// A Debian package and what it is for.
pub(super) type Package = (&'static str, &'static str);

const BUILD: &[Package] = &[
    ("build-essential", "C compiler and linker"),
    ("pkg-config", "finds the libraries below"),
    ("file", "detects file types while bundling"),
    ("libwebkit2gtk-4.1-dev", "the web view of the app's window"),
    ("libayatana-appindicator3-dev", "the tray icon"),
    ("librsvg2-dev", "icons"),
    ("libxdo-dev", "keyboard input of the web view"),
];

const TESTS: &[Package] = &[
    (
        "webkit2gtk-driver",
        "tests: drives the app's window (WebDriver)",
    ),
    ("xvfb", "tests: a display where there is none"),
    ("dbus", "tests: a session bus of their own"),
    ("gnome-keyring", "tests: a real keychain (Secret Service)"),
    ("libfaketime", "tests: a clock that is wrong"),
    (
        "python3-venv",
        "tests: a folder for Python packages (independent checks, rclone)",
    ),
];

pub(super) const WINDOWS: &[Package] = &[
    (
        "rustc-web",
        "a compiler that comes with its library's source",
    ),
    ("cargo-web", "its cargo"),
    ("rust-web-src", "the source of Rust's library"),
    (
        "gcc-mingw-w64-x86-64-win32",
        "C compiler and linker for Windows",
    ),
    ("mingw-w64-x86-64-dev", "headers and libraries of Windows"),
];

pub(super) const SCREENSHOTS: &[Package] = &[("chromium", "takes pictures of the screens")];

pub(super) const BENCH: &[Package] = &[
    ("linux-source", "a large source tree to back up"),
    ("restic", "a backup program to compare with"),
    ("borgbackup", "a backup program to compare with"),
];

pub(super) const POWER_CUTS: &[Package] = &[
    ("e2fsprogs", "a file system with a journal"),
    ("btrfs-progs", "a file system that never overwrites"),
];

/// The packages of a level.
pub(super) fn needed(level: Level) -> Vec<Package> {
    match level {
        Level::Build => BUILD.to_vec(),
        Level::Full => [BUILD, TESTS].concat(),
    }
}

/// Installs those that are missing, after saying so.
pub(super) fn install(packages: &[Package]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        // Windows has WebView2, macOS has WebKit: the compilers' own installers bring what is needed.
        return Ok(());
    }
    if run::which("dpkg-query").is_none() || run::which("apt-get").is_none() {
        println!("This is neither Debian nor Ubuntu. Please see to it that these are installed,");
        println!("by the names that your system gives them:");
        list(packages.iter());
        return Ok(());
    }
    let installed = installed()?;
    let missing: Vec<&Package> = packages
        .iter()
        .filter(|(name, _)| !installed.iter().any(|known| known == name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing packages that are missing:");
    list(missing.iter().copied());
    let names = missing.iter().map(|(name, _)| *name);
    run::run(apt_get()?.arg("update"))?;
    run::run(
        apt_get()?
            .args(["install", "-y", "--no-install-recommends"])
            .args(names),
    )
}

fn list<'a>(packages: impl Iterator<Item = &'a Package>) {
    for (name, purpose) in packages {
        println!("  {name}: {purpose}");
    }
}

/// Names of all installed packages, without their architecture.
fn installed() -> Result<Vec<String>> {
    let listed = run::output(
        Command::new("dpkg-query")
            .args(["--show", "--showformat=${db:Status-Abbrev} ${Package}\n"]),
    )?;
    let lines = listed.lines().filter_map(|line| line.strip_prefix("ii "));
    Ok(lines.map(|name| name.trim().to_owned()).collect())
}

/// apt-get with the rights to install, asking nothing.
fn apt_get() -> Result<Command> {
    let user =
        run::output(Command::new("id").arg("-u")).context("Could not find out who runs this")?;
    let mut command = if user.trim() == "0" {
        Command::new("env")
    } else if run::which("sudo").is_some() {
        let mut command = Command::new("sudo");
        command.arg("env");
        command
    } else {
        bail!("Packages are missing and there is no sudo; install the ones above as root");
    };
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .stdin(Stdio::null());
    if user.trim() != "0" {
        // sudo may have to ask for a password.
        command.stdin(Stdio::inherit());
    }
    Ok(command)
}
