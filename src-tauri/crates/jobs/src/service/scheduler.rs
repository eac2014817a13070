use std::time::Duration;

use coffer_ipc::ErrorCode;
use coffer_ipc::job::JobState;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use crate::Result;

/// How often the clock is looked at. A computer that wakes up is noticed by the next look.
const TICK: Duration = Duration::from_secs(20);

impl Coffer {
    /// Starts due jobs, and keeps sign-ins alive, until it is cancelled.
    pub async fn run_schedule(&self, cancel: &CancellationToken) {
        loop {
            if let Err(error) = self.start_due_jobs() {
                tracing::error!(message = error.message, "the schedule could not be read");
            }
            if let Err(error) = self.renew_sign_ins(cancel).await {
                tracing::error!(message = error.message, "the sign-ins could not be read");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Starts every job whose time has come, also one that was missed, and returns their ids.
    ///
    /// A job that waits for a sign-in, a passphrase or the keychain is left alone until somebody acted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn start_due_jobs(&self) -> Result<Vec<String>> {
        let now = self.now();
        let mut started = Vec::new();
        for card in self.job_cards()? {
            if card.state != JobState::Idle {
                continue;
            }
            let learnt = self.learnt(&card.id)?;
            let due = self
                .next_start(&card.definition, &learnt)
                .is_some_and(|time| time <= now);
            if !due {
                continue;
            }
            match self.start_backup(&card.id) {
                Ok(_) => started.push(card.id),
                Err(error) if error.code == ErrorCode::Busy => {}
                Err(error) => return Err(error),
            }
        }
        Ok(started)
    }
}
