//! The `manifest` entry, and the settings that must be the same in every volume of a backup.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::defect::{Defect, Structure};
use crate::error::{Error, Result};
use crate::hash::HashAlgorithm;
use crate::kind::VolumeKind;
use crate::maker::Maker;
use crate::name::format_stamp;

/// Name of the entry in each archive.
pub const ENTRY: &str = "manifest";

/// Bytes of the longest manifest that is read; real ones have about 150.
const MAX_BYTES: usize = 64 * 1024;

const PROGRAM: &str = "Coffer ";
const WRITER: &str = concat!("Coffer ", env!("CARGO_PKG_VERSION"));

/// UTF-8 byte order mark, which starts most texts of the format.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Smallest `--blocksize`, in bytes.
pub const MIN_BLOCK_SIZE: u64 = 1024;
/// Largest `--blocksize`, in bytes.
pub const MAX_BLOCK_SIZE: u64 = i32::MAX as u64;

/// Block size and hashes: fixed for the life of a backup.
///
/// Hash names keep the spelling of the first volume, because Duplicati compares them with case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    block_size: u64,
    block_hash: String,
    file_hash: String,
    algorithms: (HashAlgorithm, HashAlgorithm),
}

impl Format {
    /// Checks the settings of a new backup or a manifest. `block_size` is in bytes, 1 KiB to 2 GiB − 1.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a block size or algorithm outside the format.
    pub fn new(block_size: u64, block_hash: &str, file_hash: &str) -> Result<Self> {
        if !(MIN_BLOCK_SIZE..=MAX_BLOCK_SIZE).contains(&block_size) {
            return Err(Error::Unsupported {
                what: format!("a block size of {block_size} bytes"),
            });
        }
        Ok(Self {
            block_size,
            block_hash: block_hash.to_owned(),
            file_hash: file_hash.to_owned(),
            algorithms: (
                HashAlgorithm::from_name(block_hash)?,
                HashAlgorithm::from_name(file_hash)?,
            ),
        })
    }

    /// Bytes of every block but a stream's last.
    pub fn block_size(&self) -> u64 {
        self.block_size
    }

    /// Algorithm that names blocks.
    pub fn block_hash(&self) -> HashAlgorithm {
        self.algorithms.0
    }

    /// Algorithm for whole streams and volumes.
    pub fn file_hash(&self) -> HashAlgorithm {
        self.algorithms.1
    }

    /// Spelling of the block hash's name.
    pub fn block_hash_name(&self) -> &str {
        &self.block_hash
    }

    /// Spelling of the file hash's name.
    pub fn file_hash_name(&self) -> &str {
        &self.file_hash
    }

    /// Hashes in a full blocklist.
    pub fn hashes_per_blocklist(&self) -> u64 {
        self.block_size / self.block_hash().output_len() as u64
    }
}

impl Default for Format {
    /// What Duplicati starts a new backup with: 1 MiB, SHA-256 for both.
    fn default() -> Self {
        Self::new(1024 * 1024, "SHA256", "SHA256").expect("the defaults are within the format")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "blocks of {} bytes, block hash {}, file hash {}",
            self.block_size, self.block_hash, self.file_hash
        )
    }
}

/// A manifest in a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Manifest {
    version: u32,
    #[serde(default)]
    created: String,
    encoding: String,
    blocksize: u64,
    block_hash: String,
    file_hash: String,
    #[serde(default)]
    app_version: String,
}

impl Manifest {
    /// The manifest of a new volume.
    pub fn new(format: &Format, created: Timestamp) -> Self {
        Self {
            version: 2,
            created: format_stamp(created),
            encoding: "utf8".to_owned(),
            blocksize: format.block_size,
            block_hash: format.block_hash.clone(),
            file_hash: format.file_hash.clone(),
            app_version: WRITER.to_owned(),
        }
    }

    /// The same, with a word that identifies the installation. It is part of `AppVersion`, which readers only display.
    #[must_use]
    pub fn made_by(mut self, maker: Option<&Maker>) -> Self {
        if let Some(maker) = maker {
            self.app_version = format!("{WRITER} ({})", maker.as_str());
        }
        self
    }

