use coffer_engine::Error as EngineError;
use coffer_ipc::account::Quota;
use coffer_ipc::run::{MissingSource, Permission, Restored, RunCounts, RunResult};
use coffer_ipc::{CommandError, ErrorCode};

use crate::wording;

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The kind of outcome.
    pub result: RunResult,
    /// Counts of files, bytes and volumes.
    pub counts: RunCounts,
    /// The error, if the run failed.
    pub error: Option<CommandError>,
    /// Number of versions and bytes at the destination, if the operation determined them.
    pub stored: Option<(u32, u64)>,
    /// Space of the destination.
    pub quota: Option<Quota>,
    /// Where a restore wrote files.
    pub restored: Option<Box<Restored>>,
    /// What a backup held back until the user allows it.
    pub held_back: Vec<Permission>,
    /// Sources that did not exist.
    pub missing: Vec<MissingSource>,
}

impl Finished {
    pub(crate) fn new(result: RunResult, counts: RunCounts) -> Self {
        Self {
            result,
            counts,
            error: None,
            stored: None,
            quota: None,
            restored: None,
            held_back: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub(crate) fn failed(error: CommandError, counts: RunCounts) -> Self {
        let result = if error.code == ErrorCode::Cancelled {
            RunResult::Stopped
        } else {
            RunResult::Error
        };
        Self {
            error: Some(error),
            ..Self::new(result, counts)
        }
    }

    pub(super) fn failed_in_engine(error: &EngineError, counts: RunCounts) -> Self {
        Self::failed(wording::engine(error), counts)
    }
}
