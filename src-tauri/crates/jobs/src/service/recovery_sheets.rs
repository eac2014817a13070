use coffer_ipc::job::JobDefinition;
use coffer_ipc::sheet::{RecoverySheet, SheetOf};
use secrecy::{ExposeSecret as _, SecretString};

use super::Coffer;
use super::accounts::credential_name;
use crate::credentials::{Entry, SignInFacts};
use crate::destinations::{self, account_of};

use crate::{Result, recovery_sheet, wording};

impl Coffer {
    /// The recovery sheet of a job, or of one that will be saved.
    ///
    /// # Errors
    /// When something that the sheet must contain is unknown, and those of the keychain.
    pub async fn recovery_sheet(&self, of: &SheetOf) -> Result<RecoverySheet> {
        let (definition, passphrase) = match of {
            SheetOf::Job { job_id } => {
                let definition = self.definition(job_id)?;
                let passphrase = self.kept_passphrase(job_id).await?;
                (definition, passphrase)
            }
            SheetOf::Draft { request } => {
                let definition = request.definition.clone();
                let passphrase = match &request.passphrase {
                    Some(typed) => Some(SecretString::from(typed.as_str())),
                    None => {
                        let (place, prefix) = (&definition.destination, &definition.options.prefix);
                        self.known_passphrase(place, prefix).await?
                    }
                };
                (definition, passphrase)
            }
        };
        let passphrase = passphrase.filter(|_| definition.encrypted);
        if definition.encrypted && passphrase.is_none() {
            return Err(wording::passphrase_missing());
        }
        check_known(&definition)?;
        let account = account_of(&definition.destination).map(|id| self.account(id));
        let account = account.transpose()?;
        let facts = match &account {
            Some(account) => self.sign_in_facts(&account.id).await?,
            None => SignInFacts::default(),
        };
        let made = self.now().to_zoned(self.inner.clock.zone());
        Ok(recovery_sheet::sheet(
            &definition,
            passphrase.as_ref().map(|known| known.expose_secret()),
            account.as_ref(),
            facts,
            &made,
        ))
    }

    /// The sheet as plain text, for a file.
    ///
    /// # Errors
    /// As [`Coffer::recovery_sheet`].
    pub async fn recovery_sheet_text(&self, of: &SheetOf) -> Result<String> {
        let sheet = self.recovery_sheet(of).await?;
        Ok(recovery_sheet::text(&sheet))
    }

    /// The name of a job, for the name of the file.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn sheet_name(&self, of: &SheetOf) -> Result<String> {
        match of {
            SheetOf::Job { job_id } => Ok(self.definition(job_id)?.name),
            SheetOf::Draft { request } => Ok(request.definition.name.clone()),
        }
    }

    async fn sign_in_facts(&self, account_id: &str) -> Result<SignInFacts> {
        let name = credential_name(account_id);
        let entry = self.secrets(move |secrets| Entry::read(secrets, &name));
        Ok(entry
            .await?
            .map_or_else(SignInFacts::default, |entry| entry.facts()))
    }
}

/// Checks that a sheet will be complete, because a gap would be noticed only when it is too late.
fn check_known(definition: &JobDefinition) -> Result<()> {
    if !destinations::is_chosen(&definition.destination) || definition.name.trim().is_empty() {
        return Err(wording::invalid(
            "The recovery sheet needs the backup's name and destination.",
            "Enter these first.",
        ));
    }
    Ok(())
}