    /// Who made the version; `None` of those that other programs made.
    pub fn maker(&self) -> Option<Maker> {
        let (program, word) = self.app_version.rsplit_once(" (")?;
        let word = word.strip_suffix(')')?;
        Maker::parse(word).filter(|_| program.starts_with(PROGRAM))
    }

    /// # Errors
    /// [`Error::Malformed`] for what is no manifest, [`Error::Unsupported`] for one of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::malformed(Structure::Manifest, Defect::TooLong));
        }
        let manifest: Self = serde_json::from_slice(strip_bom(bytes))
            .map_err(|error| Error::undecodable(Structure::Manifest, &error))?;
        if manifest.version > 2 {
            return Err(Error::later_version(manifest.version));
        }
        if manifest.encoding != "utf8" {
            return Err(Error::Unsupported {
                what: format!("the encoding {:?}", manifest.encoding),
            });
        }
        Ok(manifest)
    }

    /// BOM and compact JSON, members in Duplicati's order.
    pub fn encode(&self) -> Vec<u8> {
        with_bom(self)
    }

    /// The settings it states.
    ///
    /// # Errors
    /// As [`Format::new`].
    pub fn format(&self) -> Result<Format> {
        Format::new(self.blocksize, &self.block_hash, &self.file_hash)
    }

    /// Checks that the volume belongs to a backup with these settings.
    ///
    /// # Errors
    /// [`Error::FormatMismatch`] when it does not.
    pub fn expect_format(&self, kind: VolumeKind, expected: &Format) -> Result<()> {
        let found = self.format()?;
        let same =
            found.block_size == expected.block_size && found.algorithms == expected.algorithms;
        if same {
            return Ok(());
        }
        Err(Error::FormatMismatch {
            kind,
            found: found.to_string(),
            expected: expected.to_string(),
        })
    }
}

pub(crate) fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

pub(crate) fn with_bom(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = BOM.to_vec();
    serde_json::to_writer(&mut bytes, value).expect("plain structs serialize into memory");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_duplicatis_member_order() {
        let created = "2024-01-01T00:00:00Z".parse().unwrap();
        let mut manifest = Manifest::new(&Format::default(), created);
        manifest.app_version = "2.3.0.109".to_owned();

        let text = String::from_utf8(manifest.encode()).unwrap();

        assert_eq!(
            text,
            "\u{feff}{\"Version\":2,\"Created\":\"20240101T000000Z\",\"Encoding\":\"utf8\",\"Blocksize\":1048576,\
             \"BlockHash\":\"SHA256\",\"FileHash\":\"SHA256\",\"AppVersion\":\"2.3.0.109\"}"
        );
        assert_eq!(Manifest::decode(text.as_bytes()).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_says_who_made_it() {
        let maker = Maker::of(b"this computer");
        let manifest = Manifest::new(&Format::default(), Timestamp::UNIX_EPOCH);
        let marked = manifest.clone().made_by(Some(&maker));

        let read = Manifest::decode(&marked.encode()).unwrap();

        assert_eq!(read.maker(), Some(maker));
        assert_eq!(manifest.maker(), None);
        for other in [
            "2.3.0.109",
            "Other 1 (0123456789abcdef)",
            "Coffer 1 (0)",
            "Coffer 1 (",
            "",
        ] {
            let app_version = other.to_owned();
            let manifest = Manifest {
                app_version,
                ..manifest.clone()
            };
            assert_eq!(manifest.maker(), None, "{other}");
        }
    }

    #[test]
    fn later_versions_and_odd_block_sizes_are_refused() {
        let later = br#"{"Version":3,"Encoding":"utf8","Blocksize":1024,"BlockHash":"SHA256","FileHash":"SHA256"}"#;
        let huge = br#"{"Version":2,"Encoding":"utf8","Blocksize":99999999999,"BlockHash":"SHA256","FileHash":"MD5"}"#;

        assert!(matches!(
            Manifest::decode(later),
            Err(Error::Unsupported { .. })
        ));
        assert!(Manifest::decode(huge).unwrap().format().is_err());
    }
}
