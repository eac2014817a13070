//! A run while it goes on, and its end.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use coffer_ipc::job::JobState;
use coffer_ipc::run::{Progress, RunSummary};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ids::{JobId, RunId};
use super::lane::Lane;
use crate::lock;
use crate::operations::Finished;

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
    pub(super) fn state_of(&self, job_id: &str) -> Option<JobState> {
        (self.job_id.as_deref() == Some(job_id)).then(|| JobState::Running {
            run_id: self.id.clone().into(),
            progress: lock(&self.progress).clone(),
        })
    }

    /// Asks it to stop; the receiver turns true when it has.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
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
