use clap::Args;
use coffer_engine::CompactStats;
use coffer_ipc::CommandError;
use coffer_jobs::operations::compact;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::compacting::{Disposing, Thresholds};
use crate::options::destination::Destination;
use crate::output::{Display, bytes, fail, print_files, print_json};

#[derive(Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    thresholds: Thresholds,
    #[command(flatten)]
    disposing: Disposing,
}

impl Compact {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let (common, dry_run) = (self.common, self.disposing.dry_run);
        let display = Display::new(common);
        match self.compact(&display, cancel).await {
            Ok(stats) => {
                if common.json.is_set() {
                    print_json(&stats);
                } else {
                    show(&stats, dry_run.is_set());
                }
                display.exit()
            }
            Err(error) => fail(error, common),
        }
    }

    async fn compact(
        self,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<CompactStats, CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let options = self
            .disposing
            .options_with(self.thresholds, Timestamp::now());
        compact(&target, options, display.observer(), cancel).await
    }
}

fn show(stats: &CompactStats, dry_run: bool) {
    let would = if dry_run { "would be " } else { "" };
    println!(
        "{} of {} are unneeded",
        bytes(stats.unused_bytes),
        bytes(stats.used_bytes + stats.unused_bytes)
    );
    print_files(&format!("{would}read"), &stats.downloaded);
    if dry_run && stats.moved_bytes > 0 {
        println!(
            "{} would be written into new volumes",
            bytes(stats.moved_bytes)
        );
    }
    print_files(&format!("{would}uploaded"), &stats.uploaded);
    print_files(&format!("{would}deleted"), &stats.deleted);
    print_files("unneeded", &stats.retired);
    if !stats.retired.is_empty() {
        println!("Unneeded data is deleted by a run tomorrow or later, or immediately with --now.");
    }
}
