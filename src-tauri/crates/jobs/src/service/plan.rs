//! When a job runs automatically: by its schedule, and again soon after a backup that did not finish.

use coffer_ipc::job::JobDefinition;
use jiff::Timestamp;

use super::Coffer;
use super::job_status::{JobStatus, parse, started_at};
use super::retry::LONGEST_RETRY;
use crate::Result;
use crate::schedule::{moved_back, next_run};

impl Coffer {
    /// When a job starts automatically next; in the past when it is overdue.
    pub(super) fn next_start(
        &self,
        definition: &JobDefinition,
        status: &JobStatus,
    ) -> Option<Timestamp> {
        let now = self.now();
        let latest = now.checked_add(LONGEST_RETRY).unwrap_or(now);
        // A later time was stored while the clock was ahead.
        if let Some(retry) = status.retry_at.filter(|retry| *retry <= latest) {
            return Some(retry);
        }
        let schedule = definition.schedule.as_ref()?;
        let last = started_at(status).map(|last| last.min(now));
        next_run(schedule, last, &self.inner.clock.zone())
    }

    /// Corrects times in the future, which were stored while the clock was wrong. The schedule continues from now
    /// instead.
    pub(super) fn correct_times(
        &self,
        job_id: &str,
        definition: JobDefinition,
    ) -> Result<(JobDefinition, JobStatus)> {
        let now = self.now();
        let status = self.job_status(job_id)?;
        let is_ahead = |time: &Option<String>| parse(time).is_some_and(|time| time > now);
        if !is_ahead(&status.last_start) && !is_ahead(&status.scheduled_since) {
            return Ok((definition, status));
        }
        tracing::warn!(
            job_id,
            "the clock was ahead when this job ran or was changed"
        );
        let definition = if is_ahead(&status.scheduled_since) {
            self.correct_first_run(job_id, definition)?
        } else {
            definition
        };
        self.update_status(job_id, |status| {
            let ahead = started_at(status).unwrap_or(now);
            for time in [&mut status.last_start, &mut status.scheduled_since] {
                if is_ahead(time) {
                    *time = Some(now.to_string());
                }
            }
            status.last_good = status.last_good.map(|time| time.min(now));
            status.retry_at = status.retry_at.map(|time| time.min(now));
            status.clock_note = Some(format!(
                "The clock of this computer was ahead: it said {ahead:.0} when this backup was last started or changed. Its \
                 schedule continues from today's date."
            ));
        })?;
        Ok((definition, self.job_status(job_id)?))
    }

    /// Moves back a first run that was chosen while the clock was wrong.
    fn correct_first_run(&self, job_id: &str, definition: JobDefinition) -> Result<JobDefinition> {
        let zone = self.inner.clock.zone();
        let schedule = definition.schedule.as_ref();
        let Some(schedule) = schedule.and_then(|old| moved_back(old, self.now(), &zone)) else {
            return Ok(definition);
        };
        let definition = JobDefinition {
            schedule: Some(schedule),
            ..definition
        };
        self.put_job(job_id, &definition)?;
        Ok(definition)
    }
}
