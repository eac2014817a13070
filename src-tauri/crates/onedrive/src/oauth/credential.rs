use std::sync::Arc;

use coffer_destination::RegistrationProblem;
use secrecy::SecretString;

use super::AuthId;
use crate::error::{Error, Result};

/// A credential that is exchanged for access tokens.
#[derive(Clone)]
pub enum Credential {
    /// For Duplicati's service.
    AuthId(AuthId),
    /// For Microsoft itself.
    Direct {
        /// The app registration.
        registration: Registration,
        /// Where the refresh token is.
        store: Arc<dyn TokenStore>,
    },
}

impl From<AuthId> for Credential {
    fn from(auth_id: AuthId) -> Self {
        Self::AuthId(auth_id)
    }
}

/// Stores the refresh token of one credential. All calls may block; they are made off the async threads. Errors are
/// messages for the user, without the secret.
pub trait TokenStore: Send + Sync {
    /// Identifies this sign-in in all processes for its lifetime; not a secret. `None` for one that is not stored, whose
    /// waits are not shared.
    fn name(&self) -> Option<String> {
        None
    }

    /// Locks this credential, in this process and others, until the value is dropped.
    ///
    /// # Errors
    /// When the lock cannot be used.
    fn lock(&self) -> std::result::Result<Box<dyn Send>, String>;

    /// The refresh token; `None` when the sign-in was removed.
    ///
    /// # Errors
    /// When the keychain cannot be used.
    fn load(&self) -> std::result::Result<Option<SecretString>, String>;

    /// Replaces the refresh token atomically: after a crash, either the old or the new one is there.
    ///
    /// # Errors
    /// When the keychain cannot be used.
    fn save(&self, refresh_token: &SecretString) -> std::result::Result<(), String>;
}

/// An app registration at Microsoft, and the accounts it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    client_id: String,
    tenant: String,
    all_files: bool,
}

impl Registration {
    /// `tenant` is `common` (all accounts) when not given; else `consumers`, `organizations`, or a tenant's id or
    /// domain.
    ///
    /// # Errors
    /// [`Error::Registration`] for an invalid client ID or tenant.
    pub fn new(client_id: &str, tenant: Option<&str>) -> Result<Self> {
        let wrong = |why| Error::Registration { why, code: None };
        let client_id = client_id.trim();
        let tenant = tenant.map(str::trim).filter(|tenant| !tenant.is_empty());
        let tenant = tenant.unwrap_or("common");
        let fits = |text: &str, more: &str, longest: usize| {
            (1..=longest).contains(&text.len())
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !fits(client_id, "-", 64) {
            return Err(wrong(RegistrationProblem::NotAClientId));
        }
        if !fits(tenant, "-.", 255) || tenant.starts_with('.') {
            return Err(wrong(RegistrationProblem::NotATenant));
        }
        Ok(Self {
            client_id: client_id.to_owned(),
            tenant: tenant.to_owned(),
            all_files: false,
        })
    }

    /// Also requests access to the files of others that the user can access: drives of colleagues, shared libraries. The
    /// page says so, and some organizations require an administrator's approval.
    #[must_use]
    pub fn with_all_files(self, all_files: bool) -> Self {
        Self { all_files, ..self }
    }

    /// Requested permissions: files, staying signed in, and the identity of the account.
    pub(crate) fn scopes(&self) -> &'static str {
        if self.all_files {
            "Files.ReadWrite.All offline_access User.Read openid profile"
        } else {
            "Files.ReadWrite offline_access User.Read openid profile"
        }
    }

    /// The app's id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The accounts it is for.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Whether access to the files of others is requested.
    pub fn all_files(&self) -> bool {
        self.all_files
    }
}

/// The result of a direct sign-in.
pub struct Grant {
    /// For the keychain.
    pub refresh_token: SecretString,
    /// `<object id>.<tenant id>` of the account, if Microsoft reported it.
    pub home: Option<String>,
    /// Name of the account, if Microsoft reported it.
    pub username: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_cannot_lead_to_another_address() {
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        for tenant in ["../evil", "a/b", "..", "a?b", "a#b", "a b"] {
            assert!(Registration::new(id, Some(tenant)).is_err(), "{tenant}");
        }
        for client in ["", "a b", "a&b=c", "<id>"] {
            assert!(Registration::new(client, None).is_err(), "{client}");
        }
        assert_eq!(Registration::new(id, Some(" ")).unwrap().tenant(), "common");
    }
}
