use std::path::{Path, PathBuf};
use std::time::Duration;

use coffer_destination::{Rests, RetryPolicy};
use coffer_ipc::command::{DestinationCheck, DestinationContent, SaveJob};
use coffer_ipc::event::Change;
use coffer_ipc::job::{DestinationSettings, JobCard, JobDefinition};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::ids::JobId;
use super::settings::stored_text;
use crate::operations::content;
use crate::options::retention_of_job;
use crate::schedule::next_run;
use crate::target::{DEFAULT_PREFIX, Opening, Target, Tries};
use crate::waiting::Waits;
use crate::{Result, blocking, destinations, seal, wording};

/// Retries of a failed request while the user is waiting: an answer within seconds.
const WHILE_SOMEBODY_WAITS: RetryPolicy = RetryPolicy {
    retries: 2,
    delay: Duration::from_secs(1),
    longest_delay: Duration::from_secs(5),
};

impl Coffer {
    /// Adds a job. Its passphrase is stored in the keychain after it has been tried on the destination.
    ///
    /// # Errors
    /// When the job is invalid; nothing is stored then.
    pub async fn create_job(&self, request: SaveJob) -> Result<JobCard> {
        self.look_up_own_drive(&request.definition.destination)
            .await;
        self.check_job(None, &request)?;
        let passphrase = self.passphrase_to_keep(None, &request).await?;
        let id = JobId::new();
        let definition = request.definition.clone();
        self.keep_job(&id, definition, passphrase).await
    }

    /// Changes a job.
    ///
    /// # Errors
    /// As [`Coffer::create_job`], and while the job is running.
    pub async fn update_job(&self, job_id: &str, request: SaveJob) -> Result<JobCard> {
        let before = self.definition(job_id)?;
        self.look_up_own_drive(&request.definition.destination)
            .await;
        self.check_job(Some(job_id), &request)?;
        self.check_idle(job_id)?;
        let same_backup = self.is_same_backup(&before, &request.definition)?;
        let has_backup = self.job_status(job_id)?.versions.is_some();
        if same_backup && has_backup {
            if before.encrypted != request.definition.encrypted {
                return Err(wording::invalid(
                    "Encryption cannot be turned on or off in an existing backup.",
                    "Choose another folder for a new backup.",
                ));
            }
            if before.options.block_bytes != request.definition.options.block_bytes {
                return Err(wording::invalid(
                    "The block size of an existing backup cannot be changed.",
                    "Choose another folder for a new backup.",
                ));
            }
        }
        let passphrase = self
            .passphrase_to_keep(Some((job_id, &before)), &request)
            .await?;
        if !same_backup && has_backup {
            self.leave_passphrase_of(job_id, &before, passphrase.as_ref())
                .await?;
        }
        let card = self.keep_job(job_id, request.definition.clone(), passphrase);
        let card = card.await?;
        if before.encrypted && !card.definition.encrypted {
            self.forget_passphrase(job_id).await?;
        }
        if same_backup {
            return Ok(card);
        }
        // These values belong to the previous backup.
        self.update_status(job_id, |status| {
            status.versions = None;
            status.stored_bytes = None;
            status.quota = None;
        })?;
        self.card(job_id)
    }

    async fn keep_job(
        &self,
        id: &str,
        definition: JobDefinition,
        passphrase: Option<SecretString>,
    ) -> Result<JobCard> {
        if let Some(passphrase) = passphrase {
            self.keep_passphrase(id, passphrase).await?;
        }
        self.put_job(id, &definition)?;
        let now = self.now().to_string();
        let label = self.label_of(&definition)?;
        let folder = destinations::local_folder(&definition.destination).map(Path::to_owned);
        let found_in = found_in(folder.clone()).await;
        self.update_status(id, |status| {
            status.attention = None;
            status.label = label;
            // A disk that is disconnected while the job is changed is still its destination.
            let is_deeper = |known: &String| {
                folder
                    .as_ref()
                    .is_some_and(|folder| folder.starts_with(known))
                    && found_in
                        .as_ref()
                        .is_none_or(|found| Path::new(known).starts_with(found))
            };
            if !status.found_in.as_ref().is_some_and(is_deeper) {
                status.found_in = found_in;
            }
            status.scheduled_since = definition.schedule.as_ref().map(|_| now);
        })?;
        self.take_over_left(id, &definition).await;
        self.card(id)
    }

