//! The two clients, each with a folder and a configuration of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use xtask::demo::simulator::{Simulator, Token};
use xtask::project::Project;

/// Bytes of a fragment, the most that a request carries.
pub(super) const FRAGMENT: u64 = 327_680;
pub(super) const ACCOUNT: &str = "robin";

/// Who uploads.
#[derive(Debug)]
pub(super) enum Client {
    Ours,
    /// The program.
    Rclone(PathBuf),
}

impl Client {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ours => "Coffer",
            Self::Rclone(_) => "rclone",
        }
    }

    /// A command that uploads `source`; what it needs besides is kept in `own`.
    pub(super) fn prepare(
        &self,
        project: &Project,
        simulator: &Simulator,
        source: &Path,
        own: &Path,
    ) -> Result<Command> {
        let mut command = match self {
            Self::Ours => {
                let mut command = Command::new(project.built("debug", "coffer"));
                command
                    .args(["backup", "onedrivev2://Limits/Backups"])
                    .arg(source)
                    .args(["--dblock-size=5mb", "--backup-test-samples=0"])
                    .args(["--zip-compression-method=None", "--no-progress"])
                    .arg(format!("--fragment-size={FRAGMENT}"))
                    .env("COFFER_DEMO", "1")
                    .env("COFFER_GRAPH_ENDPOINT", &simulator.api)
                    .env("COFFER_OAUTH_URL", &simulator.oauth_url)
                    .env("COFFER_AUTHID", simulator.auth_id(ACCOUNT)?)
                    .env("COFFER_DATA_DIR", own.join("data"))
                    .env("COFFER_CACHE_DIR", own.join("cache"))
                    .env("PASSPHRASE", "as fast as allowed");
                command
            }
            Self::Rclone(program) => {
                let config = own.join("rclone.conf");
                fs::write(&config, configuration(simulator)?)?;
                let mut command = Command::new(program);
                command
                    .arg("copy")
                    .arg(source)
                    .arg("sim:Limits")
                    .arg("--config")
                    .arg(config)
                    .arg(format!("--onedrive-chunk-size={FRAGMENT}B"));
                command
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(own.join("errors.txt"))?);
        Ok(command)
    }
}

fn configuration(simulator: &Simulator) -> Result<String> {
    let api = &simulator.api;
    Ok(format!(
        "[sim]\ntype = onedrive\nregion = global\ntenant_url = {api}/_api\n\
         auth_url = {api}/common/oauth2/v2.0/authorize\n\
         token_url = {api}/common/oauth2/v2.0/token\nclient_id = sim-client\n\
         drive_id = {}\ndrive_type = business\n\
         token = {{\"access_token\":\"expired\",\"token_type\":\"Bearer\",\
         \"refresh_token\":\"{}\",\"expiry\":\"2020-01-01T00:00:00Z\"}}\n",
        simulator.drive(ACCOUNT),
        simulator.token(ACCOUNT, Token::Refresh)?
    ))
}
