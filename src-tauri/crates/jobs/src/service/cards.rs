use coffer_ipc::account::Account;
use coffer_ipc::event::Change;
use coffer_ipc::job::{JobCard, JobDefinition, JobState, Unreadable};
use coffer_ipc::run::{Operation, RunResult};

use super::Coffer;
use super::ids::JobId;
use super::job_status::JobStatus;
use super::settings::stored_text;
use crate::{Result, destinations, wording};

/// Number of runs that are searched for the newest backup of a job whose status lacks it.
pub(super) const LOOKED_THROUGH: u32 = 50;

impl Coffer {
    /// All jobs, by name.
    pub fn job_cards(&self) -> Result<Vec<JobCard>> {
        self.cards(true)
    }

    /// The same while no app runs: runs that are stored as running were interrupted when the app ended.
    pub fn job_cards_without_app(&self) -> Result<Vec<JobCard>> {
        self.cards(false)
    }

    fn cards(&self, app_runs: bool) -> Result<Vec<JobCard>> {
        let mut cards = Vec::new();
        for (id, definition) in self.definitions()? {
            cards.push(self.card_of(&id, definition, app_runs)?);
        }
        cards.sort_by_key(|card| card.definition.name.to_lowercase());
        Ok(cards)
    }

    /// All jobs that can be read, by id.
    pub(super) fn definitions(&self) -> Result<Vec<(JobId, JobDefinition)>> {
        let rows = self.database(|database| database.jobs())?;
        let read = rows.into_iter().filter_map(|(id, body)| {
            let definition = serde_json::from_str(&body).ok()?;
            Some((id.into(), definition))
        });
        Ok(read.collect())
    }

    /// Stored jobs and sign-ins that cannot be read. They stay as they are.
    pub fn unreadable(&self) -> Result<Vec<Unreadable>> {
        let jobs = self.database(|database| database.jobs())?;
        let accounts = self.database(|database| database.accounts())?;
        let name = |body: &str| {
            let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            value["name"].as_str().unwrap_or_default().to_owned()
        };
        let shape = |(id, body): &(String, String), is_job| Unreadable {
            id: id.clone(),
            name: name(body),
            is_job,
        };
        let jobs = jobs
            .iter()
            .filter(|(_, body)| serde_json::from_str::<JobDefinition>(body).is_err())
            .map(|row| shape(row, true));
        let accounts = accounts
            .iter()
            .filter(|(_, body)| serde_json::from_str::<Account>(body).is_err())
            .map(|row| shape(row, false));
        let unreadable: Vec<_> = jobs.chain(accounts).collect();
        for entry in &unreadable {
            tracing::error!(entry.id, entry.is_job, "a job or sign-in cannot be read");
        }
        Ok(unreadable)
    }

    /// The card of one job.
    pub(super) fn card(&self, job_id: &str) -> Result<JobCard> {
        self.card_of(&job_id.into(), self.definition(job_id)?, true)
    }

    fn card_of(&self, id: &JobId, definition: JobDefinition, app_runs: bool) -> Result<JobCard> {
        let mut status = self.job_status(id)?;
        let mut last_run = self.readable_runs(Some(id), 0, 1)?.into_iter().next();
        if status.last_backup.is_none() {
            self.look_for_last_backup(id, &mut status)?;
        }
        let running = self.inner.runs.state_of(id);
        let unfinished = last_run
            .as_mut()
            .filter(|run| run.result == RunResult::Running);
        if let Some(run) = unfinished.filter(|_| !app_runs) {
            // Its app is gone, and the next one has not recorded that yet.
            run.result = RunResult::Interrupted;
            if run.operation == Operation::Backup {
                status.last_backup = Some(run.clone());
            }
        }
        // Perhaps in another process: the command line shows the app's jobs.
        let backs_up = last_run.as_ref().is_some_and(|run| {
            run.operation == Operation::Backup && run.result == RunResult::Running
        });
        let health = self.health(id, &definition, &status, backs_up)?;
        let state = match (running, &status.attention) {
            (Some(state), _) => state,
            (None, Some(error)) => JobState::NeedsAttention {
                error: error.clone(),
            },
            (None, None) => JobState::Idle,
        };
        Ok(JobCard {
            id: id.to_string(),
            state,
            health,
            destination_label: if status.label.is_empty() {
                destinations::label(&definition.destination, None)
            } else {
                status.label.clone()
            },
            last_run,
            // The schedule skips jobs that wait for the user.
            next_run: status
                .attention
                .is_none()
                .then(|| self.next_start(&definition, &status))
                .flatten()
                .map(|time| time.to_string()),
            versions: status.versions,
            stored_bytes: status.stored_bytes,
            quota: status.quota,
            definition,
        })
    }

    /// Fills in the last backup of jobs from versions that did not store it in the status.
    pub(super) fn look_for_last_backup(&self, id: &JobId, status: &mut JobStatus) -> Result<()> {
        let runs = self.readable_runs(Some(id), 0, LOOKED_THROUGH)?;
        let ended = runs.iter().find(|run| {
            run.operation == Operation::Backup
                && !matches!(run.result, RunResult::Running | RunResult::Stopped)
        });
        let good = runs.iter().find(|run| {
            run.operation == Operation::Backup
                && matches!(
                    run.result,
                    RunResult::Success | RunResult::Unchanged | RunResult::Warning
                )
        });
        status.last_backup = ended.cloned();
        status.last_good = good.and_then(|run| run.started.parse().ok());
        Ok(())
    }

    pub(super) fn definition(&self, job_id: &str) -> Result<JobDefinition> {
        let body = self.database(|database| database.job(job_id))?;
        let body = body.ok_or_else(|| wording::not_found("This backup"))?;
        serde_json::from_str(&body).map_err(|_| wording::not_found("This backup"))
    }

    pub(super) fn job_status(&self, job_id: &str) -> Result<JobStatus> {
        let state = self.database(|database| database.job_state(job_id))?;
        Ok(state.map_or_else(JobStatus::default, |text| JobStatus::read(&text)))
    }

    /// Changes the status of a job in one transaction and emits its card. `change` must not use the database.
    pub(super) fn update_status(
        &self,
        job_id: &str,
        change: impl FnOnce(&mut JobStatus),
    ) -> Result<()> {
        let mut stored = Ok(());
        self.database(|database| {
            database.change_job_state(job_id, |before| {
                let mut status = JobStatus::read(&before);
                change(&mut status);
                stored_text(&status).unwrap_or_else(|error| {
                    stored = Err(error);
                    before
                })
            })
        })?;
        stored?;
        self.emit_card(job_id);
        Ok(())
    }

    pub(super) fn emit_card(&self, job_id: &str) {
        self.emit_newest(|| {
            // If the first attempt found damage in the database, it is repaired by the second.
            let card = self.card(job_id).or_else(|_| self.card(job_id));
            let card = Box::new(card.ok()?);
            Some(Change::Job { card })
        });
    }
}
