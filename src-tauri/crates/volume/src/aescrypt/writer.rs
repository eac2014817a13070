use std::io::{self, Write};

use aes::Aes256;
use cbc::cipher::{Array, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::BLOCK;
use super::header::{derive, hmac};
use crate::encryption::Passphrase;
use crate::error::Result;

/// Bytes encrypted at a time.
const CHUNK: usize = 64 * 1024;

/// Encrypts what is written to it as AES Crypt version 2, without extensions.
///
/// Keys and IVs are fresh from the system's generator. The stream is complete only after [`Writer::finish`].
pub struct Writer<W> {
    out: W,
    cipher: cbc::Encryptor<Aes256>,
    mac: Hmac<Sha256>,
    pending: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`crate::Error::Io`] when `out` fails or the system has no random numbers.
    pub fn new(mut out: W, passphrase: &Passphrase) -> Result<Self> {
        let mut secrets = Zeroizing::new([0; 48]);
        let mut public_iv = [0; BLOCK];
        getrandom::fill(&mut *secrets).map_err(io::Error::other)?;
        getrandom::fill(&mut public_iv).map_err(io::Error::other)?;
        Self::with_secrets(&mut out, passphrase, &public_iv, &secrets).map(|(cipher, mac)| Self {
            out,
            cipher,
            mac,
            pending: Vec::with_capacity(CHUNK),
        })
    }

    /// `secrets` is the data IV, then the data key.
    fn with_secrets(
        out: &mut W,
        passphrase: &Passphrase,
        public_iv: &[u8; BLOCK],
        secrets: &[u8; 48],
    ) -> Result<(cbc::Encryptor<Aes256>, Hmac<Sha256>)> {
        let header_key = derive(passphrase, public_iv);
        let mut wrapped = *secrets;
        let (blocks, _) = Array::slice_as_chunks_mut(&mut wrapped);
        cbc::Encryptor::<Aes256>::new(&(*header_key).into(), &(*public_iv).into())
            .encrypt_blocks(blocks);
        let mut check = hmac(&header_key);
        check.update(&wrapped);

        out.write_all(b"AES\x02\0\0\0")?;
        out.write_all(public_iv)?;
        out.write_all(&wrapped)?;
        out.write_all(&check.finalize().into_bytes())?;

        let mut data_iv = [0; BLOCK];
        data_iv.copy_from_slice(&secrets[..BLOCK]);
        let mut data_key = Zeroizing::new([0; 32]);
        data_key.copy_from_slice(&secrets[BLOCK..]);
        let cipher = cbc::Encryptor::new(&(*data_key).into(), &data_iv.into());
        Ok((cipher, hmac(&data_key)))
    }

    /// Encrypts and writes all whole blocks that are pending.
    fn drain(&mut self) -> io::Result<()> {
        let whole = self.pending.len() / BLOCK * BLOCK;
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.pending[..whole]);
        self.cipher.encrypt_blocks(blocks);
        self.mac.update(&self.pending[..whole]);
        self.out.write_all(&self.pending[..whole])?;
        self.pending.drain(..whole);
        Ok(())
    }

    /// Writes the last block, its length and the authentication code, and returns the sink.
    ///
    /// # Errors
    /// [`crate::Error::Io`] when the sink fails.
    pub fn finish(mut self) -> Result<W> {
        self.drain()?;
        let remainder = self.pending.len() as u8;
        if remainder > 0 {
            self.pending.resize(BLOCK, BLOCK as u8 - remainder);
            self.drain()?;
        }
        self.out.write_all(&[remainder])?;
        self.out.write_all(&self.mac.finalize().into_bytes())?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(CHUNK - self.pending.len());
        self.pending.extend_from_slice(&data[..taken]);
        if self.pending.len() == CHUNK {
            self.drain()?;
        }
        Ok(taken)
    }

    /// Passes the flush on; a block that is not full stays pending until [`Writer::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_stream_is_reproduced_byte_for_byte() {
        let passphrase = Passphrase::new("pässphrase ✓").unwrap();
        let mut public_iv = [0; BLOCK];
        hex::decode_to_slice("f1c6728e9accdcd80303a471d140ad5b", &mut public_iv).unwrap();
        let mut secrets = [0; 48];
        hex::decode_to_slice(
            "ae2f7e6ba0096f620854baea02bb0e73bf9c4d4cb40cff42c87c107a331a2939789b525dd07e4d4c67a199600dd9782d",
            &mut secrets,
        )
        .unwrap();

        let mut out = Vec::new();
        let (cipher, mac) =
            Writer::with_secrets(&mut out, &passphrase, &public_iv, &secrets).unwrap();
        let mut writer = Writer {
            out,
            cipher,
            mac,
            pending: Vec::with_capacity(CHUNK),
        };
        writer.write_all(b"Hello, World!\n").unwrap();
        let stream = writer.finish().unwrap();

        assert_eq!(
            hex::encode(stream),
            "41455302000000f1c6728e9accdcd80303a471d140ad5ba4a5ab4a2726f7d2d8a376ea71cca7a4\
             b1ea87d83d4d03902214f847d00d35eb4f55fc2243ff7f8ca5f2543ca966ebe5cffb66c2091fb7\
             6c166e75fee3565c4a71da9dd4f484056f1f17210b5d00e8036414f03173a493c6506486a65b00\
             12560e0e47e1123673c6ee1a96159d46f09bc1fa2a09aac1d92f86bba03df5fde62805"
        );
    }
}
