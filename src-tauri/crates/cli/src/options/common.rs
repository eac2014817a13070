use clap::Args;
use coffer_engine::Mode;

use super::flag::Flag;

/// How results are shown.
#[derive(Args, Clone, Copy)]
pub(crate) struct Common {
    /// Print the result as JSON on standard output
    #[arg(long)]
    pub(crate) json: Flag,
    /// Print plain lines instead of a progress bar
    #[arg(long)]
    pub(crate) no_progress: Flag,
}

/// Whether to make changes.
#[derive(Args, Clone, Copy)]
pub(crate) struct DryRun {
    /// Print what would be done without doing it
    #[arg(long)]
    dry_run: Flag,
}

impl DryRun {
    pub(crate) fn is_set(self) -> bool {
        self.dry_run.is_set()
    }

    pub(crate) fn mode(self) -> Mode {
        if self.is_set() { Mode::Plan } else { Mode::Run }
    }
}
