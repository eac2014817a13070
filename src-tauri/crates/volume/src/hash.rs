//! Hashes: the five algorithms a backup may use, and their two spellings in base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use md5::Digest as _;
use ring::digest::{Context, SHA256, SHA384, SHA512};

use crate::defect::{Defect, Structure};
use crate::error::{Error, Result};

/// Bytes of the longest hash (SHA-512).
const MAX_LEN: usize = 64;

/// One of the algorithms of `--block-hash-algorithm` and `--file-hash-algorithm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum HashAlgorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl HashAlgorithm {
    /// Finds an algorithm by the name in a manifest or option, in any case.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        [
            Self::Md5,
            Self::Sha1,
            Self::Sha256,
            Self::Sha384,
            Self::Sha512,
        ]
        .into_iter()
        .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| Error::Unsupported {
            what: format!("the hash algorithm {name:?}"),
        })
    }

    /// The name as options and new manifests spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    /// Bytes in one hash.
    pub fn output_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Hashes `data` in one go.
    pub fn digest(self, data: &[u8]) -> Hash {
        let mut hasher = self.hasher();
        hasher.update(data);
        hasher.finish()
    }

    /// Starts a hash over a stream.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Md5 => Hasher::Md5(md5::Md5::new()),
            Self::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            Self::Sha256 => Hasher::Sha2(Context::new(&SHA256)),
            Self::Sha384 => Hasher::Sha2(Context::new(&SHA384)),
            Self::Sha512 => Hasher::Sha2(Context::new(&SHA512)),
        }
    }
}

/// A hash that is being computed.
#[derive(Clone)]
#[allow(missing_docs, reason = "one per family of algorithms")]
pub enum Hasher {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    // Twice as fast as the `sha2` crate where the processor has AVX2 but no SHA extensions.
    Sha2(Context),
}

impl Hasher {
    /// Takes in more of the stream.
    pub fn update(&mut self, data: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(data),
            Self::Sha1(hasher) => hasher.update(data),
            Self::Sha2(hasher) => hasher.update(data),
        }
    }

    /// The hash of all that was taken in.
    pub fn finish(self) -> Hash {
        match self {
            Self::Md5(hasher) => Hash::new(&hasher.finalize()),
            Self::Sha1(hasher) => Hash::new(&hasher.finalize()),
            Self::Sha2(hasher) => Hash::new(hasher.finish().as_ref()),
        }
    }
}

/// The hash of a block, stream or volume: 16 to 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash {
    bytes: [u8; MAX_LEN],
    len: u8,
}

impl Hash {
    fn new(bytes: &[u8]) -> Self {
        let mut hash = Self {
            bytes: [0; MAX_LEN],
            len: bytes.len() as u8,
        };
        hash.bytes[..bytes.len()].copy_from_slice(bytes);
        hash
    }

    /// Takes raw bytes that came from a volume or a database.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there are none or more than 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() || bytes.len() > MAX_LEN {
            return Err(Error::malformed(
                Structure::Hash,
                Defect::Length(bytes.len()),
            ));
        }
        Ok(Self::new(bytes))
    }

    /// Reads standard base64, as JSON has it.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else.
    pub fn from_base64(text: &str) -> Result<Self> {
        let mut buffer = [0; MAX_LEN + 8];
        let len = STANDARD
            .decode_slice(text, &mut buffer)
            .map_err(|_| Error::malformed(Structure::Hash, Defect::NotBase64))?;
        Self::from_bytes(&buffer[..len])
    }

    /// Reads URL-safe base64, as entry names have it.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else.
    pub fn from_entry_name(text: &str) -> Result<Self> {
        let mut buffer = [0; MAX_LEN + 8];
        let len = URL_SAFE
            .decode_slice(text, &mut buffer)
            .map_err(|_| Error::malformed(Structure::Hash, Defect::NotUrlSafeBase64))?;
        Self::from_bytes(&buffer[..len])
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Standard base64, for JSON.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.as_bytes())
    }

    /// URL-safe base64 with padding, for entry names.
    pub fn to_entry_name(self) -> String {
        URL_SAFE.encode(self.as_bytes())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.to_base64())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_base64(&text).map_err(serde::de::Error::custom)
    }
}