    /// Stores a job without checking it.
    pub(super) fn put_job(&self, id: &str, definition: &JobDefinition) -> Result<()> {
        let body = stored_text(definition)?;
        self.database(|database| database.put_job(id, &body))
    }

    fn check_job(&self, own_id: Option<&str>, request: &SaveJob) -> Result<()> {
        let definition = &request.definition;
        let name = definition.name.trim();
        if name.is_empty() {
            return Err(wording::invalid(
                "The backup has no name.",
                "Enter a name for it.",
            ));
        }
        let others: Vec<_> = self
            .job_cards()?
            .into_iter()
            .filter(|card| Some(card.id.as_str()) != own_id)
            .collect();
        if others
            .iter()
            .any(|card| card.definition.name.to_lowercase() == name.to_lowercase())
        {
            return Err(wording::invalid(
                format!("There is already a backup named {name:?}."),
                "Choose another name.",
            ));
        }
        let places = self.places()?;
        let same = others.iter().find(|card| {
            places.are_same(&card.definition.destination, &definition.destination)
                && card.definition.options.prefix == definition.options.prefix
        });
        if let Some(same) = same {
            return Err(wording::invalid(
                format!("The backup {:?} uses this folder.", same.definition.name),
                "Choose a separate folder for each backup.",
            ));
        }
        self.check_content(definition)?;
        destinations::check(&definition.destination)
    }

    /// Checks the sources, filters, options and schedule.
    fn check_content(&self, definition: &JobDefinition) -> Result<()> {
        if definition.sources.is_empty() {
            return Err(wording::invalid(
                "Nothing is selected to be backed up.",
                "Choose at least one folder.",
            ));
        }
        if !coffer_volume::VolumeName::is_valid_prefix(&definition.options.prefix) {
            return Err(wording::engine(&coffer_engine::Error::InvalidPrefix {
                prefix: definition.options.prefix.clone(),
            }));
        }
        let rules = definition.filters.iter().map(|rule| &rule.expression);
        let rules = rules
            .chain(&definition.options.always_read)
            .map(|rule| (coffer_engine::filter::Action::Exclude, rule.as_str()));
        coffer_engine::filter::Filters::new(rules).map_err(|error| wording::engine(&error))?;
        retention_of_job(&definition.options.retention)?;
        if let Some(schedule) = &definition.schedule
            && next_run(schedule, None, &self.inner.clock.zone()).is_none()
        {
            return Err(wording::invalid(
                "The schedule has no day on which it can run.",
                "Allow more days, or choose another interval.",
            ));
        }
        Ok(())
    }

    /// Removes a job. Its backup stays at the destination. Its passphrase stays in the keychain so that the backup can
    /// still be opened, unless `forget_secrets` is set.
    ///
    /// # Errors
    /// While the job is running.
    pub async fn delete_job(&self, job_id: &str, forget_secrets: bool) -> Result<()> {
        let definition = self.definition(job_id)?;
        self.check_idle(job_id)?;
        self.passphrase_of_deleted(job_id, &definition, forget_secrets)
            .await?;
        self.database(|database| database.remove_job(job_id))?;
        self.emit(Change::JobRemoved {
            job_id: job_id.to_owned(),
        });
        Ok(())
    }

    pub(super) fn check_idle(&self, job_id: &str) -> Result<()> {
        if self.inner.runs.state_of(job_id).is_some() {
            return Err(wording::running());
        }
        Ok(())
    }

    pub(super) fn label_of(&self, definition: &JobDefinition) -> Result<String> {
        let destination = &definition.destination;
        let account_id = destinations::account_of(destination);
        let mut accounts = self.accounts()?.into_iter();
        let account = accounts.find(|account| Some(account.id.as_str()) == account_id);
        let name = account.map(|account| account.name);
        Ok(destinations::label(destination, name.as_deref()))
    }

    /// Opens the backup of a job, with its secrets from the keychain.
    pub(super) async fn target_of_job(
        &self,
        job_id: &str,
        cancel: &CancellationToken,
    ) -> Result<Target> {
        let rests = Rests::default();
        self.target_of_job_in(job_id, None, rests, cancel).await
    }

