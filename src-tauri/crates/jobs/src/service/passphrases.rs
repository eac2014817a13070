//! Passphrases of jobs: tried before they are stored, and never lost in between.

use coffer_ipc::ErrorCode;
use coffer_ipc::command::SaveJob;
use coffer_ipc::job::{DestinationSettings, JobCard, JobDefinition};
use coffer_ipc::passphrase::LeftPassphrase;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::Coffer;
use crate::passphrase::{Answer, prove};
use crate::target::DEFAULT_PREFIX;
use crate::{Result, wording};

/// Setting that holds the list of passphrases without a job.
const LEFT: &str = "left-passphrases";

/// Name of a job's passphrase in the keychain.
fn entry_name(id: &str) -> String {
    format!("passphrase:{id}")
}

impl Coffer {
    /// Tries a passphrase on a destination; an empty one stands for the one that is known. If there is no backup yet,
    /// any passphrase is accepted.
    ///
    /// # Errors
    /// [`ErrorCode::WrongPassphrase`] when it does not open the backup; others say why it could not be tried.
    pub async fn check_passphrase(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
        passphrase: &str,
    ) -> Result<()> {
        let known = match passphrase {
            "" => self.known_passphrase(destination, prefix).await?,
            _ => None,
        };
        let passphrase = known
            .as_ref()
            .map_or(passphrase, |known| known.expose_secret());
        let proven = self.try_passphrase(destination, prefix, passphrase).await;
        proven.map(drop)
    }

    /// Replaces the passphrase of a job after checking that it opens the job's backup, or that there is none yet.
    ///
    /// # Errors
    /// As [`Coffer::check_passphrase`], and while the job is running; nothing is replaced then.
    pub async fn repair_passphrase(&self, job_id: &str, passphrase: &str) -> Result<JobCard> {
        let definition = self.definition(job_id)?;
        self.check_idle(job_id)?;
        if !definition.encrypted {
            return Err(wording::invalid(
                "This backup is not encrypted.",
                "It needs no passphrase.",
            ));
        }
        let proven = self
            .try_passphrase(
                &definition.destination,
                &definition.options.prefix,
                passphrase,
            )
            .await?;
        let proven = self.with_backup_known(job_id, proven)?;
        self.keep_passphrase(job_id, proven).await?;
        self.update_status(job_id, |status| {
            // Other problems stay.
            let waits = status.attention.take();
            status.attention = waits.filter(|error| {
                !matches!(error.code, ErrorCode::WrongPassphrase | ErrorCode::Keychain)
            });
        })?;
        self.card(job_id)
    }

    /// Passphrases that stayed in the keychain when their jobs were deleted, the newest first.
    pub fn left_passphrases(&self) -> Result<Vec<LeftPassphrase>> {
        self.setting(LEFT)
    }

    /// Removes a passphrase without a job.
    ///
    /// # Errors
    /// Those of the keychain; it stays in the list then.
    pub async fn remove_left_passphrase(&self, id: &str) -> Result<()> {
        let mut left = self.left_passphrases()?;
        let known = left.iter().position(|known| known.id == id);
        let position = known.ok_or_else(|| wording::not_found("This passphrase"))?;
        self.forget_passphrase(id).await?;
        left.remove(position);
        self.set_left_passphrases(&left)
    }

