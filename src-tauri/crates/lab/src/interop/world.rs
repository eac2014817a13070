//! What the checks work on: a simulated OneDrive, a source, and Coffer's backups of it on the drive and in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};

use super::process;
use xtask::demo::compare::compare;
use xtask::demo::sample;
use xtask::demo::simulator::{Front, Simulator, Token};
use xtask::project::Project;
use xtask::run::run;

/// Whose drive it is: one of work, where Debian's rclone finds a hash that it knows.
pub(super) const ACCOUNT: &str = "robin";
/// Where Coffer's backup is on the drive.
pub(super) const BACKUP: &str = "Interop/From Coffer";
const PASSPHRASE: &str = "correct horse \u{2602} battery";
/// Bytes of a file that no compressor shortens; with volumes of 6 MB it makes several of several fragments each.
const NOISE: usize = 14 << 20;

/// Everything that the checks share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) simulator: Simulator,
    pub(super) front: Front,
    coffer: PathBuf,
    auth_id: String,
    folder: PathBuf,
    /// The source as it was backed up first and second.
    sources: [PathBuf; 2],
    /// A backup of ours in a folder.
    pub(super) local: PathBuf,
    /// The volumes of [`BACKUP`], taken from the drive by plain requests.
    pub(super) reference: PathBuf,
    calls: AtomicUsize,
}

impl World {
    /// Starts the simulator and backs up twice to each place.
    pub(super) fn create(project: &Project, folder: &Path) -> Result<Self> {
        let lenient = ["--front", "--upload-auth", "lenient"];
        let simulator = Simulator::start_with(project, &folder.join("onedrive"), &lenient)?;
        let world = Self {
            front: simulator
                .front
                .clone()
                .context("The simulator has no front")?,
            auth_id: simulator.auth_id(ACCOUNT)?,
            simulator,
            coffer: project.built("debug", "coffer"),
            folder: folder.to_owned(),
            sources: ["first", "second"].map(|name| folder.join("sources").join(name)),
            local: folder.join("local backup"),
            reference: folder.join("reference"),
            calls: AtomicUsize::new(0),
        };
        world.create_sources()?;
        world.back_up(&format!("file://{}", world.local.display()), Way::Demo)?;
        world.back_up(&format!("onedrivev2://{BACKUP}"), Way::Demo)?;
        world.take_reference()?;
        Ok(world)
    }

    /// A folder that did not exist before.
    pub(super) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{number:03} {name}"));
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Where the next program's output goes.
    pub(super) fn log(&self, name: &str) -> Result<PathBuf> {
        Ok(self.fresh(name)?.join("output"))
    }

