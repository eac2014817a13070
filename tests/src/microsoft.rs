use std::fs;
use std::ops::Deref;
use std::path::Path;

use coffer_onedrive_sim::{Options, Simulator};
use serde_json::Value;
use tokio::runtime::Runtime;

/// OneDrive, sign-in and AuthID service, running beside the test.
///
/// It keeps its state in a folder, so that a test can look up every token that was ever given out.
pub struct Microsoft {
    simulator: Simulator,
    folder: tempfile::TempDir,
    /// Serves the simulator; ends after it.
    runtime: Option<Runtime>,
}

impl Microsoft {
    /// A fresh one.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn start() -> Self {
        Self::with(Options {
            // No one enters a code here.
            device_interval: Some(1),
            ..Options::default()
        })
    }

    /// A fresh one that is set up in another way; where it keeps its state is not for the caller to say.
    ///
    /// # Panics
    /// As [`Microsoft::start`].
    pub fn with(options: Options) -> Self {
        let runtime = Runtime::new().expect("threads for the simulator");
        let folder = tempfile::tempdir().expect("a folder for the simulator");
        let options = Options {
            data: Some(folder.path().to_owned()),
            ..options
        };
        // On a separate thread, because a test may already run inside a runtime.
        let simulator = std::thread::scope(|scope| {
            let starting = scope.spawn(|| runtime.block_on(Simulator::start(options)));
            starting.join().expect("starting does not panic")
        });
        Self {
            simulator: simulator.expect("the simulator should start"),
            folder,
            runtime: Some(runtime),
        }
    }

    /// Every secret it gave out, with a name for each: access and refresh tokens, passwords of AuthIDs, and the keys in
    /// upload addresses.
    ///
    /// # Panics
    /// When its state cannot be read.
    pub fn secrets(&self) -> Vec<(String, String)> {
        let path = self.folder.path().join("state.jsonl");
        let text = fs::read_to_string(path).expect("the simulator's state");
        let records = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a record"));
        let mut secrets: Vec<(String, String)> = records
            .filter_map(|record| {
                let id = record["id"].as_str()?.to_owned();
                match record["kind"].as_str()? {
                    "access" => Some(("an access token".to_owned(), id)),
                    "refresh" => Some(("a refresh token".to_owned(), id)),
                    "upload" => Some(("an upload address".to_owned(), id)),
                    "authid" => {
                        let password = record["value"]["password"].as_str()?;
                        Some(("an AuthID".to_owned(), password.to_owned()))
                    }
                    _ => None,
                }
            })
            .collect();
        secrets.sort();
        secrets.dedup();
        secrets
    }

    /// Names and bytes of the files in a folder of a drive.
    pub fn files(&self, drive: &str, folder: &str) -> Vec<(String, Vec<u8>)> {
        let prefix = format!("{folder}/");
        let tree = self.simulator.tree(drive);
        let files = tree.iter().filter(|(_, size)| size.is_some());
        files
            .filter_map(|(path, _)| {
                let name = path.strip_prefix(&prefix)?;
                Some((name.to_owned(), self.simulator.file_bytes(drive, path)?))
            })
            .collect()
    }

    /// Copies the files in a folder of a drive into a folder here.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn copy_files(&self, drive: &str, folder: &str, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for (name, bytes) in self.files(drive, folder) {
            fs::write(to.join(name), bytes).expect("a copy");
        }
    }

    /// The threads that serve it, for clients inside the test.
    ///
    /// # Panics
    /// Never.
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the end")
    }
}

impl Drop for Microsoft {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Deref for Microsoft {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}
