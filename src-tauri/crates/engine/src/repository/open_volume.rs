//! Downloaded volumes, opened for reading.

use std::fs::File;
use std::path::Path;

use coffer_volume::VolumeName;
use coffer_volume::archive::VolumeReader;

use crate::error::{Error, Result};
use crate::repository::gpg;
use crate::repository::store::Store;

/// Opens a volume that was downloaded.
pub(crate) fn open_volume(store: &Store, name: &VolumeName, path: &Path) -> Result<VolumeReader> {
    if name.encryption() == Some("gpg") {
        return gpg::open(store, name, path);
    }
    let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
    VolumeReader::open(file, name, store.passphrase()).map_err(|source| match source {
        coffer_volume::Error::WrongPassphrase => Error::WrongPassphrase {
            destination: store.destination().label(),
        },
        coffer_volume::Error::PassphraseRequired => Error::PassphraseRequired {
            destination: store.destination().label(),
        },
        source => Error::volume(name.as_str(), source),
    })
}

/// Where a volume is downloaded to by somebody who has no spool yet.
pub(crate) fn folder_for_one() -> Result<tempfile::TempDir> {
    tempfile::tempdir()
        .map_err(|source| Error::io("create a folder in", std::env::temp_dir(), source))
}
