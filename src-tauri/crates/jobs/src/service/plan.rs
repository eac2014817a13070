//! When a job runs by itself: by its schedule, and again soon after a backup that did not finish.

use coffer_ipc::job::JobDefinition;
use jiff::Timestamp;

use super::Coffer;
use super::learned::{Learned, parse, started_at};
use super::retry::LONGEST_RETRY;
use crate::Result;
use crate::schedule::{moved_back, next_run};

impl Coffer {
    /// When a job starts by itself next; in the past when it is overdue.
    pub(super) fn next_start(
        &self,
        definition: &JobDefinition,
        learned: &Learned,
    ) -> Option<Timestamp> {
        let now = self.now();
        let latest = now.checked_add(LONGEST_RETRY).unwrap_or(now);
        // One that lies further ahead was noted while the clock was.
        if let Some(retry) = learned.retry_at.filter(|retry| *retry <= latest) {
            return Some(retry);
        }
        let schedule = definition.schedule.as_ref()?;
        let last = started_at(learned).map(|last| last.min(now));
        next_run(schedule, last, &self.inner.clock.zone())
    }

    /// Times that lie ahead were noted while the clock was wrong. The plan goes on from now, instead of from then.
    pub(super) fn mend_times(
        &self,
        job_id: &str,
        definition: JobDefinition,
    ) -> Result<(JobDefinition, Learned)> {
        let now = self.now();
        let learned = self.learned(job_id)?;
        let is_ahead = |time: &Option<String>| parse(time).is_some_and(|time| time > now);
        if !is_ahead(&learned.last_start) && !is_ahead(&learned.scheduled_since) {
            return Ok((definition, learned));
        }
        tracing::warn!(
            job_id,
            "the clock was ahead when this job ran or was changed"
        );
        let definition = if is_ahead(&learned.scheduled_since) {
            self.mend_first_run(job_id, definition)?
        } else {
            definition
        };
        self.learn(job_id, |learned| {
            let ahead = started_at(learned).unwrap_or(now);
            for time in [&mut learned.last_start, &mut learned.scheduled_since] {
                if is_ahead(time) {
                    *time = Some(now.to_string());
                }
            }
            learned.last_good = learned.last_good.map(|time| time.min(now));
            learned.retry_at = learned.retry_at.map(|time| time.min(now));
            learned.clock_note = Some(format!(
                "The clock of this computer was ahead: it said {ahead:.0} when this backup was last started or changed. Its \
                 schedule continues from today's date."
            ));
        })?;
        Ok((definition, self.learned(job_id)?))
    }

    /// The first run was chosen by the calendar of a wrong clock.
    fn mend_first_run(&self, job_id: &str, definition: JobDefinition) -> Result<JobDefinition> {
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
