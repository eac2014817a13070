//! Encrypts ("seals") what a file must not contain in the clear: upload addresses in the run journal.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use coffer_engine::backup::{Checkpoints, Seal};
use coffer_onedrive::Credential;
use sha2::{Digest as _, Sha256};

use crate::file_lock;
use crate::keychain::{Error, SecretStore};

/// Keychain entry of the key.
const KEY: &str = "journal-key";
/// Bytes of a nonce.
const NONCE: usize = 24;

/// Seals with a key that is not stored in a file.
struct KeychainSeal(XChaCha20Poly1305);

impl Seal for KeychainSeal {
    fn seal(&self, plain: &str) -> String {
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self.0.encrypt(&XNonce::from(nonce), plain.as_bytes());
        // Only a text of many GiB cannot be sealed; it is replaced by an empty value.
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

/// Checkpoints sealed with a key from the keychain. A missing key is created by one process at a time.
///
/// # Errors
/// Those of the keychain.
pub(crate) fn checkpoints(
    secrets: &dyn SecretStore,
    lock_file: &Path,
) -> Result<Checkpoints, Error> {
    if let Some(key) = kept(secrets)? {
        return Ok(sealed_with(key));
    }
    // Without the lock, two processes may each create a key. Uploads that were sealed with the first one start over.
    let _alone = file_lock::hold(lock_file)
        .inspect_err(|error| tracing::debug!(%error, "the journal's key is made without a lock"));
    if let Some(key) = kept(secrets)? {
        return Ok(sealed_with(key));
    }
    let key: [u8; 32] = rand::random();
    secrets.set(KEY, &STANDARD.encode(key))?;
    Ok(sealed_with(key))
}

fn kept(secrets: &dyn SecretStore) -> Result<Option<[u8; 32]>, Error> {
    let text = secrets.get(KEY)?;
    let bytes = text.and_then(|text| STANDARD.decode(text).ok());
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
}

/// Checkpoints sealed with the keychain's key or, without a keychain, with one derived from the AuthID, which gives
/// access to more than they do. Other credentials come from the keychain themselves.
pub(crate) fn checkpoints_or_derived(
    secrets: &dyn SecretStore,
    lock_file: &Path,
    credential: &Credential,
) -> Checkpoints {
    checkpoints(secrets, lock_file).unwrap_or_else(|error| {
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
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use super::*;
    use crate::keychain::MemoryKeychain;

    fn seal_of(checkpoints: Checkpoints) -> Arc<dyn Seal> {
        match checkpoints {
            Checkpoints::Sealed(seal) => seal,
            Checkpoints::None => panic!("there is a seal"),
        }
    }

    /// Of two processes that find no key, neither continues until the other has looked, too, or has to wait.
    struct Shared {
        entries: Arc<MemoryKeychain>,
        looked: Sender<()>,
        other_looked: Mutex<Receiver<()>>,
    }

    impl SecretStore for Shared {
        fn set(&self, name: &str, value: &str) -> Result<(), Error> {
            self.entries.set(name, value)
        }

        fn get(&self, name: &str) -> Result<Option<String>, Error> {
            let found = self.entries.get(name)?;
            if found.is_none() {
                let _ = self.looked.send(());
                let other = self.other_looked.lock();
                let other = other.unwrap_or_else(PoisonError::into_inner);
                let _ = other.recv_timeout(Duration::from_millis(200));
            }
            Ok(found)
        }

        fn remove(&self, name: &str) -> Result<(), Error> {
            self.entries.remove(name)
        }
    }

    #[test]
    fn processes_that_begin_at_the_same_moment_share_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let entries = Arc::new(MemoryKeychain::default());
        let lock_file = folder.path().join("locks/key");
        let ((to_second, from_first), (to_first, from_second)) = (channel(), channel());
        let start = |looked, other_looked| {
            let (entries, lock_file) = (Arc::clone(&entries), lock_file.clone());
            std::thread::spawn(move || {
                let shared = Shared {
                    entries,
                    looked,
                    other_looked: Mutex::new(other_looked),
                };
                seal_of(checkpoints(&shared, &lock_file).unwrap())
            })
        };

        let first = start(to_second, from_second);
        let second = start(to_first, from_first);
        let (first, second) = (first.join().unwrap(), second.join().unwrap());

        assert_eq!(
            second.open(&first.seal("address")).as_deref(),
            Some("address")
        );
        let kept = seal_of(checkpoints(&*entries, &lock_file).unwrap());
        assert_eq!(
            kept.open(&first.seal("address")).as_deref(),
            Some("address")
        );
    }

    /// Behaves like a server without Secret Service.
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
        let folder = tempfile::tempdir().unwrap();
        let lock_file = folder.path().join("key");
        let seal = |auth_id: &str| {
            let auth_id = coffer_onedrive::AuthId::parse(auth_id).unwrap();
            seal_of(checkpoints_or_derived(
                &NoKeychain,
                &lock_file,
                &auth_id.into(),
            ))
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
        let folder = tempfile::tempdir().unwrap();
        let lock_file = folder.path().join("key");
        let seal = |keychain: &MemoryKeychain| seal_of(checkpoints(keychain, &lock_file).unwrap());

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
