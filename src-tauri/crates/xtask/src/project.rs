//! Where things are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders of the project.
#[derive(Debug)]
pub struct Project {
    /// The top level.
    pub root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, or `target` at the top level.
    pub target: PathBuf,
}

impl Project {
    /// Finds them from the place of the package that runs.
    pub fn find() -> Result<Self> {
        // Cargo says where this package is now; the path at compile time may be another checkout's.
        let here = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here
            .ancestors()
            .nth(3)
            .context("xtask is not where it belongs, in src-tauri/crates/xtask")?
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The folder of the UI.
    pub fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// Whether there is a UI to build.
    pub fn has_ui(&self) -> bool {
        self.ui().join("package.json").is_file()
    }

    /// Programs that only this project needs, apart from the person's own.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A program that cargo built; `profile` is `debug` or `release`.
    pub fn built(&self, profile: &str, name: &str) -> PathBuf {
        let name = format!("{name}{}", env::consts::EXE_SUFFIX);
        self.target.join(profile).join(name)
    }

    /// An empty folder below the target folder; what was in it is gone.
    pub fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("Could not empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("Could not create {}", folder.display()))?;
        Ok(folder)
    }
}

/// The time of the newest file among `paths` and everything below them; `None` when there is none.
pub fn newest(paths: &[PathBuf]) -> Option<std::time::SystemTime> {
    fn of(path: &Path) -> Option<std::time::SystemTime> {
        let stat = fs::metadata(path).ok()?;
        let below = fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| of(&entry.path()));
        below.chain(stat.modified()).max()
    }
    paths.iter().filter_map(|path| of(path)).max()
}
