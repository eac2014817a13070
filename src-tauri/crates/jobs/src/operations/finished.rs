use coffer_engine::Error as EngineError;
use coffer_ipc::account::Quota;
use coffer_ipc::run::{MissingSource, Permission, Restored, RunCounts, RunResult};
use coffer_ipc::{CommandError, ErrorCode};

use crate::wording;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// In one word.
    pub result: RunResult,
    /// In numbers.
    pub counts: RunCounts,
    /// In words, when it failed.
    pub error: Option<CommandError>,
    /// Versions and bytes at the destination, when the operation learned them.
    pub stored: Option<(u32, u64)>,
    /// Space of the destination.
    pub quota: Option<Quota>,
    /// Where a restore put things.
    pub restored: Option<Box<Restored>>,
    /// What a backup held back until a person allows it.
    pub held_back: Vec<Permission>,
    /// Sources that were not there.
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
