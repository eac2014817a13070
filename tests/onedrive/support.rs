use std::path::PathBuf;

use coffer_testkit::{Tree, snapshot};
use coffer_tests::{Computer, Finished, Microsoft};

pub(crate) const PASSPHRASE: &str = "correct horse \u{2602} battery";
pub(crate) const FOLDER: &str = "/Backups/My PC";
pub(crate) const URL: &str = "onedrivev2://Backups/My PC";

/// Alex, who is signed in to OneDrive, at a computer with a source folder.
pub(crate) struct Bench {
    pub(crate) microsoft: Microsoft,
    pub(crate) computer: Computer,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let microsoft = Microsoft::start();
        let mut computer = Computer::new();
        computer
            .connect(&microsoft, "alex")
            .set("PASSPHRASE", PASSPHRASE);
        Self {
            microsoft,
            computer,
        }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.computer.path("source")
    }

    /// Backs the source up and reports in JSON.
    pub(crate) fn backup(&self, options: &[&str]) -> Finished {
        let source = self.source();
        let arguments = [
            &["backup", URL, source.to_str().unwrap(), "--json"],
            options,
        ]
        .concat();
        self.computer.coffer(arguments)
    }

    /// What a restore of a version brings.
    #[track_caller]
    pub(crate) fn restored(&self, version: usize, options: &[&str]) -> Tree {
        let target = tempfile::tempdir().unwrap();
        let path = format!("--restore-path={}", target.path().display());
        let version = format!("--version={version}");
        self.computer
            .coffer([&["restore", URL, &path, &version], options].concat())
            .expect(0);
        snapshot(target.path())
    }

    /// Names of the volumes in the folder of a drive, sorted.
    pub(crate) fn volumes(&self, drive: &str) -> Vec<String> {
        let files = self.microsoft.files(drive, FOLDER);
        files.into_iter().map(|(name, _)| name).collect()
    }
}
