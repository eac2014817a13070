use std::time::Duration;

use coffer_ipc::ErrorCode;
use coffer_ipc::job::JobDefinition;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::job_status::JobStatus;
use super::lane::Lane;
use crate::Result;

/// How often due jobs are looked for. After the computer wakes up, the next check finds them.
const TICK: Duration = Duration::from_secs(20);

impl Coffer {
    /// Starts due jobs, and keeps sign-ins alive, until it is cancelled.
    pub async fn run_schedule(&self, cancel: &CancellationToken) {
        // Separately: a sign-in may wait for the network or a prompt of the keychain, and jobs must not wait for it.
        let both = async { tokio::join!(self.keep_starting(), self.keep_renewing(cancel)) };
        tokio::select! {
            () = cancel.cancelled() => {}
            _ = both => {}
        }
    }

    async fn keep_starting(&self) {
        loop {
            if let Err(error) = self.start_due_jobs() {
                tracing::error!(message = error.message, "the schedule could not be read");
            }
            self.emit_database_problem();
            self.emit_changed_health();
            tokio::select! {
                () = self.inner.runs.ended.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    async fn keep_renewing(&self, cancel: &CancellationToken) {
        loop {
            if let Err(error) = self.renew_sign_ins(cancel).await {
                tracing::error!(message = error.message, "the sign-ins could not be read");
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Starts due jobs, including missed ones, and returns their ids. On each lane only one runs at a time, the longest
    /// due first; the others wait until it is done.
    ///
    /// A job that waits for a sign-in or a passphrase is skipped until the user has acted. A job that cannot be started
    /// does not hold up others.
    ///
    /// # Errors
    /// When the jobs cannot be read.
    pub fn start_due_jobs(&self) -> Result<Vec<String>> {
        self.retry_repair();
        self.note_late();
        let now = self.now();
        let mut due = Vec::new();
        for (id, definition) in self.definitions()? {
            match self.correct_times(&id, definition) {
                Ok((definition, status)) => {
                    let time = self.next_start(&definition, &status);
                    if let Some(time) = time.filter(|time| *time <= now)
                        && status.attention.is_none()
                        && self.check_idle(&id).is_ok()
                    {
                        due.push((time, id, Lane::of(&definition)));
                    }
                }
                Err(error) => could_not_start(&id, &error.message),
            }
        }
        due.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));

        let mut busy = self.inner.runs.busy_lanes();
        let mut started = Vec::new();
        for (_, id, lane) in due {
            if busy.contains(&lane) {
                continue;
            }
            match self.start_backup(&id) {
                Ok(_) => {
                    busy.insert(lane);
                    started.push(id.into());
                }
                Err(error) if error.code == ErrorCode::Busy => {}
                Err(error) => could_not_start(&id, &error.message),
            }
        }
        Ok(started)
    }

    /// Whether a job is due and another backup is running on its lane.
    pub(super) fn waits_for_its_turn(
        &self,
        id: &str,
        definition: &JobDefinition,
        status: &JobStatus,
    ) -> bool {
        let now = self.now();
        let is_due = self
            .next_start(definition, status)
            .is_some_and(|time| time <= now);
        is_due && self.inner.runs.has_other_on(Lane::of(definition), id)
    }

    /// Emits the cards whose health changed only because time passed, or because of another job.
    fn emit_changed_health(&self) {
        let Ok(cards) = self.job_cards() else {
            return;
        };
        for card in cards {
            if self.inner.events.is_news(&card) {
                self.emit_card(&card.id);
            }
        }
    }
}

fn could_not_start(id: &str, message: &str) {
    tracing::error!(id, message, "a due job could not be started");
}
