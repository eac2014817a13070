//! Runs while they go on, and their ends.

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

/// Runs that go on, and those whose end waits to be noted.
#[derive(Default)]
pub(super) struct Runs {
    active: Mutex<HashMap<RunId, ActiveRun>>,
    /// Ends that the database did not take yet.
    unnoted: Mutex<Vec<End>>,
    /// The app ends: nothing starts any more.
    closing: AtomicBool,
    /// A run ended, so that another may start.
    pub(super) ended: Notify,
}

impl Runs {
    /// Takes in a run once `note` has noted it, in one step: of two starts of a job at the same moment one is refused.
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

    /// Asks a run to stop because somebody wants it; says whether it was there.
    pub(super) fn stop_by_hand(&self, id: &RunId) -> bool {
        let active = lock(&self.active);
        let run = active.get(id);
        if let Some(run) = run {
            run.by_hand.store(true, Ordering::SeqCst);
            run.cancel.cancel();
        }
        run.is_some()
    }

    /// Lets nothing start any more and asks all to stop; each receiver turns true when its run has.
    pub(super) fn close(&self) -> Vec<watch::Receiver<bool>> {
        self.closing.store(true, Ordering::SeqCst);
        lock(&self.active).values().map(ActiveRun::stop).collect()
    }

    /// How a job stands of which something runs.
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

    /// Lines on which a backup runs.
    pub(super) fn busy_lanes(&self) -> HashSet<Lane> {
        lock(&self.active)
            .values()
            .filter_map(|run| run.lane)
            .collect()
    }

    /// Whether a backup of another job runs on this line.
    pub(super) fn has_other_on(&self, lane: Lane, job_id: &str) -> bool {
        let active = lock(&self.active);
        let mut others = active
            .values()
            .filter(|run| run.job_id.as_deref() != Some(job_id));
        others.any(|run| run.lane == Some(lane))
    }

    /// Keeps an end that the database did not take.
    pub(super) fn note_later(&self, end: End) {
        lock(&self.unnoted).push(end);
    }

    pub(super) fn take_unnoted(&self) -> Vec<End> {
        std::mem::take(&mut lock(&self.unnoted))
    }
}

/// A run that goes on.
pub(super) struct ActiveRun {
    pub(super) id: RunId,
    /// None for a restore without a job.
    pub(super) job_id: Option<JobId>,
    /// For a backup: what it shares with others.
    pub(super) lane: Option<Lane>,
    pub(super) cancel: CancellationToken,
    /// Whether somebody stopped it, and not the end of the app.
    pub(super) by_hand: Arc<AtomicBool>,
    pub(super) progress: Arc<Mutex<Progress>>,
    pub(super) done: watch::Receiver<bool>,
}

impl ActiveRun {
    /// How the job stands, when the run is of this job.
    fn state_of(&self, job_id: &str) -> Option<JobState> {
        (self.job_id.as_deref() == Some(job_id)).then(|| JobState::Running {
            run_id: self.id.clone().into(),
            progress: lock(&self.progress).clone(),
        })
    }

    /// Asks it to stop; the receiver turns true when it has.
    fn stop(&self) -> watch::Receiver<bool> {
        self.cancel.cancel();
        self.done.clone()
    }
}

/// How a run ended.
pub(super) struct End {
    /// None for a restore without a job.
    pub(super) job_id: Option<JobId>,
    pub(super) summary: RunSummary,
    pub(super) finished: Finished,
    pub(super) started: Timestamp,
}
