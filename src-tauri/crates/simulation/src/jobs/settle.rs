//! The end of a history: everything is put right, and each job must come to a good backup by itself, or after the one step
//! that it names.

use coffer_ipc::job::{HealthLevel, WaitingFor};
use coffer_ipc::run::RunResult;
use coffer_ipc::{CommandError, ErrorCode};
use jiff::SignedDuration;

use super::computer::{Computer, PASSPHRASE, Step};
use super::event::Disk;
use super::runs::Start;
use super::surroundings::Cause;

/// Planned times within which a job comes to a good backup.
const PLANNED_TIMES: i64 = 3;
/// The longest rest that a service may ask for.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(24);

impl Computer {
    /// Puts everything right and sees whether everything resumes.
    pub(crate) async fn settle(&mut self, trace: &mut Vec<String>) -> Step<()> {
        self.surroundings.put_right();
        let begin = self.surroundings.time();
        let before = self.jobs.iter().filter_map(|job| job.view.last.as_ref());
        let before: Vec<String> = before.map(|run| run.id.clone()).collect();
        trace.push("all is put right".to_owned());
        let pause = self
            .jobs
            .iter()
            .map(|job| job.plan.interval() / 2 + 1)
            .min();
        let pause = SignedDuration::from_mins(pause.unwrap_or(1));
        for number in 0..self.jobs.len() {
            // What is new must be found.
            self.write(number, Disk::Home, 9, 77);
        }
        let mut waiting: Vec<usize> = (0..self.jobs.len()).collect();
        while let Some(slowest) = waiting.first().copied() {
            if let Some(step) = self.take_named_steps().await? {
                trace.push(step);
            }
            let words = self.wait_until(self.later(pause), &[]).await?;
            trace.push(format!("{}: {words}", self.surroundings.time()));
            self.judge()?;
            let mut left = Vec::new();
            for number in waiting {
                if !self.is_well(number, &before)? {
                    left.push(number);
                }
            }
            waiting = left;
            let span =
                SignedDuration::from_mins(self.jobs[slowest].plan.interval() * PLANNED_TIMES);
            if waiting.contains(&slowest) && self.surroundings.time() > begin + span + LONGEST_REST
            {
                let card = self.card(slowest)?;
                return Err(self.violation(
                    "a job is stuck",
                    format!(
                        "job {slowest} at {}: {:?}, next {:?}",
                        self.now(),
                        card.health,
                        card.next_run
                    ),
                ));
            }
        }
        for number in 0..self.jobs.len() {
            self.judge_backups(number).await?;
        }
        Ok(())
    }

    /// Whether a job has backed up after the runs `before`, and says so.
    fn is_well(&self, number: usize, before: &[String]) -> Step<bool> {
        let health = self.card(number)?.health;
        let Some(last) = health.last_backup else {
            return Ok(false);
        };
        let is_good = match last.result {
            RunResult::Success | RunResult::Unchanged => health.level == HealthLevel::Good,
            // Versions of the future are reported.
            RunResult::Warning => self.surroundings.causes().contains(&Cause::Clock),
            _ => false,
        };
        Ok(is_good && !before.contains(&last.id))
    }

    /// The owner does what the cards name, if anything: each step once.
    async fn take_named_steps(&mut self) -> Step<Option<String>> {
        for number in 0..self.jobs.len() {
            let card = self.card(number)?;
            let causes = self.surroundings.causes();
            match card.health.waiting_for {
                WaitingFor::SignIn => {
                    if !causes.contains(&Cause::SignIn) {
                        return Err(self.violation(
                            "a job asks for a sign-in that is good",
                            format!("job {number}: {:?}", card.health),
                        ));
                    }
                    return self.run(Start::SignIn, &[]).await;
                }
                WaitingFor::Passphrase => {
                    if !causes.contains(&Cause::Passphrase(number)) {
                        return Err(self.violation(
                            "a job asks for a passphrase that is there",
                            format!("job {number}: {:?}", card.health),
                        ));
                    }
                    let typed = self.type_passphrase(number).await;
                    // Nothing can be tried without a sign-in, and the answer says so: that comes first then.
                    let asks_for_sign_in = |error: &CommandError| {
                        error.code == ErrorCode::SignInRequired && causes.contains(&Cause::SignIn)
                    };
                    if typed.as_ref().is_err_and(asks_for_sign_in) {
                        return self.run(Start::SignIn, &[]).await;
                    }
                    typed.map_err(|error| {
                        let detail = format!("job {number}: {} {}", error.message, error.hint);
                        self.violation("a passphrase is refused", detail)
                    })?;
                    return Ok(Some(format!(
                        "somebody types the passphrase of job {number}"
                    )));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    pub(crate) async fn type_passphrase(&self, job: usize) -> Result<(), coffer_ipc::CommandError> {
        let id = &self.jobs[job].id;
        let mut repaired = self.coffer().repair_passphrase(id, PASSPHRASE).await;
        if repaired.is_err() && self.is_damaged {
            repaired = self.coffer().repair_passphrase(id, PASSPHRASE).await;
        }
        repaired.map(drop)
    }

    /// The newest version holds what the sources hold, and others hold what was reported.
    async fn judge_backups(&mut self, number: usize) -> Step<()> {
        let has_camera = self.card(number)?.definition.sources.len() > 1;
        let content = self.content(number, has_camera);
        let newest = self.restored(number, 0).await?;
        if newest != content {
            return Err(self.violation(
                "a good backup restores something else",
                format!(
                    "job {number}: {:?} instead of {:?}",
                    newest.keys(),
                    content.keys()
                ),
            ));
        }
        self.verify(number).await?;
        let mut missing = self.jobs[number].reported.clone();
        missing.retain(|tree| *tree != newest);
        let mut version = 1;
        while !missing.is_empty() {
            match self.restored(number, version).await {
                Ok(tree) => missing.retain(|missing| *missing != tree),
                Err(violation) => {
                    let detail = format!(
                        "job {number}: {} states are in none of {version} versions; {}",
                        missing.len(),
                        violation.detail
                    );
                    return Err(self.violation("what was reported is lost", detail));
                }
            }
            version += 1;
        }
        Ok(())
    }
}
