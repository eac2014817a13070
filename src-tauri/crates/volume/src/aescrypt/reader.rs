use std::io::{self, Read, Seek, SeekFrom};

use aes::Aes256;
use cbc::cipher::{Array, BlockModeDecrypt as _, KeyIvInit as _};
use hmac::Mac as _;
use zeroize::Zeroizing;

use super::header::{Header, hmac};
use super::{BLOCK, MAC};
use crate::defect::{Defect, Structure};
use crate::encryption::Passphrase;
use crate::error::{Error, Result};

/// Bytes decrypted at a time.
const CHUNK: u64 = 64 * 1024;

/// Plain text of an AES Crypt stream, readable from any position.
///
/// Opening reads the whole stream once to check its authentication code; afterwards any part is decrypted on demand,
/// so that no plain copy of a volume has to lie on a disk.
pub struct Reader<R> {
    inner: R,
    key: Zeroizing<[u8; 32]>,
    iv: [u8; BLOCK],
    /// Where the ciphertext starts in `inner`.
    start: u64,
    plain_len: u64,
    position: u64,
    /// Decrypted bytes from `window_start` on.
    window: Vec<u8>,
    window_start: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Checks header, authentication code and padding.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`] after the first few hundred bytes; [`Error::DamagedCiphertext`] or
    /// [`Error::Malformed`] when the stream was changed or cut.
    pub fn open(mut inner: R, passphrase: &Passphrase) -> Result<Self> {
        inner.seek(SeekFrom::Start(0))?;
        let header = Header::read(io::BufReader::new(&mut inner), passphrase)?;
        let total = inner.seek(SeekFrom::End(0))?;
        let tail = MAC as u64 + u64::from(matches!(header.version, 1 | 2));
        let cipher_len = total
            .checked_sub(header.len + tail)
            .filter(|len| len.is_multiple_of(BLOCK as u64))
            .ok_or_else(|| Error::malformed(Structure::AesCryptStream, Defect::CutShort))?;

        inner.seek(SeekFrom::Start(header.len))?;
        let mut mac = hmac(&header.data_key);
        let mut buffer = vec![0; CHUNK as usize];
        let mut left = cipher_len;
        while left > 0 {
            let part = &mut buffer[..left.min(CHUNK) as usize];
            inner.read_exact(part)?;
            mac.update(part);
            left -= part.len() as u64;
        }
        let mut remainder = [header.v0_remainder];
        if matches!(header.version, 1 | 2) {
            inner.read_exact(&mut remainder)?;
        }
        let mut code = [0; MAC];
        inner.read_exact(&mut code)?;
        // Version 0 has no other sign of a wrong passphrase.
        let mismatch = if header.version == 0 {
            Error::WrongPassphrase
        } else {
            Error::DamagedCiphertext
        };
        mac.verify_slice(&code).map_err(|_| mismatch)?;

        let mut reader = Self {
            inner,
            key: header.data_key,
            iv: header.data_iv,
            start: header.len,
            plain_len: cipher_len,
            position: 0,
            window: Vec::new(),
            window_start: 0,
        };
        let padding = reader.padding(header.version, remainder[0])?;
        reader.plain_len -= padding;
        reader.window.clear();
        Ok(reader)
    }

    /// Bytes of padding at the end, checked.
    fn padding(&mut self, version: u8, remainder: u8) -> Result<u64> {
        let invalid = || Error::malformed(Structure::AesCryptStream, Defect::Padding);
        if self.plain_len == 0 {
            return if version == 3 || remainder != 0 {
                Err(invalid())
            } else {
                Ok(0)
            };
        }
        if remainder > 15 {
            return Err(invalid());
        }
        self.load(self.plain_len - 1)?;
        let last = *self.window.last().ok_or_else(invalid)?;
        let count = if version == 3 {
            last
        } else {
            (16 - remainder) % 16
        };
        let padded = &self.window[self.window.len().saturating_sub(usize::from(count))..];
        let valid = count <= 16
            && (version < 3 || count > 0)
            && (version == 0 || padded.iter().all(|byte| *byte == count));
        if valid {
            Ok(u64::from(count))
        } else {
            Err(invalid())
        }
    }

    /// Decrypts the chunk that holds `position` into the window.
    fn load(&mut self, position: u64) -> io::Result<()> {
        let chunk_start = position / CHUNK * CHUNK;
        let cipher_end = self.plain_len.next_multiple_of(BLOCK as u64);
        let len = (cipher_end - chunk_start).min(CHUNK) as usize;
        self.window.resize(len, 0);
        let mut iv = self.iv;
        if chunk_start == 0 {
            self.inner.seek(SeekFrom::Start(self.start))?;
        } else {
            self.inner
                .seek(SeekFrom::Start(self.start + chunk_start - BLOCK as u64))?;
            self.inner.read_exact(&mut iv)?;
        }
        self.inner.read_exact(&mut self.window)?;
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.window);
        cbc::Decryptor::<Aes256>::new(&(*self.key).into(), &iv.into()).decrypt_blocks(blocks);
        self.window_start = chunk_start;
        Ok(())
    }
}

impl<R: Read + Seek> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.plain_len || out.is_empty() {
            return Ok(0);
        }
        let window_end = self.window_start + self.window.len() as u64;
        if self.position < self.window_start || self.position >= window_end {
            self.load(self.position)?;
        }
        let offset = (self.position - self.window_start) as usize;
        let left = (self.plain_len - self.position) as usize;
        let count = out.len().min(self.window.len() - offset).min(left);
        out[..count].copy_from_slice(&self.window[offset..offset + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Reader<R> {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.plain_len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;

    use super::super::Writer;
    use super::*;

    fn encrypt(plain: &[u8], passphrase: &Passphrase) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), passphrase).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn any_part_can_be_read_without_the_rest() {
        let passphrase = Passphrase::new("a passphrase").unwrap();
        let plain: Vec<u8> = (0..200_001_u32).map(|i| (i % 251) as u8).collect();
        let mut reader =
            Reader::open(Cursor::new(encrypt(&plain, &passphrase)), &passphrase).unwrap();

        for start in [199_990, 65_530, 0, 131_072] {
            reader.seek(SeekFrom::Start(start as u64)).unwrap();
            let mut part = vec![0; (plain.len() - start).min(100)];
            reader.read_exact(&mut part).unwrap();
            assert_eq!(part, plain[start..start + part.len()]);
        }
    }

    proptest! {
        #[test]
        fn every_length_comes_back(plain in proptest::collection::vec(any::<u8>(), 0..100)) {
            let passphrase = Passphrase::new("☂").unwrap();
            let mut back = Vec::new();
            Reader::open(Cursor::new(encrypt(&plain, &passphrase)), &passphrase)
                .unwrap()
                .read_to_end(&mut back)
                .unwrap();
            prop_assert_eq!(back, plain);
        }

        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let passphrase = Passphrase::new("☂").unwrap();
            let mut stream = encrypt(b"sixteen bytes and a few more", &passphrase);
            let at = at.index(stream.len());
            // Extension lengths are free: a changed one moves the header, which the HMAC then refuses.
            stream[at] ^= 1 << bit;
            let outcome = Reader::open(Cursor::new(stream), &passphrase).and_then(|mut reader| {
                let mut back = Vec::new();
                reader.read_to_end(&mut back)?;
                Ok(back)
            });
            // The size byte is the only field without its own authentication code; the padding bytes protect it.
            prop_assert!(outcome.is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), v in 0..4_u8) {
            let passphrase = Passphrase::new("☂").unwrap();
            if bytes.len() > 5 {
                bytes[..5].copy_from_slice(&[b'A', b'E', b'S', v, 0]);
            }
            if v < 3 {
                let _ = Reader::open(Cursor::new(bytes), &passphrase);
            }
        }
    }
}
