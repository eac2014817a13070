use crate::defect::{Defect, Structure};
use crate::kind::VolumeKind;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Starts the description of a later version.
const LATER: &str = "version ";

/// Why a volume could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The header does not open with this passphrase. The data may be fine.
    #[error("The passphrase does not open the volume")]
    WrongPassphrase,
    /// A passphrase of nothing but white space, which AES Crypt readers refuse.
    #[error("The passphrase is empty")]
    EmptyPassphrase,
    /// The volume is encrypted and no passphrase was given.
    #[error("The volume is encrypted and no passphrase was given")]
    PassphraseRequired,
    /// The encrypted data was changed or cut short: its authentication code does not match.
    #[error("The encrypted data is damaged")]
    DamagedCiphertext,
    /// The volume's structure is not what the format says; usually damage, sometimes another program's file.
    #[error("Not a valid {what:?}: {why:?}")]
    Malformed {
        /// Which structure.
        what: Structure,
        /// The damage.
        why: Defect,
    },
    /// An entry that must be there is not.
    #[error("The volume has no entry {name}")]
    MissingEntry {
        /// Name inside the archive.
        name: String,
    },
    /// A block's content does not have the hash it is stored under.
    #[error("Block {hash} is damaged")]
    DamagedBlock {
        /// The hash it is stored under, base64.
        hash: String,
    },
    /// Written with something this version cannot read.
    #[error("The volume uses {what}, which cannot be read")]
    Unsupported {
        /// The module, method or algorithm.
        what: String,
    },
    /// The volume was written with another block size or other hashes than the backup.
    #[error("The {kind} was written with {found}, but the backup uses {expected}")]
    FormatMismatch {
        /// Kind of volume.
        kind: VolumeKind,
        /// What the manifest says.
        found: String,
        /// What the other volumes say.
        expected: String,
    },
    /// Reading or writing the underlying stream failed.
    #[error("Could not read or write the volume")]
    Io(#[source] std::io::Error),
}

impl From<std::io::Error> for Error {
    /// A stream that ends too early, or holds what it cannot hold, is damage of the volume and no trouble of the disk.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Self::malformed(Structure::Volume, Defect::CutShort)
            }
            // What decoders say; systems give a number.
            std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::InvalidInput
            | std::io::ErrorKind::Other
                if error.raw_os_error().is_none() =>
            {
                Self::undecodable(Structure::Volume, &error)
            }
            _ => Self::Io(error),
        }
    }
}

impl Error {
    /// Whether a later version of the format wrote the volume: it is whole, and this version must leave it alone.
    pub fn is_of_later_version(&self) -> bool {
        matches!(self, Self::Unsupported { what } if what.starts_with(LATER))
    }

    pub(crate) fn later_version(version: u32) -> Self {
        Self::Unsupported {
            what: format!("{LATER}{version} of the volume format"),
        }
    }

    pub(crate) fn malformed(what: Structure, why: Defect) -> Self {
        Self::Malformed { what, why }
    }

    /// A structure that a library cannot decode.
    pub(crate) fn undecodable(what: Structure, error: &dyn std::error::Error) -> Self {
        let said = error.to_string();
        Self::malformed(what, Defect::Undecodable { said })
    }
}

impl From<zip::result::ZipError> for Error {
    fn from(error: zip::result::ZipError) -> Self {
        match error {
            zip::result::ZipError::Io(source) => source.into(),
            zip::result::ZipError::FileNotFound => {
                Self::malformed(Structure::Archive, Defect::EntryMissing)
            }
            other => Self::undecodable(Structure::Archive, &other),
        }
    }
}
