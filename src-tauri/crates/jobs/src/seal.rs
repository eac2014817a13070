//! Sealing what a file must not hold in the clear: upload addresses in the run journal.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use coffer_engine::backup::{Checkpoints, Seal};
use coffer_onedrive::Credential;
use sha2::{Digest as _, Sha256};

use crate::keychain::{Error, SecretStore};

/// Name of the key's entry.
const KEY: &str = "journal-key";
/// Bytes of a nonce.
const NONCE: usize = 24;

/// Seals with a key that is no file.
struct KeychainSeal(XChaCha20Poly1305);

impl Seal for KeychainSeal {
    fn seal(&self, plain: &str) -> String {
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self.0.encrypt(&XNonce::from(nonce), plain.as_bytes());
        // Only a text of many GiB cannot be sealed; nothing then stands for it.
        let sealed = sealed.unwrap_or_default();
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    fn open(&self, sealed: &str) -> Option<String> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        String::from_utf8(self.0.decrypt(&XNonce::from(nonce), sealed).ok()?).ok()
    }
}

/// Checkpoints sealed with a key that the keychain keeps; it is made when there is none.
///
/// # Errors
/// Those of the keychain.
pub(crate) fn checkpoints(secrets: &dyn SecretStore) -> Result<Checkpoints, Error> {
    let stored = secrets
        .get(KEY)?
        .and_then(|text| STANDARD.decode(text).ok());
    let key: [u8; 32] = match stored.and_then(|bytes| bytes.try_into().ok()) {
        Some(key) => key,
        None => {
            let key: [u8; 32] = rand::random();
            secrets.set(KEY, &STANDARD.encode(key))?;
            key
        }
    };
    Ok(sealed_with(key))
}

/// Checkpoints sealed with the keychain's key; without a keychain with one made of the AuthID, which opens more than
/// they do. Other credentials come from the keychain themselves.
pub(crate) fn checkpoints_or_derived(
    secrets: &dyn SecretStore,
    credential: &Credential,
) -> Checkpoints {
    checkpoints(secrets).unwrap_or_else(|error| {
        let Credential::AuthId(auth_id) = credential else {
            tracing::debug!(%error, "no keychain: nothing is noted");
            return Checkpoints::None;
        };
        tracing::debug!(%error, "no keychain: the journal is sealed with a key made of the AuthID");
        let mut hash = Sha256::new();
        hash.update(b"coffer journal\0");
        hash.update(auth_id.expose());
        sealed_with(hash.finalize().into())
    })
}

fn sealed_with(key: [u8; 32]) -> Checkpoints {
    let cipher = XChaCha20Poly1305::new(&key.into());
    Checkpoints::Sealed(Arc::new(KeychainSeal(cipher)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::MemoryKeychain;

    /// As on a server without Secret Service.
    struct NoKeychain;

    impl SecretStore for NoKeychain {
        fn set(&self, _name: &str, _value: &str) -> Result<(), Error> {
            Err(Error::Unavailable { why: String::new() })
        }

        fn get(&self, _name: &str) -> Result<Option<String>, Error> {
            Err(Error::Unavailable { why: String::new() })
        }

        fn remove(&self, _name: &str) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn without_a_keychain_the_same_auth_id_opens_what_it_sealed() {
        let seal = |auth_id: &str| match checkpoints_or_derived(
            &NoKeychain,
            &coffer_onedrive::AuthId::parse(auth_id).unwrap().into(),
        ) {
            Checkpoints::Sealed(seal) => seal,
            Checkpoints::None => panic!("an AuthID gives a seal"),
        };

        let sealed = seal("key:password").seal("https://upload.example/secret");

        assert_eq!(
            seal("key:password").open(&sealed).unwrap(),
            "https://upload.example/secret"
        );
        assert_eq!(seal("key:passwore").open(&sealed), None);
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_keychain_only() {
        let keychain = MemoryKeychain::default();
        let seal = |keychain: &MemoryKeychain| match checkpoints(keychain).unwrap() {
            Checkpoints::Sealed(seal) => seal,
            Checkpoints::None => panic!("a keychain gives a seal"),
        };

        let sealed = seal(&keychain).seal("https://upload.example/secret");

        assert!(!sealed.contains("upload"));
        assert_eq!(
            seal(&keychain).open(&sealed).unwrap(),
            "https://upload.example/secret"
        );
        assert_eq!(seal(&MemoryKeychain::default()).open(&sealed), None);
        assert_eq!(seal(&keychain).open("nonsense"), None);
    }
}
