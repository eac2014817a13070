use std::process::ExitCode;

use coffer_ipc::run::RunResult;

/// Exit codes of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    Unchanged,
    Warnings,
    /// Damaged volumes were found.
    Errors,
    Stopped,
    Failed,
    BadCommandLine,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unchanged => 1,
            Self::Warnings => 2,
            Self::Errors => 3,
            Self::Stopped => 50,
            Self::Failed => 100,
            Self::BadCommandLine => 200,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
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