    /// The same, with rests between retries reported to `rests`. The folder may be created only inside `disk`, if
    /// given.
    pub(super) async fn target_of_job_in(
        &self,
        job_id: &str,
        disk: Option<PathBuf>,
        rests: Rests,
        cancel: &CancellationToken,
    ) -> Result<Target> {
        let definition = self.definition(job_id)?;
        let passphrase = if definition.encrypted {
            let stored = self.kept_passphrase(job_id).await?;
            Some(stored.ok_or_else(wording::passphrase_missing)?)
        } else {
            None
        };
        let prefix = definition.options.prefix.clone();
        let policy = self.inner.environment.retries;
        self.target_in(
            disk,
            &definition.destination,
            &prefix,
            passphrase.as_ref().map(|kept| kept.expose_secret()),
            Tries { policy, rests },
            cancel,
        )
        .await
    }

    /// The waits of a job: rests between retries, and those that its service requests.
    pub(super) async fn waits_of(&self, job: &JobDefinition, rests: &Rests) -> Waits {
        let client = self.client_of(&job.destination).await.ok().flatten();
        Waits::new(client.map(|client| client.waits()), rests)
    }

    /// Opens a destination.
    pub(super) async fn target(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
        passphrase: Option<&str>,
        tries: impl Into<Tries>,
        cancel: &CancellationToken,
    ) -> Result<Target> {
        self.target_in(None, destination, prefix, passphrase, tries, cancel)
            .await
    }

    /// The same; the folder may be created only inside `disk`, if given.
    async fn target_in(
        &self,
        disk: Option<PathBuf>,
        destination: &DestinationSettings,
        prefix: &str,
        passphrase: Option<&str>,
        tries: impl Into<Tries>,
        cancel: &CancellationToken,
    ) -> Result<Target> {
        let lock_file = self.inner.folders.journal_key_lock();
        let checkpoints = self.secrets(move |secrets| seal::checkpoints(secrets, &lock_file));
        let checkpoints = checkpoints.await?;
        let opening = Opening {
            gpg_program: None,
            prefix: if prefix.is_empty() {
                DEFAULT_PREFIX
            } else {
                prefix
            },
            passphrase,
            checkpoints,
            folders: &self.inner.folders,
            tries: tries.into(),
            disk,
        };
        self.look_up_own_drive(destination).await;
        let client = self.client_of(destination).await?;
        let bandwidth = &self.inner.bandwidth;
        destinations::open(destination, client, bandwidth, opening, cancel).await
    }

    /// Checks a destination and returns what it holds. Nothing is written. Dropping the future cancels its work.
    ///
    /// # Errors
    /// Those of the destination.
    pub async fn check_destination(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
    ) -> Result<DestinationCheck> {
        let cancel = CancellationToken::new();
        let _ends_with_us = cancel.clone().drop_guard();
        let retries = self.while_somebody_waits();
        let target = self
            .target(destination, prefix, None, retries, &cancel)
            .await?;
        let found: DestinationContent = content(&target, &cancel).await?;
        let places = self.places()?;
        let used = self
            .job_cards()?
            .into_iter()
            .find(|card| places.are_same(&card.definition.destination, destination));
        Ok(DestinationCheck {
            content: found,
            quota: target.quota(&cancel).await,
            label: target.label,
            used_by: used.map(|card| card.definition.name),
            passphrase_kept: self.knows_passphrase(destination, prefix)?,
        })
    }

    /// The retry policy while the user is waiting.
    pub(super) fn while_somebody_waits(&self) -> RetryPolicy {
        let usual = self.inner.environment.retries;
        RetryPolicy {
            retries: WHILE_SOMEBODY_WAITS.retries.min(usual.retries),
            ..WHILE_SOMEBODY_WAITS
        }
    }
}

/// The deepest existing ancestor of `path`, or `path` itself.
async fn found_in(path: Option<PathBuf>) -> Option<String> {
    let path = path?;
    blocking(move || {
        let mut folders = path.ancestors();
        let found = folders.find(|folder| folder.is_dir())?;
        Some(found.to_str()?.to_owned())
    })
    .await
}
