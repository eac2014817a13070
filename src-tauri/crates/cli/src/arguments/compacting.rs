use clap::Args;
use coffer_jobs::maintenance::CompactSettings;
use coffer_jobs::values::parse_size;

use super::{Common, Destination, boolean};

/// When space is given back.
#[derive(Args)]
pub(crate) struct Compacting {
    /// Percent of waste from which volumes are worth rewriting.
    #[arg(long, default_value_t = 25)]
    threshold: u64,
    /// Volumes up to this size are small (unit mb). Default: a fifth of --dblock-size.
    #[arg(long, value_parser = |text: &str| parse_size(text, "mb"))]
    small_file_size: Option<u64>,
    /// Merges small volumes when there are more than this.
    #[arg(long, default_value_t = 20)]
    small_file_max_count: u64,
}

impl Compacting {
    pub(crate) fn settings(&self) -> CompactSettings {
        CompactSettings {
            threshold: self.threshold,
            small_file_size: self.small_file_size,
            small_file_max_count: self.small_file_max_count,
            at_once: false,
        }
    }
}

/// The same for commands that compact afterwards.
#[derive(Args)]
pub(crate) struct AutoCompacting {
    #[command(flatten)]
    compacting: Compacting,
    /// Leaves data that no version needs where it is.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    no_auto_compact: bool,
}

impl AutoCompacting {
    /// `None` for never.
    pub(crate) fn settings(&self) -> Option<CompactSettings> {
        (!self.no_auto_compact).then(|| self.compacting.settings())
    }
}

#[derive(Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) compacting: Compacting,
    /// Size of a volume (unit mb).
    #[arg(long, default_value = "50mb", value_parser = |text: &str| parse_size(text, "mb"))]
    pub(crate) dblock_size: u64,
    /// Deletes at once what no version needs, and not in a run a day from now. For when no other computer backs up into
    /// this folder right now.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) now: bool,
    /// Prints what would be done and does nothing.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) dry_run: bool,
}
