//! rclone, of today by plain HTTP and of Debian by TLS.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::client::Client;
use super::process;
use super::world::{ACCOUNT, BACKUP, World};
use xtask::demo::simulator::Token;

/// File with everything that rclone has to know.
const CONFIG: &str = "rclone.conf";
/// File of an rclone that has not signed in; it asks Microsoft for its drive then.
const SIGN_IN: &str = "sign-in.conf";

/// How rclone is led to the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By its own settings for addresses, which newer ones have.
    Settings,
    /// By a proxy and a CA.
    Proxy,
}

pub(super) struct Rclone<'a> {
    world: &'a World,
    program: PathBuf,
    way: Way,
    home: PathBuf,
}

impl<'a> Rclone<'a> {
    /// A configured rclone; `browser` is a program that opens the address it is given.
    pub(super) fn new(
        world: &'a World,
        program: &Path,
        way: Way,
        browser: [&Path; 2],
    ) -> Result<Self> {
        let home = world.fresh("rclone")?;
        write_browser(&home.join("bin"), browser)?;
        let refresh = world.simulator.token(ACCOUNT, Token::Refresh)?;
        let api = &world.simulator.api;
        let addresses = match way {
            Way::Settings => format!(
                "tenant_url = {api}/_api\nauth_url = {api}/common/oauth2/v2.0/authorize\n\
                 token_url = {api}/common/oauth2/v2.0/token\n"
            ),
            Way::Proxy => String::new(),
        };
        let drive = world.simulator.drive(ACCOUNT);
        let fresh =
            format!("[sim]\ntype = onedrive\nregion = global\n{addresses}client_id = sim-client\n");
        fs::write(home.join(SIGN_IN), &fresh)?;
        let config = format!(
            "{fresh}drive_id = {drive}\ndrive_type = business\n\
             token = {{\"access_token\":\"expired\",\"token_type\":\"Bearer\",\
             \"refresh_token\":\"{refresh}\",\"expiry\":\"2020-01-01T00:00:00Z\"}}\n"
        );
        fs::write(home.join(CONFIG), config)?;
        Ok(Self {
            world,
            program: program.to_owned(),
            way,
            home,
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with(CONFIG, arguments)
    }

    fn run_with(&self, config: &str, arguments: &[&str]) -> Result<String> {
        let mut command = process::command(&self.program, &self.home);
        command.arg("--config").arg(self.home.join(config));
        if self.way == Way::Proxy {
            self.world.through_proxy(&mut command);
            let ca = &self.world.front.ca;
            // The option does not reach its question how far a copy is.
            command.arg("--ca-cert").arg(ca).env("SSL_CERT_FILE", ca);
            command.env("REQUESTS_CA_BUNDLE", ca);
        }
        let mut path = self.home.join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path);
        // Small fragments, so that each volume has several; one try, so that what it survives it survives by itself.
        command
            .args(["--onedrive-chunk-size", "320k"])
            .args(["--retries", "1", "--low-level-retries", "10"])
            .args(arguments);
        process::finish(&mut command, &self.world.log("rclone")?)
    }
}

/// Puts a program that opens pages into `folder`, under the name by which rclone looks for one.
fn write_browser(folder: &Path, [interpreter, script]: [&Path; 2]) -> Result<()> {
    let (interpreter, script) = (interpreter.display(), script.display());
    let opener = folder.join("xdg-open");
    fs::create_dir(folder)?;
    fs::write(
        &opener,
        format!("#!/bin/sh\nexec '{interpreter}' '{script}' \"$1\"\n"),
    )?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&opener, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

impl Client for Rclone<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let listed = self.run(&["lsf", &remote(folder)])?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    fn download(&self, folder: &str, to: &Path) -> Result<()> {
        let to = to.display().to_string();
        self.run(&["copy", &remote(folder), &to]).map(drop)
    }

    fn upload(&self, from: &Path, folder: &str) -> Result<()> {
        let from = from.display().to_string();
        self.run(&["copy", &from, &remote(folder)]).map(drop)
    }

    fn sign_in(&self) -> Result<()> {
        self.world.simulator.set_auto_consent(Some(ACCOUNT))?;
        let done = self.run_with(SIGN_IN, &["config", "reconnect", "sim:", "--auto-confirm"]);
        self.world.simulator.set_auto_consent(None)?;
        done?;
        let config = fs::read_to_string(self.home.join(SIGN_IN))?;
        let drive = self.world.simulator.drive(ACCOUNT);
        ensure!(config.contains(&drive), "it did not find the drive");
        self.run_with(SIGN_IN, &["lsf", &remote(BACKUP)]).map(drop)
    }

    /// It goes by its own note of when a token ends, not by what Graph answers.
    fn renew(&self) -> Result<()> {
        let path = self.home.join(SIGN_IN);
        let signed_in = fs::read_to_string(&path)?;
        let (before, rest) = signed_in
            .split_once("\"expiry\":\"")
            .context("it has not signed in")?;
        let (_, behind) = rest.split_once('"').context("a time in quotes")?;
        let expired = format!("{before}\"expiry\":\"2020-01-01T00:00:00Z\"{behind}");
        fs::write(&path, &expired)?;
        self.world.simulator.expire_access(ACCOUNT)?;
        self.run_with(SIGN_IN, &["lsf", &remote(BACKUP)])?;
        ensure!(
            fs::read_to_string(&path)? != expired,
            "it kept no new token"
        );
        Ok(())
    }

    fn check(&self, here: &Path, folder: &str) -> Result<()> {
        let (here_text, remote) = (here.display().to_string(), remote(folder));
        self.run(&["check", &here_text, &remote])?;
        // With `check` alone a drive without hashes would pass, too.
        let listed = self.run(&["lsf", "--format", "h", "--hash", "QuickXorHash", &remote])?;
        let count = fs::read_dir(here)?.count();
        let hashes = listed.lines().filter(|hash| hash.len() == 40).count();
        ensure!(
            hashes == count,
            "{hashes} hashes for {count} files: {listed}"
        );
        Ok(())
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.run(&["copy", &remote(from), &remote(to)]).map(drop)
    }
}

fn remote(folder: &str) -> String {
    format!("sim:{folder}")
}
