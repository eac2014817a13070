//! Events: numbered in the order in which they are emitted, and repeated as a whole when some are lost.

use coffer_ipc::account::SignInOutcome;
use coffer_ipc::event::{Change, Event};
use coffer_ipc::run::RunSummary;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Coffer;
use super::ids::RunId;
use crate::lock;

/// Maximum number of ended sign-ins that are emitted again; a window may be waiting for one of them.
const ENDED_SIGN_INS: usize = 8;
/// Maximum number of ended restores without a job that are emitted again.
const ENDED_RESTORES: u32 = 8;

impl Coffer {
    /// Subscribes to all further changes.
    pub fn subscribe(&self) -> Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// Waits for the next event; `None` when there are no more. A listener that was too slow gets the whole state
    /// instead of the events that it lost.
    pub async fn next_event(&self, events: &mut Receiver<Event>) -> Option<Event> {
        loop {
            match events.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!(lost, "a listener was too slow for the events");
                    // Events that are still queued are older than the state that is emitted now, which they could push
                    // out.
                    *events = self.subscribe();
                    self.emit_all();
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Emits the current state of everything that events report.
    fn emit_all(&self) {
        self.emit_numbered(|seq| {
            // If the first attempt found damage in the database, it is repaired by the second.
            let state = self.state_at(seq).or_else(|_| self.state_at(seq)).ok()?;
            let state = Box::new(state);
            Some(Change::All { state })
        });
        let ended = lock(&self.inner.ended_sign_ins).clone();
        for (sign_in_id, outcome) in ended {
            self.emit(Change::SignIn {
                sign_in_id,
                outcome,
            });
        }
        for run_id in self.loose_restores() {
            self.emit_newest(|| self.loose_restore(&run_id));
        }
    }

    /// Restores without a job: the active ones and the last that ended.
    fn loose_restores(&self) -> Vec<RunId> {
        let noted = self
            .readable_runs(None, 0, ENDED_RESTORES)
            .unwrap_or_default();
        let mut ids: Vec<_> = noted.into_iter().map(|run| run.id.into()).collect();
        ids.extend(self.inner.runs.of_no_job());
        ids.sort();
        ids.dedup();
        ids
    }

    fn loose_restore(&self, run_id: &RunId) -> Option<Change> {
        let progress = self.inner.runs.progress_of(run_id);
        let summary = match progress {
            Some(_) => None,
            None => Some(Box::new(self.ended_run(run_id)?)),
        };
        Some(Change::Restore {
            run_id: run_id.to_string(),
            progress,
            summary,
        })
    }

    fn ended_run(&self, run_id: &str) -> Option<RunSummary> {
        let row = self.database(|database| database.run(run_id)).ok()??;
        let summary: RunSummary = serde_json::from_str(&row.body).ok()?;
        summary.finished.is_some().then_some(summary)
    }

    /// Emits the outcome of a sign-in, and keeps it for listeners that missed the event.
    pub(super) fn emit_sign_in(&self, sign_in_id: String, outcome: SignInOutcome) {
        let mut ended = lock(&self.inner.ended_sign_ins);
        if ended.len() == ENDED_SIGN_INS {
            ended.pop_front();
        }
        ended.push_back((sign_in_id.clone(), outcome.clone()));
        drop(ended);
        self.emit(Change::SignIn {
            sign_in_id,
            outcome,
        });
    }

    /// Emits every card again.
    pub(super) fn emit_all_cards(&self) {
        for card in self.job_cards().unwrap_or_default() {
            self.emit_card(&card.id);
        }
    }

    pub(super) fn emit(&self, change: Change) {
        self.emit_newest(|| Some(change));
    }

    /// Emits what `look` finds while no other event is emitted: of two events about the same thing, the later one
    /// always has the later state.
    pub(super) fn emit_newest(&self, look: impl FnOnce() -> Option<Change>) {
        self.emit_numbered(|_| look());
    }

    /// The same for a change that contains the number of its event.
    fn emit_numbered(&self, look: impl FnOnce(u64) -> Option<Change>) {
        self.inner.events.emit(look);
    }
}
