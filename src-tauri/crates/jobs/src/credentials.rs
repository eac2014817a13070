//! Sign-ins as they are stored in the keychain.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use coffer_ipc::account::SignInWay;
use coffer_ipc::{CommandError, ErrorCode};
use coffer_onedrive::{AuthId, Credential, DEFAULT_OAUTH_URL, Registration, TokenStore};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::keychain::{self, SecretStore};
use crate::{Result, file_lock, lock, wording};

/// The version of [`Entry`] that is written.
const VERSION: u32 = 1;

/// One entry of the keychain. No `Debug`: it is a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    v: u32,
    #[serde(flatten)]
    secret: Secret,
    /// Whether it was created with the simulator.
    #[serde(default)]
    demo: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Secret {
    AuthId {
        #[serde(with = "exposed")]
        authid: SecretString,
        /// The service that issued it and alone can exchange it; `None` for the default one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oauth_url: Option<String>,
    },
    MsGraph {
        client_id: String,
        tenant: String,
        #[serde(default)]
        all_files: bool,
        /// How the user signed in; only for display.
        #[serde(default)]
        by_code: bool,
        #[serde(with = "exposed")]
        refresh_token: SecretString,
    },
}

/// Serializes secrets for the keychain.
mod exposed {
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        secret: &SecretString,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}

/// A stored sign-in, ready for use.
#[derive(Clone)]
pub struct KeptSignIn {
    pub(crate) credential: Credential,
    /// The AuthID service it belongs to, if not the default one.
    pub(crate) oauth_url: Option<String>,
}

/// How an account signs in, without its credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignInFacts {
    /// The AuthID service, if not Duplicati's.
    pub(crate) oauth_url: Option<String>,
    /// Client ID and tenant of an app registered with Microsoft.
    pub(crate) client: Option<(String, String)>,
}

impl Entry {
    pub(crate) fn of_auth_id(auth_id: &AuthId, oauth_url: Option<String>, demo: bool) -> Self {
        let secret = Secret::AuthId {
            authid: auth_id.expose().to_owned().into(),
            oauth_url,
        };
        Self {
            v: VERSION,
            secret,
            demo,
        }
    }

    pub(crate) fn of_grant(
        registration: &Registration,
        refresh_token: &SecretString,
        by_code: bool,
        demo: bool,
    ) -> Self {
        let secret = Secret::MsGraph {
            client_id: registration.client_id().to_owned(),
            tenant: registration.tenant().to_owned(),
            all_files: registration.all_files(),
            by_code,
            refresh_token: refresh_token.clone(),
        };
        Self {
            v: VERSION,
            secret,
            demo,
        }
    }

    pub(crate) fn way(&self) -> SignInWay {
        match self.secret {
            Secret::AuthId { .. } => SignInWay::Service,
            Secret::MsGraph { by_code: false, .. } => SignInWay::Browser,
            Secret::MsGraph { by_code: true, .. } => SignInWay::Code,
        }
    }

    /// How the sign-in works, without its secret.
    pub(crate) fn facts(&self) -> SignInFacts {
        match &self.secret {
            Secret::AuthId { oauth_url, .. } => SignInFacts {
                oauth_url: oauth_url.clone().filter(|url| url != DEFAULT_OAUTH_URL),
                client: None,
            },
            Secret::MsGraph {
                client_id, tenant, ..
            } => SignInFacts {
                oauth_url: None,
                client: Some((client_id.clone(), tenant.clone())),
            },
        }
    }

    /// Reads the entry `name` of the keychain; `None` when there is none that this version can use.
    pub(crate) fn read(
        secrets: &dyn SecretStore,
        name: &str,
    ) -> std::result::Result<Option<Self>, keychain::Error> {
        let text = secrets.get(name)?.map(SecretString::from);
        Ok(text.and_then(|text| serde_json::from_str(text.expose_secret()).ok()))
    }

    pub(crate) fn write(
        &self,
        secrets: &dyn SecretStore,
        name: &str,
    ) -> std::result::Result<(), keychain::Error> {
        let text = serde_json::to_string(self).map_err(|_| keychain::Error::Damaged {
            name: name.to_owned(),
        })?;
        let text = SecretString::from(text);
        secrets.set(name, text.expose_secret())
    }

    /// Prepares the sign-in for use; renewed refresh tokens are written to `store`.
    ///
    /// # Errors
    /// When it is damaged, or was created in the demo and this is not the demo, or vice versa.
    pub(crate) fn open(self, store: Arc<dyn TokenStore>, demo: bool) -> Result<KeptSignIn> {
        if self.demo != demo {
            return Err(wording::error(
                ErrorCode::SignInRequired,
                "This sign-in belongs to the demo.",
                "Sign in with a Microsoft account.",
            ));
        }
        let kept = match self.secret {
            Secret::AuthId { authid, oauth_url } => KeptSignIn {
                credential: AuthId::parse(authid.expose_secret())
                    .map_err(|error| wording::onedrive(&error))?
                    .into(),
                oauth_url,
            },
            Secret::MsGraph {
                client_id,
                tenant,
                all_files,
                ..
            } => {
                let registration = Registration::new(&client_id, Some(&tenant))
                    .map_err(|error| wording::onedrive(&error))?
                    .with_all_files(all_files);
                KeptSignIn {
                    credential: Credential::Direct {
                        registration,
                        store,
                    },
                    oauth_url: None,
                }
            }
        };
        Ok(kept)
    }
}

