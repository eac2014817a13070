use coffer_ipc::account::Account;
use coffer_ipc::event::Change;
use coffer_ipc::job::{JobCard, JobDefinition, JobState, Unreadable};
use coffer_ipc::run::{Operation, RunResult};

use super::Coffer;
use super::ids::JobId;
use super::learned::Learned;
use super::settings::stored_text;
use crate::{Result, destinations, wording};

/// Runs that are looked through for the newest backup of a job from before that was noted.
pub(super) const LOOKED_THROUGH: u32 = 50;

impl Coffer {
    /// All jobs, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn job_cards(&self) -> Result<Vec<JobCard>> {
        self.cards(true)
    }

    /// The same while no app runs: what is noted as running was cut off with its app.
    ///
    /// # Errors
    /// Those of the database.
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

    /// Jobs and sign-ins that are kept here and cannot be read. They stay as they are.
    ///
    /// # Errors
    /// Those of the database.
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

    /// One job.
    pub(super) fn card(&self, job_id: &str) -> Result<JobCard> {
        self.card_of(&job_id.into(), self.definition(job_id)?, true)
    }

    fn card_of(&self, id: &JobId, definition: JobDefinition, app_runs: bool) -> Result<JobCard> {
        let mut learned = self.learned(id)?;
        let mut last_run = self.readable_runs(Some(id), 0, 1)?.into_iter().next();
        if learned.last_backup.is_none() {
            self.look_for_last_backup(id, &mut learned)?;
        }
        let running = self.inner.runs.state_of(id);
        let unfinished = last_run
            .as_mut()
            .filter(|run| run.result == RunResult::Running);
        if let Some(run) = unfinished.filter(|_| !app_runs) {
            // Its app is gone, and the next one has not noted that yet.
            run.result = RunResult::Interrupted;
            if run.operation == Operation::Backup {
                learned.last_backup = Some(run.clone());
            }
        }
        // Also in another process: the command line looks at the app's jobs.
        let backs_up = last_run.as_ref().is_some_and(|run| {
            run.operation == Operation::Backup && run.result == RunResult::Running
        });
        let health = self.health(id, &definition, &learned, backs_up)?;
        let state = match (running, &learned.attention) {
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
            destination_label: if learned.label.is_empty() {
                destinations::label(&definition.destination, None)
            } else {
                learned.label.clone()
            },
            last_run,
            // The schedule leaves one alone that waits for a person.
            next_run: learned
                .attention
                .is_none()
                .then(|| self.next_start(&definition, &learned))
                .flatten()
                .map(|time| time.to_string()),
            versions: learned.versions,
            stored_bytes: learned.stored_bytes,
            quota: learned.quota,
            definition,
        })
    }

    /// For jobs whose backups were made before they were noted.
    pub(super) fn look_for_last_backup(&self, id: &JobId, learned: &mut Learned) -> Result<()> {
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
        learned.last_backup = ended.cloned();
        learned.last_good = good.and_then(|run| run.started.parse().ok());
        Ok(())
    }

    pub(super) fn definition(&self, job_id: &str) -> Result<JobDefinition> {
        let body = self.database(|database| database.job(job_id))?;
        let body = body.ok_or_else(|| wording::not_found("This backup"))?;
        serde_json::from_str(&body).map_err(|_| wording::not_found("This backup"))
    }

    pub(super) fn learned(&self, job_id: &str) -> Result<Learned> {
        let state = self.database(|database| database.job_state(job_id))?;
        Ok(state.map_or_else(Learned::default, |text| Learned::read(&text)))
    }

    /// Changes what was learned, in one step, and tells the card. `change` must not use the database.
    pub(super) fn learn(&self, job_id: &str, change: impl FnOnce(&mut Learned)) -> Result<()> {
        let mut stored = Ok(());
        self.database(|database| {
            database.change_job_state(job_id, |before| {
                let mut learned = Learned::read(&before);
                change(&mut learned);
                stored_text(&learned).unwrap_or_else(|error| {
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
            // A look that met damage in the database finds it mended the second time.
            let card = self.card(job_id).or_else(|_| self.card(job_id));
            let card = Box::new(card.ok()?);
            Some(Change::Job { card })
        });
    }
}