    /// The passphrase to store with a job, tried on its destination; `None` when the one in the keychain stays.
    /// `before` is the job before the change.
    pub(super) async fn passphrase_to_keep(
        &self,
        before: Option<(&str, &JobDefinition)>,
        request: &SaveJob,
    ) -> Result<Option<SecretString>> {
        let definition = &request.definition;
        let (destination, prefix) = (&definition.destination, &definition.options.prefix);
        if !definition.encrypted {
            return Ok(None);
        }
        let mut own = before.filter(|(_, before)| before.encrypted);
        if let Some((_, before)) = own
            && !self.is_same_backup(before, definition)?
        {
            own = None;
        }
        let typed = match (&request.passphrase, own, before) {
            (Some(typed), ..) => SecretString::from(typed.as_str()),
            (None, Some(_), _) => return Ok(None),
            (None, None, before) => {
                let known = match self.known_passphrase(destination, prefix).await? {
                    None => match before {
                        Some((job_id, _)) => self.kept_passphrase(job_id).await?,
                        None => None,
                    },
                    known => known,
                };
                known.ok_or_else(|| {
                    wording::invalid("The passphrase is empty.", "Type or generate one.")
                })?
            }
        };
        let typed = typed.expose_secret();
        let proven = self.try_passphrase(destination, prefix, typed).await?;
        match own {
            Some((job_id, _)) => self.with_backup_known(job_id, proven).map(Some),
            None => Ok(Some(proven.into_passphrase())),
        }
    }

    /// Stores a passphrase that was tried. The passphrase of a backup that the job leaves stays usable.
    pub(super) async fn keep_passphrase(
        &self,
        job_id: &str,
        passphrase: SecretString,
    ) -> Result<()> {
        let name = entry_name(job_id);
        self.secrets(move |secrets| secrets.set(&name, passphrase.expose_secret()))
            .await
    }

    /// Keeps the passphrase of the backup that a job leaves, so that this backup can still be opened.
    pub(super) async fn leave_passphrase_of(
        &self,
        job_id: &str,
        before: &JobDefinition,
        next: Option<&SecretString>,
    ) -> Result<()> {
        let old = self.kept_passphrase(job_id).await?;
        let is_next = |old: &SecretString| {
            next.is_some_and(|next| next.expose_secret() == old.expose_secret())
        };
        let Some(old) = old.filter(|old| before.encrypted && !is_next(old)) else {
            return Ok(());
        };
        let id = uuid::Uuid::new_v4().simple().to_string();
        self.keep_passphrase(&id, old).await?;
        self.note_left(id, before).await
    }

    /// Keeps or removes the passphrase of a job that is deleted.
    pub(super) async fn passphrase_of_deleted(
        &self,
        job_id: &str,
        definition: &JobDefinition,
        forget: bool,
    ) -> Result<()> {
        if forget {
            return self.forget_passphrase(job_id).await;
        }
        if definition.encrypted {
            self.note_left(job_id.to_owned(), definition).await?;
        }
        Ok(())
    }

    /// Removes entries for a backup that belongs to a job now, because the job has the passphrase.
    pub(super) async fn take_over_left(&self, job_id: &str, definition: &JobDefinition) {
        let taken = self.forget_left(|left| left.id != job_id, definition).await;
        if let Err(error) = taken {
            // It stays in the list, where the user can remove it.
            tracing::warn!(message = error.message, "a passphrase was kept twice");
        }
    }

    /// The passphrase that the keychain has for a job.
    pub(super) async fn kept_passphrase(&self, job_id: &str) -> Result<Option<SecretString>> {
        let name = entry_name(job_id);
        let kept = self.secrets(move |secrets| secrets.get(&name)).await?;
        Ok(kept.map(SecretString::from))
    }

    /// The passphrase of a backup: the one that opened it if it is open, or the one in the keychain, of a job or left
    /// by one.
    pub(super) async fn known_passphrase(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
    ) -> Result<Option<SecretString>> {
        if let Some(typed) = self.opened_passphrase(destination, prefix)? {
            return Ok(Some(typed));
        }
        match self.known_passphrase_id(destination, prefix)? {
            Some(id) => self.kept_passphrase(&id).await,
            None => Ok(None),
        }
    }

    pub(super) fn knows_passphrase(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
    ) -> Result<bool> {
        Ok(self.opened_passphrase(destination, prefix)?.is_some()
            || self.known_passphrase_id(destination, prefix)?.is_some())
    }

