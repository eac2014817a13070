//! Opens pages and folders with the programs of the desktop.
//!
//! The program that is started outlives us and is not part of Coffer: it gets neither the secrets that our environment
//! may contain nor the libraries of the AppImage that we may run from, with which system programs do not start.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A launcher that fails does so within this time. One that is still running then has succeeded, or is the program
/// itself.
const FAILS_WITHIN: Duration = Duration::from_millis(250);
/// Interval at which we check whether a launcher has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Our own variables, besides those that begin with `COFFER_`.
const OWN: [&str; 1] = ["PASSPHRASE"];
/// Variables that an AppImage overwrites when it starts.
const APP_IMAGE: [&str; 6] = [
    "APPIMAGE",
    "APPDIR",
    "ARGV0",
    "OWD",
    "GDK_BACKEND",
    "GTK_THEME",
];

/// Opens a page or a folder without waiting for its end.
///
/// # Errors
/// When no launcher could be started. The error does not contain the target, which may be a secret.
pub(crate) fn open(target: impl AsRef<OsStr>) -> io::Result<()> {
    let variables = passed_on(std::env::vars_os().collect());
    start(open::commands(target), &variables)
}

/// Tries one launcher after another.
fn start(launchers: Vec<Command>, variables: &[(OsString, OsString)]) -> io::Result<()> {
    // Elsewhere the exit codes of launchers are not reliable, and the target might be opened twice.
    let may_try_next = cfg!(all(unix, not(target_os = "macos")));
    let mut failed = None;
    for mut launcher in launchers {
        let own: Vec<_> = launcher
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        launcher
            .env_clear()
            .envs(variables.iter().cloned())
            .envs(own)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        apart(&mut launcher);
        match launcher.spawn().and_then(outcome) {
            Ok(None) => return Ok(()),
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                let error = io::Error::other(format!("the launcher ended with {status}"));
                if !may_try_next {
                    return Err(error);
                }
                failed = Some(error);
            }
            // A launcher that is not installed does not hide why another one failed.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

/// The exit status of a launcher; `None` when it is still running.
fn outcome(mut child: Child) -> io::Result<Option<ExitStatus>> {
    if cfg!(target_os = "macos") {
        // `open` forwards the target and ends.
        return child.wait().map(Some);
    }
    let end = Instant::now() + FAILS_WITHIN;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(LOOK);
    }
    // Reap the process when it ends.
    thread::spawn(move || child.wait());
    Ok(None)
}

/// Detaches a launcher, so that signals from our terminal do not end it.
#[cfg(unix)]
fn apart(launcher: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    launcher.process_group(0);
}

/// Launchers do not share a console with us on Windows.
#[cfg(not(unix))]
fn apart(_launcher: &mut Command) {}

/// The environment without our own variables, and as it was before an AppImage changed it.
fn passed_on(variables: Vec<(OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mounted = variables
        .iter()
        .find(|(name, value)| name == "APPDIR" && !value.is_empty())
        .map(|(_, folder)| folder.clone());
    let foreign = variables.into_iter().filter(|(name, _)| {
        let name = name.to_string_lossy().to_uppercase();
        !name.starts_with("COFFER_") && !OWN.contains(&name.as_str())
    });
    let Some(mounted) = mounted else {
        return foreign.collect();
    };
    foreign
        .filter(|(name, _)| APP_IMAGE.iter().all(|own| name != own))
        .filter_map(|(name, value)| {
            let is_inside = |path: &std::path::PathBuf| path.starts_with(&mounted);
            let parts: Vec<_> = std::env::split_paths(&value).collect();
            if !parts.iter().any(is_inside) {
                return Some((name, value));
            }
            let rest = parts.into_iter().filter(|part| !is_inside(part));
            let rest = std::env::join_paths(rest.filter(|part| !part.as_os_str().is_empty()));
            let rest = rest.ok().filter(|rest| !rest.is_empty())?;
            Some((name, rest))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        let owned = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn secrets_of_a_command_line_are_not_passed_on() {
        let passed = passed_on(variables(&[
            ("COFFER_AUTHID", "key:secret"),
            ("PASSPHRASE", "an old key"),
            ("Coffer_Client_Id", "0123"),
            ("HOME", "/home/robin"),
            ("DISPLAY", ":0"),
        ]));

        assert_eq!(
            passed,
            variables(&[("HOME", "/home/robin"), ("DISPLAY", ":0")])
        );
    }

    #[cfg(unix)]
    #[test]
    fn programs_of_the_system_get_none_of_an_app_images_libraries() {
        let passed = passed_on(variables(&[
            ("APPDIR", "/tmp/.mount_Coffer1"),
            ("APPIMAGE", "/home/robin/Coffer.AppImage"),
            ("ARGV0", "Coffer.AppImage"),
            ("OWD", "/home/robin"),
            ("GDK_BACKEND", "x11"),
            (
                "LD_LIBRARY_PATH",
                "/tmp/.mount_Coffer1/usr/lib:/tmp/.mount_Coffer1/lib",
            ),
            ("GTK_PATH", "/tmp/.mount_Coffer1/usr/lib/gtk-3.0:/opt/gtk"),
            (
                "PATH",
                "/tmp/.mount_Coffer1/usr/bin:/usr/local/bin:/usr/bin",
            ),
            ("XDG_DATA_DIRS", "/tmp/.mount_Coffer1/usr/share::/usr/share"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
        ]));

        assert_eq!(
            passed,
            variables(&[
                ("GTK_PATH", "/opt/gtk"),
                ("PATH", "/usr/local/bin:/usr/bin"),
                ("XDG_DATA_DIRS", "/usr/share"),
                ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
            ])
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_environment_of_an_installed_program_stays_as_it_is() {
        let given = variables(&[
            ("GDK_BACKEND", "wayland"),
            ("LD_LIBRARY_PATH", "/opt/lib:"),
            ("PATH", "/usr/bin"),
        ]);

        assert_eq!(passed_on(given.clone()), given);
    }

    /// The test's own environment has variables of Cargo, which take the role of those with secrets.
    #[cfg(unix)]
    #[test]
    fn a_launcher_that_fails_is_followed_by_the_next_with_the_same_environment() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let shell = |script: &str| {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", script]).arg("launcher").arg(&seen);
            shell
        };
        let missing = Command::new(folder.path().join("missing"));
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());

        let variables = variables(&[("DISPLAY", ":7"), ("PATH", "/usr/bin:/bin")]);
        let launchers = vec![missing, shell("exit 4"), shell("env > \"$1\"")];
        start(launchers, &variables).unwrap();
        let failed = start(vec![shell("exit 4")], &variables).unwrap_err();

        let seen = std::fs::read_to_string(&seen).unwrap();
        assert!(seen.contains("DISPLAY=:7"), "{seen}");
        assert!(!seen.contains("CARGO_"), "{seen}");
        assert!(failed.to_string().contains('4'), "{failed}");
    }

    /// Addresses of sign-in pages give access to the credential, so logs must not contain them.
    #[cfg(unix)]
    #[test]
    fn an_error_does_not_hold_what_was_to_be_opened() {
        let secret = "https://service.example/?type=onedrivev2&token=SECRET";
        for program in ["/bin/false", "/nowhere/xdg-open"] {
            let mut launcher = Command::new(program);
            launcher.arg(secret);

            let error = start(vec![launcher], &[]).unwrap_err();

            let said = format!("{error} {error:?}");
            assert!(!said.contains("SECRET"), "{program}: {said}");
        }
    }
}
