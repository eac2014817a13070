//! How safe a job's files are. This is the only place with the rule.

use coffer_ipc::CommandError;
use coffer_ipc::job::{Health, HealthLevel, JobDefinition, WaitingFor};
use coffer_ipc::run::RunResult;
use jiff::{SignedDuration, Timestamp};

use super::Coffer;
use super::causes::{cause, needs_attention, waits};
use super::job_status::{JobStatus, started_at};
use crate::destinations::account_of;
use crate::schedule::next_run;
use crate::{Result, wording};

/// Number of planned times without a good backup after which a job is overdue.
const MISSES: usize = 3;
/// How long before the final expiration of a sign-in the user is notified.
const NOTICE: SignedDuration = SignedDuration::from_hours(15 * 24);

impl Coffer {
    /// The health of a job; `backs_up` while a backup of it is running.
    pub(super) fn health(
        &self,
        id: &str,
        definition: &JobDefinition,
        status: &JobStatus,
        backs_up: bool,
    ) -> Result<Health> {
        // A problem that needed the user is resolved once the job no longer waits for the user; the next backup
        // confirms it.
        let failed = status.last_backup.as_ref();
        let failed = failed.and_then(|run| run.error.as_ref());
        let is_resolved = status.attention.is_none() && failed.is_some_and(needs_attention);
        let failed = failed.filter(|_| !is_resolved).cloned();
        let problem = status.attention.clone().or(failed);
        // The user stopped the retry.
        let is_abandoned = status.attention.is_none()
            && status.retry_at.is_none()
            && problem.as_ref().is_some_and(waits);
        let cause = problem
            .as_ref()
            .filter(|_| !is_abandoned)
            .map(|error| cause(error.code));
        let mut health = Health {
            level: HealthLevel::Running,
            waiting_for: cause.unwrap_or(WaitingFor::Nothing),
            problem,
            last_backup: status.last_backup.clone(),
            last_good: status.last_good.map(|time| time.to_string()),
            overdue: self.is_overdue(definition, status),
        };
        if backs_up {
            return Ok(health);
        }
        health.level = match resting_level(&health) {
            HealthLevel::Bad if is_resolved => HealthLevel::Waiting,
            HealthLevel::Bad if is_abandoned => HealthLevel::Warning,
            level => level,
        };
        if health.level < HealthLevel::Waiting && self.waits_for_its_turn(id, definition, status) {
            health.waiting_for = WaitingFor::Turn;
            health.level = HealthLevel::Waiting;
        }
        if health.overdue {
            health.level = health.level.max(HealthLevel::Warning);
        }
        if health.level < HealthLevel::Warning
            && let Some(notice) = self.sign_in_notice(definition)?
        {
            health.level = HealthLevel::Warning;
            health.problem = Some(notice);
        }
        Ok(health)
    }

    /// Whether [`MISSES`] planned times have passed since the newest good backup, or since the schedule was set.
    fn is_overdue(&self, definition: &JobDefinition, status: &JobStatus) -> bool {
        let Some(schedule) = &definition.schedule else {
            return false;
        };
        let now = self.now();
        let since = status.last_good.or_else(|| {
            let set = status.scheduled_since.as_ref()?;
            set.parse().ok()
        });
        let Some(mut time) = since.or_else(|| started_at(status)) else {
            return false;
        };
        for _ in 0..MISSES {
            match next_run(schedule, Some(time), &self.inner.clock.zone()) {
                Some(next) if next < now => time = next,
                _ => return false,
            }
        }
        true
    }

    /// The notice that the job's sign-in cannot be renewed and expires soon.
    fn sign_in_notice(&self, definition: &JobDefinition) -> Result<Option<CommandError>> {
        let Some(account_id) = account_of(&definition.destination) else {
            return Ok(None);
        };
        let accounts = self.accounts()?;
        let account = accounts.iter().find(|account| account.id == account_id);
        let Some(ends) = account.and_then(|account| account.expires.as_ref()) else {
            return Ok(None);
        };
        let Ok(ends) = ends.parse::<Timestamp>() else {
            return Ok(None);
        };
        if ends.duration_since(self.now()) > NOTICE {
            return Ok(None);
        }
        let day = ends.to_zoned(self.inner.clock.zone()).date();
        Ok(Some(wording::sign_in_ends(day)))
    }
}

/// The health of a job without an active backup, from its newest backup and what the next one waits for.
fn resting_level(health: &Health) -> HealthLevel {
    match (health.waiting_for, &health.last_backup) {
        (WaitingFor::SignIn | WaitingFor::Passphrase | WaitingFor::Quota, _) => HealthLevel::Bad,
        (WaitingFor::Nothing, None) => HealthLevel::New,
        (WaitingFor::Nothing, Some(last)) => match last.result {
            RunResult::Success | RunResult::Unchanged => HealthLevel::Good,
            RunResult::Warning | RunResult::Interrupted => HealthLevel::Warning,
            RunResult::Error => HealthLevel::Bad,
            RunResult::Running | RunResult::Stopped => HealthLevel::New,
        },
        _ => HealthLevel::Waiting,
    }
}
