//! Volumes that were encrypted with GnuPG: the user's own program opens them.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use coffer_volume::archive::VolumeReader;
use coffer_volume::{Passphrase, VolumeName};

use super::Store;
use crate::error::{Error, Result};

/// Decrypts the file `path` into a nameless file in the spool and opens that.
///
/// The passphrase goes in through standard input, where no list of processes shows it. The plain text lies on the disk
/// until the volume is closed, because a volume is read from more than one position.
pub(super) fn open(store: &Store, name: &VolumeName, path: &Path) -> Result<VolumeReader> {
    let label = || store.destination().label();
    let passphrase = store
        .passphrase()
        .ok_or_else(|| Error::PassphraseRequired {
            destination: label(),
        })?;
    let mut plain = nameless_file(&store.spool())?;
    let status = decrypt(store.gpg_program(), path, &plain, passphrase)?;
    if status.contains("BAD_PASSPHRASE") || status.contains("Bad session key") {
        return Err(Error::WrongPassphrase {
            destination: label(),
        });
    }
    let is_whole = status.contains("[GNUPG:] DECRYPTION_OKAY")
        && !status.contains("[GNUPG:] DECRYPTION_FAILED");
    if !is_whole {
        return Err(Error::volume(
            name.as_str(),
            coffer_volume::Error::DamagedCiphertext,
        ));
    }
    plain
        .seek(SeekFrom::Start(0))
        .map_err(|source| Error::io("read", path, source))?;
    VolumeReader::open_plain(plain, name).map_err(|source| Error::volume(name.as_str(), source))
}

/// A file without a name, never beside the destination: that may be somebody else's disk, or one that cannot be written.
fn nameless_file(spool: &Path) -> Result<File> {
    let folder = if spool.is_dir() {
        spool.to_owned()
    } else {
        std::env::temp_dir()
    };
    let file = tempfile::tempfile_in(&folder);
    file.map_err(|source| Error::io("create a file in", folder, source))
}

/// Runs the program and returns what it says, which its exit code alone would not tell.
fn decrypt(program: &Path, path: &Path, plain: &File, passphrase: &Passphrase) -> Result<String> {
    let failed = |source| Error::Program {
        program: program.to_owned(),
        source,
    };
    let out = plain
        .try_clone()
        .map_err(|source| Error::io("write", path, source))?;
    let mut child = Command::new(program)
        .args(["--batch", "--quiet", "--no-tty", "--no-autostart"])
        .args(["--pinentry-mode", "loopback", "--passphrase-fd", "0"])
        .args(["--status-fd", "2", "--decrypt", "--"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::from(out))
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended early says why itself.
        let _ = stdin.write_all(passphrase.expose().as_bytes());
        let _ = stdin.write_all(b"\n");
    }
    let output = child.wait_with_output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
