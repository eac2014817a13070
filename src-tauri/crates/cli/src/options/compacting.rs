use clap::Args;
use coffer_engine::{CompactOptions, CompactThresholds, Disposal};
use coffer_jobs::values::parse_size;
use jiff::Timestamp;

use super::common::DryRun;
use super::flag::Flag;

/// How large volumes are.
#[derive(Args, Clone, Copy)]
pub(crate) struct VolumeSize {
    /// Size of a volume (unit mb)
    #[arg(long, default_value = "50mb", value_parser = |text: &str| parse_size(text, "mb"))]
    pub(crate) dblock_size: u64,
}

/// When space is reclaimed.
#[derive(Args, Clone, Copy)]
pub(crate) struct Thresholds {
    /// Percentage of unneeded data at which volumes are rewritten
    #[arg(long, default_value_t = CompactThresholds::default().percent)]
    threshold: u64,
    /// Maximum size of a small volume (unit mb). Default: a fifth of --dblock-size
    #[arg(long, value_parser = |text: &str| parse_size(text, "mb"))]
    small_file_size: Option<u64>,
    /// Merge small volumes if there are more than this many
    #[arg(long, default_value_t = CompactThresholds::default().small_file_max_count)]
    small_file_max_count: u64,
}

impl Thresholds {
    fn thresholds(self) -> CompactThresholds {
        CompactThresholds {
            percent: self.threshold,
            small_file_size: self.small_file_size,
            small_file_max_count: self.small_file_max_count,
        }
    }
}

/// [`Thresholds`] for commands that compact afterwards.
#[derive(Args, Clone, Copy)]
pub(crate) struct AutoCompacting {
    #[command(flatten)]
    thresholds: Thresholds,
    /// Do not reclaim space used by unneeded data
    #[arg(long)]
    no_auto_compact: Flag,
}

impl AutoCompacting {
    /// `None` for never.
    pub(crate) fn thresholds(self) -> Option<CompactThresholds> {
        (!self.no_auto_compact.is_set()).then(|| self.thresholds.thresholds())
    }
}

/// How unneeded data is deleted.
#[derive(Args, Clone, Copy)]
pub(crate) struct Disposing {
    #[command(flatten)]
    volume_size: VolumeSize,
    /// Delete unneeded data immediately instead of a day later; use only if no other computer is backing up to this
    /// folder right now
    #[arg(long)]
    now: Flag,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}

impl Disposing {
    fn options(self, thresholds: CompactThresholds, now: Timestamp) -> CompactOptions {
        CompactOptions {
            thresholds,
            disposal: if self.now.is_set() {
                Disposal::Now
            } else {
                Disposal::AfterADay
            },
            mode: self.dry_run.mode(),
            ..CompactOptions::new(self.volume_size.dblock_size, now)
        }
    }

    /// For a command that compacts afterwards, unless that is disabled.
    pub(crate) fn options_after(
        self,
        compacting: AutoCompacting,
        now: Timestamp,
    ) -> Option<CompactOptions> {
        let thresholds = compacting.thresholds()?;
        Some(self.options(thresholds, now))
    }

    /// For the `compact` command.
    pub(crate) fn options_with(self, thresholds: Thresholds, now: Timestamp) -> CompactOptions {
        self.options(thresholds.thresholds(), now)
    }
}
