//! Whether a passphrase opens a destination: checked wherever one is entered, before it is stored or used.

use coffer_engine::Proof;
use coffer_ipc::ErrorCode;
use coffer_volume::Passphrase;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::forms::forms;
use crate::target::Target;
use crate::{Result, blocking, wording};

/// The result of trying a passphrase on a destination. No `Debug`: it holds the passphrase.
pub(crate) enum Answer {
    /// It opens the backup, in this form.
    Opens(SecretString),
    /// There is no backup yet, so the passphrase stays as it was typed.
    NoBackup(SecretString),
}

impl Answer {
    pub(crate) fn into_passphrase(self) -> SecretString {
        match self {
            Self::Opens(text) | Self::NoBackup(text) => text,
        }
    }
}

/// Tries a passphrase on `target`, in all its forms.
///
/// # Errors
/// [`coffer_ipc::ErrorCode::WrongPassphrase`] when none opens the backup, [`coffer_ipc::ErrorCode::InvalidInput`] for
/// an empty one, and those of the destination, after which the result is unknown.
pub(crate) async fn prove(
    target: &Target,
    typed: &str,
    cancel: &CancellationToken,
) -> Result<Answer> {
    let forms = Zeroizing::new(forms(typed));
    let passphrases = forms.iter().filter_map(|form| Passphrase::new(form).ok());
    let passphrases: Vec<_> = passphrases.collect();
    if passphrases.len() != forms.len() || forms.is_empty() {
        return Err(wording::empty_passphrase());
    }
    let (store, token) = (target.store.clone(), cancel.clone());
    let proof = blocking(move || coffer_engine::prove(&store, &passphrases, &token)).await;
    match proof.map_err(|error| wording::engine(&error))? {
        Proof::NoBackup => Ok(Answer::NoBackup(SecretString::from(typed))),
        Proof::Opens(position) => Ok(Answer::Opens(SecretString::from(forms[position].as_str()))),
    }
}

impl Target {
    /// The same target with its passphrase in the form that opens the backup, if there are several forms and one does.
    ///
    /// # Errors
    /// When no form opens it. Other problems are left for the operation to report.
    pub(crate) async fn in_fitting_form(
        self,
        passphrase: &str,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        if Zeroizing::new(forms(passphrase)).len() == 1 {
            return Ok(self);
        }
        match self.clone().opened_with(passphrase, cancel).await {
            Err(error) if error.code != ErrorCode::WrongPassphrase => Ok(self),
            other => other,
        }
    }

    /// The same target with a passphrase in the form that opens the backup, or as it was typed if there is no backup
    /// yet.
    ///
    /// # Errors
    /// As [`prove`].
    pub(crate) async fn opened_with(
        mut self,
        typed: &str,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let fitting = prove(&self, typed, cancel).await?.into_passphrase();
        let passphrase =
            Passphrase::new(fitting.expose_secret()).map_err(|_| wording::empty_passphrase())?;
        self.store = self.store.with_passphrase(passphrase);
        Ok(self)
    }
}
