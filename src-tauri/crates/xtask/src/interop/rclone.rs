//! rclone, of today by plain HTTP and of Debian by TLS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::client::Client;
use super::process;
use super::world::{ACCOUNT, World};
use crate::demo::simulator::Token;

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
    pub(super) fn new(world: &'a World, program: &Path, way: Way) -> Result<Self> {
        let home = world.fresh("rclone")?;
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
        let config = format!(
            "[sim]\ntype = onedrive\nregion = global\n{addresses}client_id = sim-client\n\
             drive_id = {drive}\ndrive_type = business\n\
             token = {{\"access_token\":\"expired\",\"token_type\":\"Bearer\",\
             \"refresh_token\":\"{refresh}\",\"expiry\":\"2020-01-01T00:00:00Z\"}}\n"
        );
        fs::write(home.join("rclone.conf"), config)?;
        Ok(Self {
            world,
            program: program.to_owned(),
            way,
            home,
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = process::command(&self.program, &self.home);
        command.arg("--config").arg(self.home.join("rclone.conf"));
        if self.way == Way::Proxy {
            through_proxy(&mut command, self.world);
            let ca = &self.world.front.ca;
            // The option does not reach its question how far a copy is.
            command.arg("--ca-cert").arg(ca).env("SSL_CERT_FILE", ca);
        }
        // Small fragments, so that each volume has several; one try, so that what it survives it survives by itself.
        command
            .args(["--onedrive-chunk-size", "320k"])
            .args(["--retries", "1", "--low-level-retries", "10"])
            .args(arguments);
        process::finish(&mut command, &self.world.log("rclone")?)
    }
}

/// Leads a program to the front, and nowhere else.
pub(super) fn through_proxy(command: &mut Command, world: &World) {
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        command.env(name, &world.front.proxy);
    }
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