    fn known_passphrase_id(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
    ) -> Result<Option<String>> {
        let prefix = or_default(prefix);
        let places = self.places()?;
        let cards = self.job_cards()?;
        let job = cards.into_iter().find(|card| {
            let definition = &card.definition;
            definition.encrypted
                && definition.options.prefix == prefix
                && places.are_same(&definition.destination, destination)
        });
        if let Some(job) = job {
            return Ok(Some(job.id));
        }
        let left = self.left_passphrases()?.into_iter();
        let mut left = left.filter(|left| {
            left.prefix == prefix && places.are_same(&left.destination, destination)
        });
        Ok(left.next().map(|left| left.id))
    }

    async fn try_passphrase(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
        passphrase: &str,
    ) -> Result<Answer> {
        if passphrase.trim().is_empty() {
            return Err(wording::invalid(
                "The passphrase is empty.",
                "Type or generate one.",
            ));
        }
        let cancel = CancellationToken::new();
        let _ends_with_us = cancel.clone().drop_guard();
        let retries = self.while_somebody_waits();
        let target = self
            .target(destination, prefix, None, retries, &cancel)
            .await
            .map_err(wording::untried)?;
        prove(&target, passphrase, &cancel)
            .await
            .map_err(wording::untried)
    }

    /// Refuses to accept any passphrase when a job had a backup here that is not found: its disk may be disconnected.
    fn with_backup_known(&self, job_id: &str, answer: Answer) -> Result<SecretString> {
        let versions = self.job_status(job_id)?.versions.unwrap_or(0);
        match answer {
            Answer::NoBackup(_) if versions > 0 => {
                let gone = coffer_engine::Error::DestinationGone {
                    destination: self.card(job_id)?.destination_label,
                    versions: versions.into(),
                };
                Err(wording::untried(wording::engine(&gone)))
            }
            answer => Ok(answer.into_passphrase()),
        }
    }

    async fn note_left(&self, id: String, definition: &JobDefinition) -> Result<()> {
        // The newest entry of a backup is enough.
        self.forget_left(|left| left.id != id, definition).await?;
        let mut left = self.left_passphrases()?;
        left.retain(|known| known.id != id);
        let new = LeftPassphrase {
            id,
            name: definition.name.clone(),
            destination: definition.destination.clone(),
            prefix: definition.options.prefix.clone(),
            label: self.label_of(definition)?,
            left: self.now().to_string(),
        };
        left.insert(0, new);
        self.set_left_passphrases(&left)
    }

    /// Removes the entries for a job's backup that `goes` selects.
    async fn forget_left(
        &self,
        goes: impl Fn(&LeftPassphrase) -> bool,
        definition: &JobDefinition,
    ) -> Result<()> {
        let mut left = self.left_passphrases()?;
        let places = self.places()?;
        let opens = |left: &&LeftPassphrase| {
            left.prefix == definition.options.prefix
                && places.are_same(&left.destination, &definition.destination)
        };
        let going = left.iter().filter(opens).filter(|left| goes(left));
        let going: Vec<_> = going.cloned().collect();
        for gone in going {
            self.forget_passphrase(&gone.id).await?;
            left.retain(|known| known.id != gone.id);
            self.set_left_passphrases(&left)?;
        }
        Ok(())
    }

    pub(super) async fn forget_passphrase(&self, id: &str) -> Result<()> {
        let name = entry_name(id);
        self.secrets(move |secrets| secrets.remove(&name)).await
    }

    /// Whether a job has the same volumes before and after.
    pub(super) fn is_same_backup(
        &self,
        before: &JobDefinition,
        after: &JobDefinition,
    ) -> Result<bool> {
        let places = self.places()?;
        Ok(places.are_same(&before.destination, &after.destination)
            && before.options.prefix == after.options.prefix)
    }

    fn set_left_passphrases(&self, left: &Vec<LeftPassphrase>) -> Result<()> {
        self.set_setting(LEFT, left)
    }
}

pub(super) fn or_default(prefix: &str) -> &str {
    if prefix.is_empty() {
        DEFAULT_PREFIX
    } else {
        prefix
    }
}
