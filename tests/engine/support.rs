use std::fs;
use std::path::PathBuf;

use coffer_testkit::{Tree, snapshot};
use coffer_tests::{Computer, Finished, volumes};

pub(crate) const PASSPHRASE: &str = "correct horse \u{2602} battery";

/// A computer with a source folder and a folder for its backup.
pub(crate) struct Bench {
    pub(crate) computer: Computer,
}

impl Bench {
    /// The passphrase is in the environment; the source does not exist yet.
    pub(crate) fn new() -> Self {
        let mut computer = Computer::new();
        computer.set("PASSPHRASE", PASSPHRASE);
        Self { computer }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.computer.path("source")
    }

    pub(crate) fn destination(&self) -> PathBuf {
        self.computer.path("destination")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.destination().display())
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        volumes(&self.destination())
    }

    /// Backs the source up and reports in JSON.
    pub(crate) fn backup(&self, options: &[&str]) -> Finished {
        let source = self.source();
        let (url, source) = (self.url(), source.to_str().unwrap());
        let mut arguments = vec!["backup", &url, source, "--json"];
        arguments.extend(options);
        self.computer.coffer(arguments)
    }

    /// Restores into a folder of that name and reports in JSON.
    pub(crate) fn restore(&self, target: &str, options: &[&str]) -> Finished {
        let target = self.computer.path(target);
        let (url, target) = (self.url(), format!("--restore-path={}", target.display()));
        let mut arguments = vec!["restore", &url, &target, "--json"];
        arguments.extend(options);
        self.computer.coffer(arguments)
    }

    /// What a restore of a version brings.
    #[track_caller]
    pub(crate) fn restored(&self, version: usize) -> Tree {
        let target = format!("restored {version}");
        let path = self.computer.path(&target);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        self.restore(&target, &[&format!("--version={version}")])
            .expect(0);
        snapshot(&path)
    }
}
