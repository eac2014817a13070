//! Where a volume's bytes go: optionally through AES Crypt, always through the hash of the finished file.

use std::io::{self, Write};

use crate::aescrypt;
use crate::encryption::Encryption;
use crate::error::Result;
use crate::hash::{Hash, HashAlgorithm, Hasher};

/// Length and hash of a volume as stored at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeDigest {
    /// Bytes.
    pub size: u64,
    /// File hash over all of them.
    pub hash: Hash,
}

/// The outermost layer of a volume that is being written.
pub(crate) enum Sink<W: Write> {
    Plain(Box<Digesting<W>>),
    Aes(Box<aescrypt::Writer<Digesting<W>>>),
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(out: W, algorithm: HashAlgorithm, encryption: &Encryption) -> Result<Self> {
        let out = Digesting {
            out,
            hasher: algorithm.hasher(),
            size: 0,
        };
        Ok(match encryption {
            Encryption::None => Self::Plain(Box::new(out)),
            Encryption::Aes(passphrase) => {
                Self::Aes(Box::new(aescrypt::Writer::new(out, passphrase)?))
            }
        })
    }

    pub(crate) fn finish(self) -> Result<(W, VolumeDigest)> {
        let mut digesting = match self {
            Self::Plain(out) => *out,
            Self::Aes(writer) => writer.finish()?,
        };
        digesting.out.flush()?;
        let digest = VolumeDigest {
            size: digesting.size,
            hash: digesting.hasher.finish(),
        };
        Ok((digesting.out, digest))
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(data),
            Self::Aes(writer) => writer.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Aes(writer) => writer.flush(),
        }
    }
}

/// Counts and hashes what passes through.
pub(crate) struct Digesting<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.out.write(data)?;
        self.hasher.update(&data[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
