use std::process::ExitCode;

use coffer_ipc::run::RunResult;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    Unchanged,
    Warnings,
    /// Volumes are not what they should be.
    Errors,
    Stopped,
    Failed,
    BadCommandLine,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Unchanged => 1,
            Exit::Warnings => 2,
            Exit::Errors => 3,
            Exit::Stopped => 50,
            Exit::Failed => 100,
            Exit::BadCommandLine => 200,
        })
    }
}

impl From<RunResult> for Exit {
    fn from(result: RunResult) -> Self {
        match result {
            RunResult::Success => Self::Success,
            RunResult::Unchanged => Self::Unchanged,
            RunResult::Warning => Self::Warnings,
            RunResult::Stopped => Self::Stopped,
            RunResult::Running | RunResult::Error | RunResult::Interrupted => Self::Failed,
        }
    }
}
