//! Whether a passphrase opens a destination: asked by everything that takes one, before it is kept or relied on.

use coffer_engine::Proof;
use coffer_ipc::ErrorCode;
use coffer_volume::Passphrase;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::forms::forms;
use crate::target::Target;
use crate::{Result, blocking, wording};

/// What a destination says to a passphrase. No `Debug`: it holds the passphrase.
pub(crate) enum Answer {
    /// It opens the backup, in this form.
    Opens(SecretString),
    /// There is no backup yet, so that it will be what it was typed as.
    NoBackup(SecretString),
}

impl Answer {
    pub(crate) fn into_passphrase(self) -> SecretString {
        match self {
            Self::Opens(text) | Self::NoBackup(text) => text,
        }
    }
}

/// Tries a passphrase on `target`, in every form that may be meant.
///
/// # Errors
/// [`coffer_ipc::ErrorCode::WrongPassphrase`] when none opens the backup, [`coffer_ipc::ErrorCode::InvalidInput`] for an
/// empty one, and those of the destination, which then said nothing.
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
    /// The same with its passphrase in the form that opens it, where there are several and one does.
    ///
    /// # Errors
    /// When none does. Whatever else stands in the way is left for the operation to tell.
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

    /// The same, opened with a passphrase in the form that fits; as it was typed where there is no backup yet.
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
