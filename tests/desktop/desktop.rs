use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use coffer_tests::Microsoft;
use futures::StreamExt as _;
use tempfile::TempDir;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use crate::background::Background;
use crate::screen::Screen;

/// Where the stand-in for `xdg-open` notes the pages that were to be opened.
const OPENED_PAGES: &str = "opened-pages";

/// A separate desktop: display, session bus, keychain, home folder, and a simulated OneDrive.
pub(crate) struct Desktop {
    pub(crate) microsoft: Microsoft,
    folder: TempDir,
    display: String,
    bus: String,
    keychain: Option<Background>,
    /// What has to be set for a program whose clock is wrong.
    clock: String,
    // They end after everything that uses them.
    _bus: Background,
    _display: Background,
}

impl Desktop {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        for name in ["home", "run", "bin", "lib", "tmp", "browser"] {
            fs::create_dir(folder.path().join(name)).expect("a folder of the desktop");
        }
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder.path().join("run"), private).expect("the run folder is private");
        install_opener(folder.path());

        let (display_process, display) =
            Background::start_talking(Command::new("Xvfb").stderr(Stdio::null()).args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x900x24",
            ]));
        let (bus_process, bus) =
            Background::start_talking(Command::new("dbus-daemon").stderr(Stdio::null()).args([
                "--session",
                "--nofork",
                "--print-address=1",
            ]));
        let mut desktop = Self {
            microsoft: Microsoft::start(),
            folder,
            display: format!(":{display}"),
            bus,
            keychain: None,
            clock: String::new(),
            _bus: bus_process,
            _display: display_process,
        };
        desktop.start_keychain().await;
        desktop
    }

    /// A path in the folder that holds everything of this desktop.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The session bus.
    pub(crate) async fn bus(&self) -> zbus::Connection {
        let builder = zbus::connection::Builder::address(self.bus.as_str());
        let connecting = builder.expect("the bus has an address").build();
        connecting.await.expect("the bus takes connections")
    }

    /// The display.
    pub(crate) fn screen(&self) -> Screen {
        Screen::open(&self.display)
    }

    /// A program as it would be started from this desktop.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("LD_LIBRARY_PATH", self.path("lib"))
            .env("HOME", self.home())
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("LANG", "C.UTF-8")
            // Nothing of the desktop around the test is to be found.
            .env("GDK_BACKEND", "x11")
            .env("GTK_USE_PORTAL", "0")
            .env("NO_AT_BRIDGE", "1")
            .env("LIBGL_ALWAYS_SOFTWARE", "1");
        command
    }

    /// Sets the clock of the programs that start from now on.
    pub(crate) fn set_clock_ahead(&mut self, days: u32) {
        let library = Path::new("/usr/lib")
            .join(format!("{}-linux-gnu", std::env::consts::ARCH))
            .join("faketime/libfaketimeMT.so.1");
        let is_there = library.is_file();
        assert!(
            is_there,
            "{library:?} is missing; `cargo xtask setup` installs it"
        );
        self.clock = format!(
            "export LD_PRELOAD='{}' FAKETIME=+{days}d FAKETIME_DONT_FAKE_MONOTONIC=1\n",
            library.display()
        );
    }

    /// The programs that start from now on have the right time.
    pub(crate) fn set_clock_right(&mut self) {
        self.clock.clear();
    }

    /// Lines of a shell script that set the clock.
    pub(crate) fn clock(&self) -> &str {
        &self.clock
    }

    /// Hides the libraries that show tray icons, as on a desktop where none is installed: what is found first is none.
    pub(crate) fn hide_tray_libraries(&self) {
        for name in ["libayatana-appindicator3", "libappindicator3"] {
            for ending in [".so.1", ".so"] {
                let path = self.path("lib").join(format!("{name}{ending}"));
                fs::write(path, "").expect("an empty library");
            }
        }
    }

    /// Adds what wires Coffer to the simulator.
    pub(crate) fn wire<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("COFFER_DEMO", "1")
            .env("COFFER_GRAPH_ENDPOINT", self.microsoft.api_url())
            .env("COFFER_OAUTH_URL", self.microsoft.oauth_url())
    }

    /// Pages that programs asked the desktop to open, oldest first.
    pub(crate) fn opened_pages(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path(OPENED_PAGES)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What the keychain holds for Coffer, in any order.
    pub(crate) async fn kept_secrets(&self) -> Vec<String> {
        let connection = self.bus().await;
        let service = secret_service::SecretService::connect_with_existing(
            secret_service::EncryptionType::Plain,
            connection,
        );
        let service = service.await.expect("the keychain answers");
        let found = service
            .search_items([("service", "Coffer")].into())
            .await
            .expect("the keychain can be searched");
        let mut secrets = Vec::new();
        for item in found.unlocked {
            let secret = item
                .get_secret()
                .await
                .expect("an unlocked item is readable");
            secrets.push(String::from_utf8_lossy(&secret).into_owned());
        }
        secrets
    }

    /// As after the loss of the disk: Coffer's folders and the keychain are empty.
    pub(crate) async fn lose_everything(&mut self) {
        self.keychain = None;
        for folder in [".local", ".cache", ".config"] {
            remove(&self.home().join(folder)).await;
        }
        self.start_keychain().await;
    }

    /// Its keychain is a new one, in which nothing is.
    pub(crate) async fn lose_keychain(&mut self) {
        self.keychain = None;
        let kept = self.home().join(".local/share/keyrings");
        fs::remove_dir_all(kept).expect("the keychain kept something");
        self.start_keychain().await;
    }

    /// Locks the keychain, as after a restart of the computer.
    pub(crate) async fn lock_keychain(&mut self) {
        self.keychain = None;
        self.run_keychain(&[], "").await;
    }

    /// Unlocks the keychain.
    pub(crate) async fn start_keychain(&mut self) {
        self.keychain = None;
        self.run_keychain(&["--unlock"], "unlocked").await;
    }

    async fn run_keychain(&mut self, options: &[&str], password: &str) {
        let connection = self.bus().await;
        let names = DBusProxy::new(&connection).await.expect("the bus answers");
        let name = "org.freedesktop.secrets";
        let mut changes = names
            .receive_name_owner_changed_with_args(&[(0, name)])
            .await
            .expect("the bus reports names");
        let mut command = self.command("gnome-keyring-daemon");
        command
            .args(["--foreground", "--components=secrets"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.keychain = Some(Background::start_with_input(&mut command, password));
        let well_known = BusName::try_from(name).expect("a bus name");
        while !names
            .name_has_owner(well_known.clone())
            .await
            .expect("the bus answers")
        {
            changes.next().await.expect("the bus stays");
        }
    }
}

/// `xdg-open` that notes the page for the test, which then opens it in a browser.
fn install_opener(folder: &Path) {
    let script = folder.join("bin/xdg-open");
    let mut file = fs::File::create(&script).expect("the script can be written");
    let pages = folder.join(OPENED_PAGES);
    write!(
        file,
        "#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n",
        pages.display()
    )
    .expect("the script can be written");
    file.set_permissions(fs::Permissions::from_mode(0o755))
        .expect("the script can be run");
}

/// Removes a folder into which a program of the desktop may still write its last settings.
async fn remove(folder: &Path) {
    for _ in 0..100 {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            done => return done.expect("a lost disk keeps nothing"),
        }
    }
    panic!("{} is written to again and again", folder.display());
}
