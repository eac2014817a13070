//! What the app says of its jobs must be what happened to them.

use coffer_ipc::ErrorCode;
use coffer_ipc::job::{Health, HealthLevel, JobCard, JobState, WaitingFor};
use coffer_ipc::run::RunResult;
use coffer_jobs::Coffer;
use jiff::Timestamp;

use super::computer::{Computer, Step, View};
use super::runs::is_good;
use super::surroundings::Cause;

/// Runs that a history may hold at most.
const MOST_RUNS: u32 = 500;

/// What is wrong, if anything is.
type Fault = Option<&'static str>;

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
        let view = &self.jobs[number].view;
        let wrong = judge_state(card)
            .or_else(|| judge_last(health, view))
            .or_else(|| judge_good_or_new(health, view))
            .or_else(|| self.judge_wait(health, view))
            .or_else(|| judge_level(health, view))
            .or_else(|| self.judge_overdue(number, health))
            .or_else(|| self.judge_history(card));
        if let Some(wrong) = wrong {
            let detail = format!("job {number} at {}: {}", self.now(), shown(health, view));
            return Err(self.violation(wrong, detail));
        }
        let view = &mut self.jobs[number].view;
        view.last_good = last_good(health);
        view.set_back.clear();
        Ok(())
    }

    /// Whether a job waits for what it does not need.
    fn judge_wait(&self, health: &Health, view: &View) -> Fault {
        let error = view.last.as_ref().and_then(|run| run.error.as_ref());
        let is_asked_for = match health.waiting_for {
            WaitingFor::Nothing | WaitingFor::Turn => true,
            WaitingFor::SignIn => {
                self.surroundings.causes().contains(&Cause::SignIn)
                    || code_is(error, ErrorCode::SignInRequired)
            }
            WaitingFor::Passphrase => code_is(error, ErrorCode::WrongPassphrase),
            WaitingFor::Keychain => code_is(error, ErrorCode::Keychain),
            WaitingFor::Disk => code_is(error, ErrorCode::DiskAway),
            WaitingFor::Network => code_is(error, ErrorCode::Offline),
            WaitingFor::Quota => code_is(error, ErrorCode::Full),
            WaitingFor::Service => code_is(error, ErrorCode::Throttled),
        };
        (!is_asked_for).then_some("a job asks for what is not its cause")
    }

    /// Whether a job is overdue too early.
    fn judge_overdue(&self, number: usize, health: &Health) -> Fault {
        let minutes = self.now().duration_since(last_good(health)?).as_secs() / 60;
        let is_early = minutes < 2 * self.jobs[number].plan.interval();
        (health.overdue && is_early).then_some("a job is overdue that is not")
    }

    /// Whether a job has more runs than it may.
    fn judge_history(&self, card: &JobCard) -> Fault {
        let runs = self.coffer().run_history(&card.id, 0, MOST_RUNS);
        let is_too_long = runs.is_ok_and(|runs| runs.len() >= MOST_RUNS as usize);
        is_too_long.then_some("a history grows without an end")
    }
}

/// Whether a job runs between two runs.
fn judge_state(card: &JobCard) -> Fault {
    let is_running =
        card.health.level == HealthLevel::Running || matches!(card.state, JobState::Running { .. });
    is_running.then_some("a job runs that does not")
}

/// Whether other backups are shown than there were.
fn judge_last(health: &Health, view: &View) -> Fault {
    let last = view.last.as_ref();
    if health.last_backup.as_ref().map(|run| &run.id) != last.map(|run| &run.id) {
        return Some("another backup is shown as the last one");
    }
    let good = last_good(health);
    let was_set_back = good.is_some_and(|good| view.set_back.contains(&good));
    let is_another = good != view.last_good && !was_set_back;
    is_another.then_some("another backup is shown as the last good one")
}

/// Whether a job stands well, or is new, without being so.
fn judge_good_or_new(health: &Health, view: &View) -> Fault {
    let result = view.last.as_ref().map(|run| run.result);
    match health.level {
        HealthLevel::Good if !result.is_some_and(is_full) => {
            Some("a job is good whose last backup was not")
        }
        HealthLevel::New if result.is_some() => Some("a job is new that ran"),
        _ => None,
    }
}

/// Whether a job stands better or worse than its last backup.
fn judge_level(health: &Health, view: &View) -> Fault {
    let result = view.last.as_ref().map(|run| run.result);
    // A failure that is still there shows.
    let has_failed = result.is_some_and(|result| !is_good(result));
    if has_failed && health.level < HealthLevel::Waiting {
        return Some("a job stands well whose last backup failed");
    }
    let is_bad_without_reason = health.level >= HealthLevel::Warning
        && !health.overdue
        && health.waiting_for == WaitingFor::Nothing
        && result.is_none_or(is_full);
    is_bad_without_reason.then_some("a job stands badly whose last backup was good")
}

/// Whether a backup left nothing out.
fn is_full(result: RunResult) -> bool {
    matches!(result, RunResult::Success | RunResult::Unchanged)
}

/// The last good backup that is shown.
fn last_good(health: &Health) -> Option<Timestamp> {
    health.last_good.as_ref().and_then(|time| time.parse().ok())
}

/// What is shown of a job, and what there was.
fn shown(health: &Health, view: &View) -> String {
    let last = view.last.as_ref();
    format!(
        "{:?}, waits for {:?}, last {:?} of {:?}, good {:?}, problem {:?}; \
         it was {:?} of {:?} ({:?}), good {:?}",
        health.level,
        health.waiting_for,
        health.last_backup.as_ref().map(|run| run.result),
        health.last_backup.as_ref().map(|run| &run.started),
        health.last_good,
        health.problem.as_ref().map(|problem| &problem.message),
        last.map(|run| run.result),
        last.map(|run| &run.started),
        last.and_then(|run| run.error.as_ref())
            .map(|error| error.code),
        view.last_good
    )
}

fn code_is(error: Option<&coffer_ipc::CommandError>, code: ErrorCode) -> bool {
    error.is_some_and(|error| error.code == code)
}
