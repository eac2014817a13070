/// What was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyStats {
    /// Volumes whose presence and length were compared.
    pub listed_volumes: u64,
    /// Volumes that were read.
    pub examined_volumes: u64,
    /// What is not as it should be, each reported to the monitor as well.
    pub faults: Vec<Fault>,
}

/// A volume that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its remote name.
    pub volume: String,
    /// What is wrong.
    pub kind: FaultKind,
}

pub(super) fn note(session: &Session, stats: &mut VerifyStats, volume: String, kind: FaultKind) {
    if stats.faults.iter().any(|fault| fault.volume == volume) {
        return;
    }
    session.monitor().problem(Problem {
        subject: volume.clone(),
        kind: ProblemKind::Faulty(kind.clone()),
    });
    stats.faults.push(Fault { volume, kind });
}

use crate::monitor::{FaultKind, Problem, ProblemKind};
use crate::repository::session::Session;
