//! The keychain of the operating system, opened again after its connection was lost.
//!
//! A Secret Service may start after Coffer, or restart while Coffer runs, which makes the previous connection useless.
//! So a store that fails is closed, and the next use opens another.

use std::sync::{Arc, Mutex};

use keyring_core::{CredentialStore, Entry, Error as StoreError};

use super::parts::{self, Entries};
use super::{Error, SecretStore};
use crate::lock;

/// Service name of all entries.
const SERVICE: &str = "Coffer";

/// Opens a store of the system.
type Opener = dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync;

/// The system's keychain.
pub struct SystemKeychain {
    /// Serializes the use of entries: the stores do not keep the order of parallel calls.
    order: Mutex<()>,
    entries: SystemEntries,
}

impl Default for SystemKeychain {
    fn default() -> Self {
        Self::with_opener(Box::new(open_store))
    }
}

impl SystemKeychain {
    fn with_opener(opener: Box<Opener>) -> Self {
        Self {
            order: Mutex::new(()),
            entries: SystemEntries {
                opener,
                store: Mutex::new(None),
            },
        }
    }
}

impl SecretStore for SystemKeychain {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let _order = lock(&self.order);
        parts::set(&self.entries, name, value.as_bytes())
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let _order = lock(&self.order);
        let value = parts::get(&self.entries, name)?;
        value
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Error::Damaged {
                name: name.to_owned(),
            })
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let _order = lock(&self.order);
        parts::remove(&self.entries, name)
    }
}

/// The keychain's entries under [`SERVICE`].
struct SystemEntries {
    opener: Box<Opener>,
    /// The store that was opened last, unless it failed since.
    store: Mutex<Option<Arc<CredentialStore>>>,
}

impl SystemEntries {
    /// Uses an entry. If that fails in a store that was opened earlier, it is retried once in a new one.
    fn with<T>(
        &self,
        name: &str,
        work: impl Fn(&Entry) -> keyring_core::Result<T>,
    ) -> Result<T, Error> {
        let opened = lock(&self.store).clone();
        if let Some(store) = opened {
            match store
                .build(SERVICE, name, None)
                .and_then(|entry| work(&entry))
            {
                Err(error) if has_gone(&error) => *lock(&self.store) = None,
                done => return done.map_err(unavailable),
            }
        }
        let store = (self.opener)().map_err(unavailable)?;
        let done = store
            .build(SERVICE, name, None)
            .and_then(|entry| work(&entry));
        if !done.as_ref().is_err_and(has_gone) {
            *lock(&self.store) = Some(store);
        }
        done.map_err(unavailable)
    }
}

impl Drop for SystemEntries {
    /// The last reference may be dropped on a thread of the async runtime, where a store that blocks while it closes
    /// its connection would panic.
    fn drop(&mut self) {
        if let Some(store) = lock(&self.store).take() {
            std::thread::spawn(move || drop(store));
        }
    }
}