/// A refresh token that is stored in an entry of the keychain.
pub(crate) struct KeychainTokens {
    pub(crate) secrets: Arc<dyn SecretStore>,
    /// Name of the entry.
    pub(crate) name: String,
    /// Locked by the process that renews it.
    pub(crate) lock_file: PathBuf,
}

impl TokenStore for KeychainTokens {
    fn name(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn lock(&self) -> std::result::Result<Box<dyn Send>, String> {
        let file = file_lock::hold(&self.lock_file)
            .map_err(|error| format!("{} cannot be locked: {error}", self.lock_file.display()))?;
        // Dropping the file unlocks it.
        Ok(Box::new(file))
    }

    fn load(&self) -> std::result::Result<Option<SecretString>, String> {
        let entry = Entry::read(&*self.secrets, &self.name).map_err(|error| error.to_string())?;
        Ok(entry.and_then(|entry| match entry.secret {
            Secret::MsGraph { refresh_token, .. } => Some(refresh_token),
            Secret::AuthId { .. } => None,
        }))
    }

    fn save(&self, renewed: &SecretString) -> std::result::Result<(), String> {
        let text = |error: keychain::Error| error.to_string();
        let Some(mut entry) = Entry::read(&*self.secrets, &self.name).map_err(text)? else {
            // The entry was removed in the meantime; do not create it again.
            return Ok(());
        };
        if let Secret::MsGraph { refresh_token, .. } = &mut entry.secret {
            refresh_token.clone_from(renewed);
        }
        entry.write(&*self.secrets, &self.name).map_err(text)
    }
}

/// The refresh token of a new sign-in that is not in the keychain yet.
pub(crate) struct NewTokens(pub(crate) Mutex<SecretString>);

impl TokenStore for NewTokens {
    fn lock(&self) -> std::result::Result<Box<dyn Send>, String> {
        Ok(Box::new(()))
    }

    fn load(&self) -> std::result::Result<Option<SecretString>, String> {
        Ok(Some(lock(&self.0).clone()))
    }

    fn save(&self, renewed: &SecretString) -> std::result::Result<(), String> {
        *lock(&self.0) = renewed.clone();
        Ok(())
    }
}

pub(crate) fn missing() -> CommandError {
    wording::error(
        ErrorCode::SignInRequired,
        "The sign-in is not in this computer's keychain.",
        "Sign in again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::MemoryKeychain;

    #[test]
    fn entries_of_earlier_versions_are_read() {
        let secrets = MemoryKeychain::default();
        let old = r#"{"v":1,"kind":"authid","authid":"key:password","demo":true}"#;
        secrets.set("account:x", old).unwrap();

        let entry = Entry::read(&secrets, "account:x").unwrap().unwrap();

        assert_eq!(entry.way(), SignInWay::Service);
        let tokens = Arc::new(NewTokens(Mutex::new(SecretString::from(""))));
        assert!(entry.clone().open(tokens.clone(), false).is_err());
        assert!(entry.open(tokens, true).is_ok());
    }

    /// Compiles only while types with secrets zeroize them.
    #[test]
    fn an_entry_wipes_its_secret() {
        fn wiped(_: &impl secrecy::zeroize::ZeroizeOnDrop) {}
        let auth_id = AuthId::parse("key:password").unwrap();

        match Entry::of_auth_id(&auth_id, None, false).secret {
            Secret::AuthId { authid, .. } => wiped(&authid),
            Secret::MsGraph { refresh_token, .. } => wiped(&refresh_token),
        }
    }

    #[test]
    fn a_renewed_token_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let registration = Registration::new("01234567-89ab-cdef-0123-456789abcdef", None).unwrap();
        let secrets: Arc<dyn SecretStore> = Arc::new(MemoryKeychain::default());
        let tokens = KeychainTokens {
            secrets: Arc::clone(&secrets),
            name: "account:x".to_owned(),
            lock_file: folder.path().join("locks/x"),
        };
        assert!(tokens.load().unwrap().is_none());
        tokens.save(&SecretString::from("another token")).unwrap();
        assert!(tokens.load().unwrap().is_none(), "a removed one stays so");
        let entry = Entry::of_grant(&registration, &SecretString::from("old"), true, false);
        entry.write(&*secrets, "account:x").unwrap();

        let locked = tokens.lock().unwrap();
        tokens.save(&SecretString::from("new")).unwrap();
        drop(locked);

        assert_eq!(tokens.load().unwrap().unwrap().expose_secret(), "new");
        let entry = Entry::read(&*secrets, "account:x").unwrap().unwrap();
        assert_eq!(entry.way(), SignInWay::Code);
    }
}
