//! What is asked of a client, and what came of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// What is looked at. The order is that of the tables' columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The client lists what Coffer uploaded.
    List,
    /// The client finds the hashes that the drive states right.
    Hashes,
    /// The client downloads what Coffer uploaded, byte by byte.
    Download,
    /// Coffer lists, verifies and restores what the client copied from folder to folder.
    Copy,
    /// Coffer lists, verifies and restores what the client uploaded from a folder.
    Upload,
    /// As [`Check::Upload`], through a fault.
    Through(Trouble),
    /// Signs in by authorization code; the simulator checks PKCE where a client uses it.
    Code,
    /// Gets another access token without asking anyone.
    Silent,
    /// Signs in by device code.
    Device,
}

/// What happens to a fragment in the middle of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// 429 with `Retry-After`.
    Throttled,
    /// 503 with a page.
    Unavailable,
    /// The connection ends half way.
    Cut,
    /// It is stored, and the answer is 500.
    StoredAndDenied,
    /// Half of it is stored, and the answer is 503.
    HalfStored,
}

/// The tables, each with its title and its columns.
pub(super) const TABLES: [(&str, &[(Check, &str)]); 3] = [
    (
        "Files",
        &[
            (Check::List, "lists"),
            (Check::Hashes, "checks hashes"),
            (Check::Download, "downloads"),
            (Check::Copy, "copies, Coffer restores"),
            (Check::Upload, "uploads, Coffer restores"),
        ],
    ),
    (
        "Uploads through trouble, restored by Coffer",
        &[
            (Check::Through(Trouble::Throttled), "429"),
            (Check::Through(Trouble::Unavailable), "503, HTML"),
            (Check::Through(Trouble::Cut), "cut off"),
            (Check::Through(Trouble::StoredAndDenied), "stored, 500"),
            (Check::Through(Trouble::HalfStored), "half stored"),
        ],
    ),
    (
        "Sign-in",
        &[
            (Check::Code, "authorization code"),
            (Check::Silent, "silent renewal"),
            (Check::Device, "device code"),
        ],
    ),
];

/// A program that somebody else wrote and that keeps files on OneDrive. Folders are paths from the drive's root.
pub(super) trait Client {
    /// Names of the files in a folder.
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Brings the files of a folder into `to`, which exists.
    fn download(&self, folder: &str, to: &Path) -> Result<()>;

    /// Puts the files of `from` into a folder that does not exist yet.
    fn upload(&self, from: &Path, folder: &str) -> Result<()>;

    /// Where the folders of its uploads go: a path with a slash at its end, or nothing for the drive's root.
    fn uploads_below(&self) -> &'static str {
        "Interop/"
    }

    /// Signs in as a person at a browser does, who says yes to everything.
    fn sign_in(&self) -> Result<()> {
        bail!("it does not sign in by itself")
    }

    /// Continues after its access token has run out at Microsoft.
    fn renew(&self) -> Result<()> {
        bail!("it does not renew its token")
    }

    /// Compares files here with those of a folder by the hashes that the drive states.
    fn check(&self, _here: &Path, _folder: &str) -> Result<()> {
        bail!("it compares no hashes")
    }

    /// Copies the files of a folder to another that does not exist yet.
    fn copy(&self, _from: &str, _to: &str) -> Result<()> {
        bail!("it does not copy")
    }
}

/// What came of a check.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It holds.
    Passed(Duration),
    /// It does not, and why.
    Failed(String),
    /// It could not be looked at here, and why.
    Skipped(String),
}
