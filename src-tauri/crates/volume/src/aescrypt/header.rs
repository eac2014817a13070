use std::io::Read;

use aes::Aes256;
use cbc::cipher::{Array, BlockModeDecrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use super::{BLOCK, MAC};
use crate::defect::{Defect, Structure};
use crate::encryption::Passphrase;
use crate::error::{Error, Result};

/// Rounds of the key derivation up to version 2.
const ROUNDS: usize = 8192;
/// Most PBKDF2 iterations that a header may ask for; SharpAESCrypt and the reference program stay below a million.
const MAX_ITERATIONS: u32 = 5_000_000;
/// Most bytes of extensions that are skipped; the usual ones take about 200.
const MAX_EXTENSIONS: usize = 1 << 20;

/// Key and IV of the data, and how the stream ends.
pub(super) struct Header {
    pub(super) version: u8,
    pub(super) data_iv: [u8; BLOCK],
    pub(super) data_key: Zeroizing<[u8; 32]>,
    /// Version 0 only: plaintext length mod 16.
    pub(super) v0_remainder: u8,
    /// Where the ciphertext starts.
    pub(super) len: u64,
}

/// Whether `passphrase` opens the stream that begins with `start`, of which the first few hundred bytes are enough.
///
/// # Errors
/// [`Error::Malformed`] when it is no AES Crypt stream or `start` is too short; version 0 cannot be checked this way
/// and counts as [`Error::Unsupported`].
pub fn check_passphrase(start: &[u8], passphrase: &Passphrase) -> Result<bool> {
    match Header::read(start, passphrase) {
        Ok(header) if header.version == 0 => Err(Error::Unsupported {
            what: "AES Crypt version 0".to_owned(),
        }),
        Ok(_) => Ok(true),
        Err(Error::WrongPassphrase) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Header {
    pub(super) fn read(mut input: impl Read, passphrase: &Passphrase) -> Result<Self> {
        let mut start = [0; 5];
        input.read_exact(&mut start)?;
        let version = start[3];
        if &start[..3] != b"AES" {
            return Err(Error::malformed(
                Structure::AesCryptHeader,
                Defect::NotAesCrypt,
            ));
        }
        if version > 3 {
            return Err(Error::Unsupported {
                what: format!("AES Crypt version {version}"),
            });
        }
        let mut len = start.len() as u64;
        if version >= 2 {
            len += skip_extensions(&mut input)?;
        }
        let mut iterations = [0; 4];
        if version == 3 {
            input.read_exact(&mut iterations)?;
            len += iterations.len() as u64;
        }
        let mut public_iv = [0; BLOCK];
        input.read_exact(&mut public_iv)?;
        len += BLOCK as u64;

        let header_key = match version {
            3 => derive_pbkdf2(passphrase, &public_iv, u32::from_be_bytes(iterations))?,
            _ => derive(passphrase, &public_iv),
        };
        if version == 0 {
            return Ok(Self {
                version,
                data_iv: public_iv,
                data_key: header_key,
                v0_remainder: start[4] & 15,
                len,
            });
        }
        if start[4] != 0 {
            return Err(Error::malformed(
                Structure::AesCryptHeader,
                Defect::ReservedByte,
            ));
        }

        let (data_iv, data_key) = read_data_key(&mut input, version, &header_key, &public_iv)?;
        len += (WRAPPED + MAC) as u64;
        Ok(Self {
            version,
            data_iv,
            data_key,
            v0_remainder: 0,
            len,
        })
    }
}

/// Bytes of the vector and key of the data, encrypted.
const WRAPPED: usize = 48;

/// Reads the IV and the key of the data, and detects a wrong passphrase.
fn read_data_key(
    mut input: impl Read,
    version: u8,
    header_key: &Zeroizing<[u8; 32]>,
    public_iv: &[u8; BLOCK],
) -> Result<([u8; BLOCK], Zeroizing<[u8; 32]>)> {
    let mut wrapped = Zeroizing::new([0; WRAPPED]);
    input.read_exact(&mut *wrapped)?;
    let mut mac = [0; MAC];
    input.read_exact(&mut mac)?;

    let mut check = hmac(header_key);
    check.update(&*wrapped);
    if version == 3 {
        check.update(&[3]);
    }
    check
        .verify_slice(&mac)
        .map_err(|_| Error::WrongPassphrase)?;

    let mut cipher = cbc::Decryptor::<Aes256>::new(&(**header_key).into(), &(*public_iv).into());
    let (blocks, _) = Array::slice_as_chunks_mut(&mut *wrapped);
    cipher.decrypt_blocks(blocks);
    let mut data_iv = [0; BLOCK];
    data_iv.copy_from_slice(&wrapped[..BLOCK]);
    let mut data_key = Zeroizing::new([0; 32]);
    data_key.copy_from_slice(&wrapped[BLOCK..]);
    Ok((data_iv, data_key))
}

/// Skips the extension records and returns how many bytes they took.
fn skip_extensions(input: &mut impl Read) -> Result<u64> {
    let mut total = 0;
    loop {
        let mut len = [0; 2];
        input.read_exact(&mut len)?;
        let len = usize::from(u16::from_be_bytes(len));
        total += 2 + len;
        if len == 0 {
            return Ok(total as u64);
        }
        if total > MAX_EXTENSIONS {
            return Err(Error::malformed(
                Structure::AesCryptHeader,
                Defect::EndlessExtensions,
            ));
        }
        let mut record = vec![0; len];
        input.read_exact(&mut record)?;
        if !record.contains(&0) {
            return Err(Error::malformed(
                Structure::AesCryptHeader,
                Defect::NoSeparator,
            ));
        }
    }
}

/// Header key up to version 2: SHA-256 over the last digest and the passphrase in UTF-16LE, 8192 times.
pub(super) fn derive(passphrase: &Passphrase, public_iv: &[u8; BLOCK]) -> Zeroizing<[u8; 32]> {
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(
        passphrase
            .expose()
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
    );
    let mut key = Zeroizing::new([0; 32]);
    key[..BLOCK].copy_from_slice(public_iv);
    for _ in 0..ROUNDS {
        let mut digest = Sha256::new();
        digest.update(*key);
        digest.update(&text);
        let mut round = digest.finalize();
        key.copy_from_slice(&round);
        round.as_mut_slice().zeroize();
    }
    key
}

fn derive_pbkdf2(
    passphrase: &Passphrase,
    salt: &[u8; BLOCK],
    iterations: u32,
) -> Result<Zeroizing<[u8; 32]>> {
    if !(1..=MAX_ITERATIONS).contains(&iterations) {
        return Err(Error::malformed(
            Structure::AesCryptHeader,
            Defect::Iterations(iterations),
        ));
    }
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha512>(passphrase.expose().as_bytes(), salt, iterations, &mut *key);
    Ok(key)
}

pub(super) fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