impl Entries for SystemEntries {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.with(name, |entry| match entry.get_secret() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn write(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.with(name, |entry| entry.set_secret(value))
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        self.with(name, |entry| match entry.delete_credential() {
            Ok(()) | Err(StoreError::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }
}

/// Whether the store itself may be gone: lost connections and sessions are reported as platform failures. A store that
/// is locked, or whose prompt was dismissed, still exists, and another one would only prompt again.
fn has_gone(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::PlatformFailure(_) | StoreError::NoDefaultStore
    )
}

fn unavailable(error: StoreError) -> Error {
    let why = match error {
        // Also when the user dismissed the password prompt.
        StoreError::NoStorageAccess(_) => "it is locked".to_owned(),
        other => other.to_string(),
    };
    Error::Unavailable { why }
}

#[cfg(target_os = "macos")]
fn open_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn open_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "macos", windows)))]
fn open_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use keyring_core::api::{CredentialApi, CredentialStoreApi};

    use super::*;

    /// A Secret Service, whose secrets outlive the process that serves them.
    #[derive(Default)]
    struct Service {
        kept: Mutex<HashMap<String, Vec<u8>>>,
        /// Number of the process that serves now; 0 is none.
        process: AtomicUsize,
        opened: AtomicUsize,
        locked: std::sync::atomic::AtomicBool,
        /// Gets, for each closed connection, whether it was closed on a thread of a runtime.
        closed: Mutex<Option<std::sync::mpsc::Sender<bool>>>,
    }

    /// A connection to one process of the service, or an entry over it.
    #[derive(Clone)]
    struct Connection {
        service: Arc<Service>,
        process: usize,
        user: String,
    }

    impl Connection {
        fn alive(&self) -> keyring_core::Result<()> {
            if self.process != self.service.process.load(Ordering::SeqCst) {
                let gone = "The session does not exist";
                return Err(StoreError::PlatformFailure(gone.into()));
            }
            if self.service.locked.load(Ordering::SeqCst) {
                return Err(StoreError::NoStorageAccess("locked".into()));
            }
            Ok(())
        }
    }

    impl Drop for Connection {
        fn drop(&mut self) {
            let is_store = self.user.is_empty();
            if let Some(closed) = lock(&self.service.closed).as_ref().filter(|_| is_store) {
                let _ = closed.send(tokio::runtime::Handle::try_current().is_ok());
            }
        }
    }

    impl CredentialStoreApi for Connection {
        fn vendor(&self) -> String {
            "test".to_owned()
        }

        fn id(&self) -> String {
            self.process.to_string()
        }

        fn build(
            &self,
            _service: &str,
            user: &str,
            _modifiers: Option<&HashMap<&str, &str>>,
        ) -> keyring_core::Result<Entry> {
            let mut entry = self.clone();
            user.clone_into(&mut entry.user);
            Ok(Entry::new_with_credential(Arc::new(entry)))
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    impl CredentialApi for Connection {
        fn set_secret(&self, secret: &[u8]) -> keyring_core::Result<()> {
            self.alive()?;
            lock(&self.service.kept).insert(self.user.clone(), secret.to_vec());
            Ok(())
        }

        fn get_secret(&self) -> keyring_core::Result<Vec<u8>> {
            self.alive()?;
            let kept = lock(&self.service.kept).get(&self.user).cloned();
            kept.ok_or(StoreError::NoEntry)
        }

        fn delete_credential(&self) -> keyring_core::Result<()> {
            self.alive()?;
            let removed = lock(&self.service.kept).remove(&self.user);
            removed.map(drop).ok_or(StoreError::NoEntry)
        }

        fn get_credential(&self) -> keyring_core::Result<Option<Arc<keyring_core::Credential>>> {
            Ok(None)
        }

        fn get_specifiers(&self) -> Option<(String, String)> {
            None
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    fn keychain(service: &Arc<Service>) -> SystemKeychain {
        let service = Arc::clone(service);
        SystemKeychain::with_opener(Box::new(move || {
            let process = service.process.load(Ordering::SeqCst);
            if process == 0 {
                return Err(StoreError::NoDefaultStore);
            }
            service.opened.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(Connection {
                service: Arc::clone(&service),
                process,
                user: String::new(),
            }))
        }))
    }

    #[test]
    fn a_keyring_that_starts_late_is_used_from_then_on() {
        let service = Arc::new(Service::default());
        let keychain = keychain(&service);
        assert!(keychain.get("secret").is_err());

        service.process.store(1, Ordering::SeqCst);

        keychain.set("secret", "value").unwrap();
        assert_eq!(keychain.get("secret").unwrap().unwrap(), "value");
    }

    #[test]
    fn a_keyring_that_was_restarted_is_opened_anew() {
        let service = Arc::new(Service::default());
        service.process.store(1, Ordering::SeqCst);
        let keychain = keychain(&service);
        keychain.set("secret", "value").unwrap();

        service.process.store(0, Ordering::SeqCst);
        assert!(keychain.get("secret").is_err());
        service.process.store(2, Ordering::SeqCst);

        assert_eq!(keychain.get("secret").unwrap().unwrap(), "value");
        service.process.store(3, Ordering::SeqCst);
        keychain.set("secret", "other").unwrap();
        assert_eq!(keychain.get("secret").unwrap().unwrap(), "other");
        assert_eq!(service.opened.load(Ordering::SeqCst), 3, "once each");
    }

    #[tokio::test]
    async fn a_keyring_is_closed_where_it_may_block() {
        let service = Arc::new(Service::default());
        service.process.store(1, Ordering::SeqCst);
        let (sender, closed) = std::sync::mpsc::channel();
        *lock(&service.closed) = Some(sender);
        let keychain = keychain(&service);
        keychain.set("secret", "value").unwrap();

        drop(keychain);

        let on_a_runtime = tokio::task::spawn_blocking(move || closed.recv().unwrap());
        assert!(!on_a_runtime.await.unwrap());
    }

    #[test]
    fn a_locked_keyring_is_asked_once_per_use() {
        let service = Arc::new(Service::default());
        service.process.store(1, Ordering::SeqCst);
        let keychain = keychain(&service);
        keychain.set("secret", "value").unwrap();
        service.locked.store(true, Ordering::SeqCst);

        assert!(keychain.get("secret").is_err());

        assert_eq!(service.opened.load(Ordering::SeqCst), 1);
        service.locked.store(false, Ordering::SeqCst);
        assert!(keychain.get("secret").unwrap().is_some());
    }
}
