//! Use of the app's own database: damage is repaired when it is found, and reported.

use std::sync::atomic::Ordering;

use coffer_database::{AppDatabase, Mended};
use coffer_ipc::CommandError;
use coffer_ipc::event::Change;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Coffer;
use super::settings::stored_text;
use crate::{Result, lock, wording};

/// Setting that holds the last repair.
const LAST_REPAIR: &str = "database-repair";
/// How long a repair is reported: long enough for users who open the app once a week.
const REPORTED_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A repair as it is stored in the settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredRepair {
    at: Timestamp,
    may_lack_jobs: bool,
    lacks_history: bool,
    aside: String,
}

impl Coffer {
    /// Does `work` with the database. When the database turns out to be damaged, the app that owns it repairs it, so
    /// that the next call works; this one fails.
    pub(super) fn database<T>(
        &self,
        work: impl FnOnce(&AppDatabase) -> coffer_database::Result<T>,
    ) -> Result<T> {
        let mut database = lock(&self.inner.database);
        work(&database).map_err(|error| {
            let repairs = error.is_unusable()
                && self.inner.is_alone.load(Ordering::SeqCst)
                && lock(&self.inner.unrepaired).is_none();
            if repairs && self.repair_database(&mut database) {
                wording::database_just_repaired()
            } else {
                wording::database(&error)
            }
        })
    }

    /// Retries a repair that failed when the damage was found, for example because the disk was full.
    pub(super) fn retry_repair(&self) {
        if lock(&self.inner.unrepaired).is_some() {
            self.repair_database(&mut lock(&self.inner.database));
        }
    }

    /// Repairs the database and returns whether it is intact now.
    fn repair_database(&self, database: &mut AppDatabase) -> bool {
        let repair = database.mend();
        let problem = match &repair {
            Ok(repair) => {
                self.record_repair(database, repair);
                None
            }
            Err(error) => {
                tracing::error!(%error, "the app's own database is damaged and cannot be repair");
                Some(wording::database_not_repaired(error))
            }
        };
        *lock(&self.inner.unrepaired) = problem;
        self.inner.has_database_news.store(true, Ordering::SeqCst);
        repair.is_ok()
    }

    /// Stores a repair so that it can be reported.
    pub(super) fn record_repair(&self, database: &AppDatabase, repair: &Mended) {
        let repair = StoredRepair {
            at: self.now(),
            may_lack_jobs: repair.may_lack_jobs,
            lacks_history: repair.lacks_history,
            aside: repair.aside.display().to_string(),
        };
        tracing::error!(
            repair.may_lack_jobs,
            repair.lacks_history,
            repair.aside,
            "the app's own database was damaged, and is repair"
        );
        let Ok(text) = stored_text(&repair) else {
            return;
        };
        if let Err(error) = database.set_setting(LAST_REPAIR, &text) {
            tracing::error!(%error, "a repair could not be noted");
        }
    }

    /// The damage of the database, or a recent repair of it.
    pub(super) fn database_problem(&self) -> Option<CommandError> {
        let unrepaired = lock(&self.inner.unrepaired).clone();
        unrepaired.or_else(|| {
            let stored = self
                .database(|database| database.setting(LAST_REPAIR))
                .ok()??;
            let repair: StoredRepair = serde_json::from_str(&stored).ok()?;
            let passed = self.now().duration_since(repair.at);
            (passed < REPORTED_FOR).then(|| {
                wording::database_repaired(
                    repair.may_lack_jobs,
                    repair.lacks_history,
                    &repair.aside,
                )
            })
        })
    }

    /// Emits an event when the state of the database changed since the last one. The work that found it cannot do so
    /// itself, because it may be in the middle of emitting another event.
    pub(super) fn emit_database_problem(&self) {
        if self.inner.has_database_news.swap(false, Ordering::SeqCst) {
            let problem = self.database_problem();
            self.emit(Change::Database { problem });
            self.emit_all_cards();
        }
    }
}
