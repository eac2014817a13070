//! Whether sign-ins can be used: a lost one pauses its jobs, a renewed one resumes them, and one that was not used for
//! a long time is used to keep it valid.

use coffer_ipc::job::JobDefinition;
use coffer_ipc::{CommandError, ErrorCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Coffer;
use crate::destinations::account_of;
use crate::{Result, lock, wording};

/// Sign-ins end after 90 days without use; each is used at least this often.
const RENEWAL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Delay between two attempts to use a sign-in.
const NEXT_TRY: SignedDuration = SignedDuration::from_hours(1);

/// When a sign-in was used only to keep it valid, and when that was last attempted.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Renewal {
    done: Option<Timestamp>,
    tried: Option<Timestamp>,
}

impl Coffer {
    /// Records that Microsoft refused a sign-in: all its jobs wait instead of failing one by one.
    pub(super) fn sign_in_lost(&self, account_id: &str, error: &CommandError) -> Result<()> {
        let mut account = self.account(account_id)?;
        account.problem = Some(error.clone());
        self.put_account(&account)?;
        lock(&self.inner.clients).remove(account_id);
        for card in self.job_cards()? {
            if uses(&card.definition, account_id) && self.job_status(&card.id)?.attention.is_none()
            {
                self.update_status(&card.id, |status| status.attention = Some(error.clone()))?;
            }
        }
        Ok(())
    }

    /// Lets jobs run again that waited for a sign-in, and resumes at once the backups that it stopped.
    pub(super) fn resume_jobs_of(&self, account_id: &str) -> Result<()> {
        for card in self.job_cards()? {
            let status = self.job_status(&card.id)?;
            let waits = status
                .attention
                .is_some_and(|error| error.code == ErrorCode::SignInRequired);
            if !uses(&card.definition, account_id) || !waits {
                continue;
            }
            self.update_status(&card.id, |status| {
                status.attention = None;
                status.stopped_by_sign_in = false;
            })?;
            // A backup that cannot be started reports that itself and does not hold up others.
            if status.stopped_by_sign_in
                && let Err(error) = self.start_backup(&card.id)
            {
                tracing::warn!(message = error.message, "a backup could not be resumed");
            }
        }
        Ok(())
    }

    /// Uses every sign-in that was not used for 30 days. Called by the schedule.
    pub async fn renew_sign_ins(&self, cancel: &CancellationToken) -> Result<()> {
        for account in self.accounts()? {
            let renewal = self.renewal(&account.id)?;
            let now = self.now();
            // A time in the future was stored while the clock was wrong and is ignored.
            let passed = |since: Option<Timestamp>| {
                let since = since.filter(|since| *since <= now)?;
                Some(now.duration_since(since))
            };
            let is_due = passed(renewal.done).is_none_or(|time| time >= RENEWAL)
                && passed(renewal.tried).is_none_or(|time| time >= NEXT_TRY);
            if !is_due || account.problem.is_some() || account.demo != self.inner.environment.demo {
                continue;
            }
            let tried = Renewal {
                tried: Some(now),
                ..renewal
            };
            self.set_renewal(&account.id, &tried)?;
            let renewed = match self.client(&account.id).await {
                Ok(client) => client
                    .renew(cancel)
                    .await
                    .map_err(|error| wording::destination(&error)),
                Err(error) => Err(error),
            };
            match renewed {
                Ok(()) => self.sign_in_renewed(&account.id)?,
                Err(error) if error.code == ErrorCode::SignInRequired => {
                    self.sign_in_lost(&account.id, &error)?;
                }
                Err(error) => {
                    tracing::info!(message = error.message, "a sign-in could not be renewed");
                }
            }
        }
        Ok(())
    }

    pub(super) fn sign_in_renewed(&self, account_id: &str) -> Result<()> {
        let renewal = Renewal {
            done: Some(self.now()),
            tried: None,
        };
        self.set_renewal(account_id, &renewal)
    }

    fn renewal(&self, account_id: &str) -> Result<Renewal> {
        self.setting(&setting(account_id))
    }

    fn set_renewal(&self, account_id: &str, renewal: &Renewal) -> Result<()> {
        self.set_setting(&setting(account_id), renewal)
    }
}

fn setting(account_id: &str) -> String {
    format!("renewal:{account_id}")
}

fn uses(definition: &JobDefinition, account_id: &str) -> bool {
    account_of(&definition.destination) == Some(account_id)
}
