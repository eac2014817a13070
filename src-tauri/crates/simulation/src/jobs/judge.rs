//! What the app says of its jobs must be what happened to them.

use coffer_ipc::ErrorCode;
use coffer_ipc::job::{HealthLevel, JobCard, JobState, WaitingFor};
use coffer_ipc::run::RunResult;
use coffer_jobs::Coffer;
use jiff::Timestamp;

use super::computer::{Computer, Step};
use super::runs::is_good;
use super::surroundings::Cause;

/// Runs that a history may hold at most.
const MOST_RUNS: u32 = 500;

impl Computer {
    /// Checks everything that the app shows between two runs.
    pub(crate) fn judge(&mut self) -> Step<()> {
        let state = self.ask(Coffer::app_state);
        let state =
            state.map_err(|error| self.violation("the app shows nothing", error.message))?;
        if state.jobs.len() + state.unreadable.len() < self.jobs.len() {
            return Err(self.violation("a job is gone", format!("{} left", state.jobs.len())));
        }
        self.look_at_damage()?;
        for number in 0..self.jobs.len() {
            let id = &self.jobs[number].id;
            let Some(card) = state.jobs.iter().find(|card| card.id == *id) else {
                continue;
            };
            self.judge_card(number, card)?;
        }
        Ok(())
    }

    fn judge_card(&mut self, number: usize, card: &JobCard) -> Step<()> {
        let health = &card.health;
        let now = self.now();
        let shown = format!(
            "job {number} at {now}: {:?}, waits for {:?}, last {:?} of {:?}, good {:?}, problem {:?}",
            health.level,
            health.waiting_for,
            health.last_backup.as_ref().map(|run| run.result),
            health.last_backup.as_ref().map(|run| &run.started),
            health.last_good,
            health.problem.as_ref().map(|problem| &problem.message),
        );
        let view = &self.jobs[number].view;
        let wrong = |what: &str| {
            let last = view.last.as_ref();
            let known = format!(
                "; it was {:?} of {:?} ({:?}), good {:?}",
                last.map(|run| run.result),
                last.map(|run| &run.started),
                last.and_then(|run| run.error.as_ref())
                    .map(|error| error.code),
                view.last_good
            );
            Err(self.violation(what, shown.clone() + &known))
        };

        if health.level == HealthLevel::Running || matches!(card.state, JobState::Running { .. }) {
            return wrong("a job runs that does not");
        }
        let last = view.last.as_ref();
        if health.last_backup.as_ref().map(|run| &run.id) != last.map(|run| &run.id) {
            return wrong("another backup is shown as the last one");
        }
        let shown_good: Option<Timestamp> = health.last_good.as_ref().and_then(|t| t.parse().ok());
        let was_set_back = shown_good.is_some_and(|shown| view.set_back.contains(&shown));
        if shown_good != view.last_good && !was_set_back {
            return wrong("another backup is shown as the last good one");
        }
        let error = last.and_then(|run| run.error.as_ref());
        let result = last.map(|run| run.result);
        if health.level == HealthLevel::Good
            && !matches!(result, Some(RunResult::Success | RunResult::Unchanged))
        {
            return wrong("a job is good whose last backup was not");
        }
        if health.level == HealthLevel::New && result.is_some() {
            return wrong("a job is new that ran");
        }
        let causes = self.surroundings.causes();
        let is_asked_for = match health.waiting_for {
            WaitingFor::Nothing | WaitingFor::Turn => true,
            WaitingFor::SignIn => {
                causes.contains(&Cause::SignIn) || code_is(error, ErrorCode::SignInRequired)
            }
            WaitingFor::Passphrase => code_is(error, ErrorCode::WrongPassphrase),
            WaitingFor::Keychain => code_is(error, ErrorCode::Keychain),
            WaitingFor::Disk => code_is(error, ErrorCode::DiskAway),
            WaitingFor::Network => code_is(error, ErrorCode::Offline),
            WaitingFor::Quota => code_is(error, ErrorCode::Full),
            WaitingFor::Service => code_is(error, ErrorCode::Throttled),
        };
        if !is_asked_for {
            return wrong("a job asks for what is not its cause");
        }
        // A failure that is still there shows.
        let has_failed = result.is_some_and(|result| !is_good(result));
        if has_failed && health.level < HealthLevel::Waiting {
            return wrong("a job stands well whose last backup failed");
        }
        let is_bad_without_reason = health.level >= HealthLevel::Warning
            && !health.overdue
            && health.waiting_for == WaitingFor::Nothing
            && result
                .is_none_or(|result| matches!(result, RunResult::Success | RunResult::Unchanged));
        if is_bad_without_reason {
            return wrong("a job stands badly whose last backup was good");
        }
        let interval = self.jobs[number].plan.interval();
        if health.overdue
            && let Some(good) = shown_good
            && now.duration_since(good).as_secs() / 60 < 2 * interval
        {
            return wrong("a job is overdue that is not");
        }
        let runs = self.coffer().run_history(&card.id, 0, MOST_RUNS);
        if runs.is_ok_and(|runs| runs.len() >= MOST_RUNS as usize) {
            return wrong("a history grows without an end");
        }
        let view = &mut self.jobs[number].view;
        view.last_good = shown_good;
        view.set_back.clear();
        Ok(())
    }
}

fn code_is(error: Option<&coffer_ipc::CommandError>, code: ErrorCode) -> bool {
    error.is_some_and(|error| error.code == code)
}
