//! The app's own database in use: damage is mended when it shows, and told.

use std::sync::atomic::Ordering;

use coffer_database::{AppDatabase, Mended};
use coffer_ipc::CommandError;
use coffer_ipc::event::Change;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Coffer;
use super::settings::stored_text;
use crate::{Result, lock, wording};

/// Setting with the last mending.
const MENDED: &str = "database-mended";
/// How long that is told: who looks once a week sees it.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A mending, as it is kept to be told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    at: Timestamp,
    may_lack_jobs: bool,
    lacks_history: bool,
    aside: String,
}

impl Coffer {
    /// Does `work` with the database. When that shows damage, the one app on it mends it, so that the next call finds it
    /// good; this one fails.
    pub(super) fn database<T>(
        &self,
        work: impl FnOnce(&AppDatabase) -> coffer_database::Result<T>,
    ) -> Result<T> {
        let mut database = lock(&self.inner.database);
        work(&database).map_err(|error| {
            let mends = error.is_unusable()
                && self.inner.is_alone.load(Ordering::SeqCst)
                && lock(&self.inner.unmended).is_none();
            if mends && self.mend(&mut database) {
                wording::database_just_mended()
            } else {
                wording::database(&error)
            }
        })
    }

    /// Tries again to mend what could not be mended when it showed, as on a disk that was full.
    pub(super) fn mend_late(&self) {
        if lock(&self.inner.unmended).is_some() {
            self.mend(&mut lock(&self.inner.database));
        }
    }

    /// Says whether it is good now.
    fn mend(&self, database: &mut AppDatabase) -> bool {
        let mended = database.mend();
        let problem = match &mended {
            Ok(mended) => {
                self.note_mended(database, mended);
                None
            }
            Err(error) => {
                tracing::error!(%error, "the app's own database is damaged and cannot be mended");
                Some(wording::database_not_mended(error))
            }
        };
        *lock(&self.inner.unmended) = problem;
        self.inner.tells_database.store(true, Ordering::SeqCst);
        mended.is_ok()
    }

    /// Keeps what is to be told of a mending.
    pub(super) fn note_mended(&self, database: &AppDatabase, mended: &Mended) {
        let told = Told {
            at: self.now(),
            may_lack_jobs: mended.may_lack_jobs,
            lacks_history: mended.lacks_history,
            aside: mended.aside.display().to_string(),
        };
        tracing::error!(
            told.may_lack_jobs,
            told.lacks_history,
            told.aside,
            "the app's own database was damaged, and is mended"
        );
        let Ok(text) = stored_text(&told) else {
            return;
        };
        if let Err(error) = database.set_setting(MENDED, &text) {
            tracing::error!(%error, "a mending could not be noted");
        }
    }

    /// What is wrong with the database, or was and is mended.
    pub(super) fn database_problem(&self) -> Option<CommandError> {
        let unmended = lock(&self.inner.unmended).clone();
        unmended.or_else(|| {
            let stored = self.database(|database| database.setting(MENDED)).ok()??;
            let told: Told = serde_json::from_str(&stored).ok()?;
            let passed = self.now().duration_since(told.at);
            (passed < TOLD_FOR).then(|| {
                wording::database_mended(told.may_lack_jobs, told.lacks_history, &told.aside)
            })
        })
    }

    /// Tells what was found out about the database since the last time. Apart from the work that found it: that may be in
    /// the midst of telling something else.
    pub(super) fn tell_database(&self) {
        if self.inner.tells_database.swap(false, Ordering::SeqCst) {
            let problem = self.database_problem();
            self.emit(Change::Database { problem });
            self.emit_all_cards();
        }
    }
}
