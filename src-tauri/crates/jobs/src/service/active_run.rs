//! Active runs, and those whose end is not stored yet.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use coffer_ipc::job::JobState;
use coffer_ipc::run::{Progress, RunSummary};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::ids::{JobId, RunId};
use super::lane::Lane;
use crate::operations::Finished;
use crate::{Result, lock, wording};

/// Active runs, and ends that are still to be stored.
#[derive(Default)]
pub(super) struct Runs {
    active: Mutex<HashMap<RunId, ActiveRun>>,
    /// Ends that could not be stored in the database yet.
    unnoted: Mutex<Vec<End>>,
    /// The app is quitting: no run may start.
    closing: AtomicBool,
    /// Notified when a run has ended, so that another may start.
    pub(super) ended: Notify,
}

impl Runs {
    /// Adds a run after `note` has stored it, atomically: if a job is started twice at the same moment, one start is
    /// refused.
    pub(super) fn enter(&self, run: ActiveRun, note: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut active = lock(&self.active);
        if self.closing.load(Ordering::SeqCst) {
            return Err(wording::cancelled());
        }
        let job_id = run.job_id.as_ref();
        if job_id.is_some() && active.values().any(|other| other.job_id.as_ref() == job_id) {
            return Err(wording::running());
        }
        note()?;
        active.insert(run.id.clone(), run);
        Ok(())
    }

    pub(super) fn leave(&self, id: &RunId) {
        lock(&self.active).remove(id);
    }

    /// Asks a run to stop on behalf of the user; returns whether the run was active.
    pub(super) fn stop_by_hand(&self, id: &RunId) -> bool {
        let active = lock(&self.active);
        let run = active.get(id);
        if let Some(run) = run {
            run.by_hand.store(true, Ordering::SeqCst);
            run.cancel.cancel();
        }
        run.is_some()
    }

    /// Prevents further runs and asks all to stop; each receiver becomes true when its run has stopped.
    pub(super) fn close(&self) -> Vec<watch::Receiver<bool>> {
        self.closing.store(true, Ordering::SeqCst);
        lock(&self.active).values().map(ActiveRun::stop).collect()
    }

    /// The state of a job that has an active run.
    pub(super) fn state_of(&self, job_id: &str) -> Option<JobState> {
        let active = lock(&self.active);
        active.values().find_map(|run| run.state_of(job_id))
    }

    pub(super) fn progress_of(&self, id: &RunId) -> Option<Progress> {
        let active = lock(&self.active);
        active.get(id).map(|run| lock(&run.progress).clone())
    }

    pub(super) fn of_no_job(&self) -> Vec<RunId> {
        let active = lock(&self.active);
        let loose = active.values().filter(|run| run.job_id.is_none());
        loose.map(|run| run.id.clone()).collect()
    }

    /// Lanes on which a backup is running.
    pub(super) fn busy_lanes(&self) -> HashSet<Lane> {
        lock(&self.active)
            .values()
            .filter_map(|run| run.lane)
            .collect()
    }

    /// Whether a backup of another job is running on this lane.
    pub(super) fn has_other_on(&self, lane: Lane, job_id: &str) -> bool {
        let active = lock(&self.active);
        let mut others = active
            .values()
            .filter(|run| run.job_id.as_deref() != Some(job_id));
        others.any(|run| run.lane == Some(lane))
    }

    /// Keeps an end that could not be stored, for a later attempt.
    pub(super) fn note_later(&self, end: End) {
        lock(&self.unnoted).push(end);
    }

    pub(super) fn take_unnoted(&self) -> Vec<End> {
        std::mem::take(&mut lock(&self.unnoted))
    }
}

/// An active run.
pub(super) struct ActiveRun {
    pub(super) id: RunId,
    /// `None` for a restore without a job.
    pub(super) job_id: Option<JobId>,
    /// For a backup: the resource that it shares with others.
    pub(super) lane: Option<Lane>,
    pub(super) cancel: CancellationToken,
    /// Whether the user stopped it, rather than the app that quit.
    pub(super) by_hand: Arc<AtomicBool>,
    pub(super) progress: Arc<Mutex<Progress>>,
    pub(super) done: watch::Receiver<bool>,
}

impl ActiveRun {
    /// The state of the job, if the run belongs to it.
    fn state_of(&self, job_id: &str) -> Option<JobState> {
        (self.job_id.as_deref() == Some(job_id)).then(|| JobState::Running {
            run_id: self.id.clone().into(),
            progress: lock(&self.progress).clone(),
        })
    }

    /// Asks it to stop; the receiver becomes true when it has stopped.
    fn stop(&self) -> watch::Receiver<bool> {
        self.cancel.cancel();
        self.done.clone()
    }
}

/// The end of a run.
pub(super) struct End {
    /// `None` for a restore without a job.
    pub(super) job_id: Option<JobId>,
    pub(super) summary: RunSummary,
    pub(super) finished: Finished,
    pub(super) started: Timestamp,
}