    /// Leads a program to the front, and nowhere else.
    pub(super) fn through_proxy(&self, command: &mut Command) {
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            command.env(name, &self.front.proxy);
        }
        command.env("NO_PROXY", "localhost,127.0.0.1");
    }

    /// Names of the volumes of [`BACKUP`], sorted.
    pub(super) fn volumes(&self) -> Result<Vec<String>> {
        Ok(contents(&self.reference)?.into_keys().collect())
    }

    /// Coffer lists both versions, reads every volume and restores both versions as they were.
    pub(super) fn coffer_is_content(&self, folder: &str) -> Result<()> {
        self.is_content(folder, Way::Demo)
    }

    /// The same with the addresses that are built into Coffer, so that it believes to talk to Microsoft.
    pub(super) fn coffer_downloads_by_tls(&self) -> Result<()> {
        self.is_content(BACKUP, Way::Front)
    }

    /// Coffer backs up with the addresses that are built into it.
    pub(super) fn coffer_uploads_by_tls(&self) -> Result<()> {
        let folder = "Interop/By TLS";
        self.back_up(&format!("onedrivev2://{folder}"), Way::Front)?;
        self.is_content(folder, Way::Demo)
    }

    fn is_content(&self, folder: &str, way: Way) -> Result<()> {
        let url = format!("onedrivev2://{folder}");
        let cache = self.fresh("cache")?;
        let listed = self.coffer(way, &["list", &url], &cache)?;
        ensure!(listed.lines().count() == 2, "Coffer lists {listed:?}");
        self.coffer(way, &["verify", &url, "all"], &cache)?;
        for (number, source) in self.sources.iter().rev().enumerate() {
            let target = self.fresh("restored")?;
            let path = format!("--restore-path={}", target.display());
            let version = format!("--version={number}");
            self.coffer(way, &["restore", &url, &path, &version], &cache)?;
            let comparison = compare(source, &target)?;
            ensure!(
                comparison.differences.is_empty(),
                "{:?}",
                comparison.differences
            );
            ensure!(
                comparison.files > 200,
                "{} files came back",
                comparison.files
            );
            fs::remove_dir_all(target)?;
        }
        Ok(())
    }

    /// Coffer never gives its token to the hosts that upload and download addresses name.
    pub(super) fn coffer_kept_its_token(&self) -> Result<()> {
        let log = self.simulator.log_since(0)?;
        let of_coffer = |entry: &&serde_json::Value| {
            let agent = entry["user_agent"].as_str().unwrap_or_default();
            agent.contains("Coffer") && entry["origin"] != "api"
        };
        let reported = log
            .iter()
            .filter(of_coffer)
            .filter(|entry| entry["had_auth"] == true);
        ensure!(
            log.iter().any(|entry| of_coffer(&entry)),
            "The log does not know Coffer"
        );
        ensure!(
            reported.count() == 0,
            "Coffer sent its token to an upload or download host"
        );
        Ok(())
    }

    fn create_sources(&self) -> Result<()> {
        let [first, second] = &self.sources;
        sample::create(first)?;
        fs::write(first.join("film.mp4"), sample::noise(NOISE))?;
        // With times, modes and links.
        let mut copy = Command::new("cp");
        run(copy.arg("--archive").arg(first).arg(second))?;
        sample::change(second)
    }

    /// One version of each source.
    fn back_up(&self, url: &str, way: Way) -> Result<()> {
        let cache = self.fresh("cache")?;
        // Coffer knows a source by its path.
        let source = self.folder.join("source");
        for kept in &self.sources {
            fs::rename(kept, &source)?;
            let path = source.display().to_string();
            let done = self.coffer(way, &["backup", url, &path, "--dblock-size=6mb"], &cache);
            fs::rename(&source, kept)?;
            done?;
        }
        Ok(())
    }

    fn take_reference(&self) -> Result<()> {
        fs::create_dir(&self.reference)?;
        let token = self.simulator.token(ACCOUNT, Token::Access)?;
        let prefix = format!("/{BACKUP}/");
        for (path, size) in self.simulator.files()? {
            let Some(name) = path.strip_prefix(&prefix) else {
                continue;
            };
            let bytes = self.simulator.file(&token, &path.replace(' ', "%20"))?;
            ensure!(bytes.len() as u64 == size, "{path} was cut off");
            fs::write(self.reference.join(name), bytes)?;
        }
        Ok(())
    }

    fn coffer(&self, way: Way, arguments: &[&str], cache: &Path) -> Result<String> {
        let mut command = process::command(&self.coffer, &self.folder);
        match way {
            Way::Demo => command
                .env("COFFER_DEMO", "1")
                .env("COFFER_GRAPH_ENDPOINT", &self.simulator.api)
                .env("COFFER_OAUTH_URL", &self.simulator.oauth_url),
            // The simulator answers as the AuthID service under each name of its front.
            Way::Front => command
                .env("HTTPS_PROXY", &self.front.proxy)
                .env("SSL_CERT_FILE", &self.front.ca)
                .env("COFFER_OAUTH_URL", "https://login.live.com/authid/refresh"),
        };
        command
            .args(arguments)
            .arg("--no-progress")
            .env("COFFER_AUTHID", &self.auth_id)
            .env("COFFER_DATA_DIR", cache.join("data"))
            .env("COFFER_CACHE_DIR", cache.join("cache"))
            .env("PASSPHRASE", PASSPHRASE);
        let what = format!("coffer {}", arguments[0]);
        process::finish(&mut command, &self.log(&what)?).context(what)
    }
}

/// How Coffer is led to the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the demo's settings, in plain HTTP.
    Demo,
    /// By a proxy and a CA, as everyone else whose addresses are fixed.
    Front,
}

/// Files of a folder, by name.
pub(super) fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(name, fs::read(entry.path())?);
    }
    Ok(found)
}
