//! The hashes of a file, taken while its bytes go by.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::model::item::Content;
use crate::quickxor::QuickXor;

#[derive(Debug, Clone, Default)]
pub(crate) struct Hashes {
    quick_xor: QuickXor,
    sha256: Sha256,
    size: u64,
}

impl Hashes {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.quick_xor.update(bytes);
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Describes what went by as the content kept in `blob`.
    pub(crate) fn finish(self, blob: String) -> Content {
        Content {
            blob,
            size: self.size,
            quick_xor: self.quick_xor.finish(),
            sha256: hex::encode_upper(self.sha256.finalize()),
        }
    }

    /// The hashes of a file's first `length` bytes.
    pub(crate) fn of_file(path: &Path, length: u64) -> io::Result<Self> {
        let mut hashes = Self::default();
        let mut reader = std::fs::File::open(path)?.take(length);
        let mut buffer = vec![0; 1 << 20];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(hashes),
                read => hashes.update(&buffer[..read]),
            }
        }
    }
}
