//! abraunegg's `onedrive`, as Debian ships it: it keeps a folder in step with the drive.
//!
//! Its libcurl takes the system's file of CAs and no other, so that the program runs in a mount namespace of its own,
//! where that file also holds the front's CA. Making one needs root or user namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::client::Client;
use super::debian::Unpacked;
use super::process;
use super::world::{ACCOUNT, World, contents};
use xtask::demo::simulator::Token;
use xtask::run;

/// The system's file of CAs on Debian.
const SYSTEM_CAS: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(super) struct Abraunegg<'a> {
    world: &'a World,
    program: Unpacked,
}

impl<'a> Abraunegg<'a> {
    /// The client, or why it cannot be used here.
    pub(super) fn new(world: &'a World, program: &Unpacked) -> Result<Self, String> {
        if !run::works(Command::new("unshare").args(NAMESPACE).arg("true")) {
            return Err(
                "it needs a mount namespace of its own, which is not allowed here".to_owned(),
            );
        }
        if !Path::new(SYSTEM_CAS).is_file() {
            return Err(format!("there is no {SYSTEM_CAS}, which it needs"));
        }
        Ok(Self {
            world,
            program: program.clone(),
        })
    }

    /// Makes `folder` the same here (below a fresh folder, which is returned) and on the drive, in one direction.
    fn synchronize(&self, from: Option<&Path>, folder: &str) -> Result<PathBuf> {
        let home = self.world.fresh("onedrive")?;
        let (files, conf) = (home.join("files"), home.join("conf"));
        fs::create_dir_all(files.join(folder))?;
        fs::create_dir(&conf)?;
        if let Some(from) = from {
            for (name, bytes) in contents(from)? {
                fs::write(files.join(folder).join(name), bytes)?;
            }
        }
        fs::write(
            conf.join("config"),
            format!("sync_dir = \"{}\"\n", files.display()),
        )?;
        let refresh = self.world.simulator.token(ACCOUNT, Token::Refresh)?;
        fs::write(conf.join("refresh_token"), refresh)?;
        let mut bundle = fs::read(SYSTEM_CAS)?;
        bundle.extend(fs::read(&self.world.front.ca)?);
        fs::write(home.join("bundle.crt"), bundle)?;

        let mut command = process::command(Path::new("unshare"), &home);
        self.world.through_proxy(&mut command);
        let script = "mount --bind bundle.crt \"$0\" && exec \"$@\"";
        command
            .args(NAMESPACE)
            .args(["sh", "-c", script, SYSTEM_CAS])
            .arg(&self.program.program)
            .arg("--confdir")
            .arg(&conf)
            .args(["--synchronize", "--verbose", "--resync", "--resync-auth"])
            .args(["--force-http-11", "--single-directory", folder])
            .arg(match from {
                Some(_) => "--upload-only",
                None => "--download-only",
            })
            .env("LD_LIBRARY_PATH", &self.program.libraries);
        process::finish(&mut command, &self.world.log("onedrive output")?)?;
        Ok(files.join(folder))
    }
}

/// A mount namespace; without root inside a user namespace.
const NAMESPACE: [&str; 2] = ["--mount", "--map-root-user"];

impl Client for Abraunegg<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let here = self.synchronize(None, folder)?;
        Ok(contents(&here)?.into_keys().collect())
    }

    fn download(&self, folder: &str, to: &Path) -> Result<()> {
        let here = self.synchronize(None, folder)?;
        for (name, bytes) in contents(&here)? {
            fs::write(to.join(name), bytes)?;
        }
        Ok(())
    }

    /// A folder whose parent is on the drive, but not in the program's database, it creates with an empty drive id.
    fn uploads_below(&self) -> &'static str {
        ""
    }

    fn upload(&self, from: &Path, folder: &str) -> Result<()> {
        let here = self.synchronize(Some(from), folder)?;
        ensure!(here.is_dir(), "it removed what it should upload");
        Ok(())
    }
}
