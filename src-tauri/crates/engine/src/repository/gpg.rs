//! Volumes that were encrypted with GnuPG: the user's own program opens them.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use coffer_volume::archive::VolumeReader;
use coffer_volume::{Passphrase, VolumeName};

use crate::error::{Error, Result};
use crate::repository::store::Store;

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

/// What GnuPG and the system's libraries look for.
const NEEDED_VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "GNUPGHOME",
    "LANG",
    "TMPDIR",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
];

/// Runs the program and returns what it says, which its exit code alone does not show.
fn decrypt(program: &Path, path: &Path, plain: &File, passphrase: &Passphrase) -> Result<String> {
    let failed = |source| Error::Program {
        program: program.to_owned(),
        source,
    };
    let out = plain
        .try_clone()
        .map_err(|source| Error::io("write", path, source))?;
    // Secrets of a command line are in the environment, and are not the program's business.
    let needed = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy().to_uppercase();
        NEEDED_VARIABLES.contains(&name.as_str()) || name.starts_with("LC_")
    });
    let mut child = Command::new(program)
        .env_clear()
        .envs(needed)
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

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::{Read as _, Seek as _};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The test's own environment has variables of Cargo, which stand for those with secrets.
    #[test]
    fn gnupg_gets_no_more_of_the_environment_than_it_needs() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("gpg");
        fs::write(&program, "#!/bin/sh\nenv\n").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        let mut plain = tempfile::tempfile().unwrap();
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());

        let passphrase = Passphrase::new("secret").unwrap();
        decrypt(&program, folder.path(), &plain, &passphrase).unwrap();

        let mut seen = String::new();
        plain.rewind().unwrap();
        plain.read_to_string(&mut seen).unwrap();
        assert!(seen.contains("PATH="), "{seen}");
        assert!(!seen.contains("CARGO"), "{seen}");
    }
}
