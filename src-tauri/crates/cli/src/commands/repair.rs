use clap::Args;
use coffer_engine::RepairStats;
use coffer_ipc::CommandError;
use coffer_jobs::operations::repair;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::{Common, DryRun};
use crate::options::destination::Destination;
use crate::output::{Display, fail, print_files, print_json};

#[derive(Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Repair {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let (common, dry_run) = (self.common, self.dry_run);
        let display = Display::new(common);
        let stats = match self.repair(&display, cancel).await {
            Ok(stats) => stats,
            Err(error) => return fail(error, common),
        };
        if common.json.is_set() {
            print_json(&stats);
        } else {
            show(&stats, dry_run.is_set());
        }
        match (stats.lost_files, stats.broken_files) {
            (0, 0) => display.exit(),
            (0, _) => Exit::Warnings,
            _ => Exit::Failed,
        }
    }

    async fn repair(
        self,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<RepairStats, CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let (mode, now) = (self.dry_run.mode(), Timestamp::now());
        repair(&target, mode, now, display.observer(), cancel).await
    }
}

fn show(stats: &RepairStats, dry_run: bool) {
    let would = if dry_run { "would be " } else { "" };
    print_files(&format!("{would}reindexed"), &stats.indexed);
    print_files(&format!("{would}deleted"), &stats.deleted);
    if stats.broken_files > 0 {
        println!(
            "{} files cannot be fully restored because their data is missing; `coffer list-broken-files` lists them, and \
             `coffer purge-broken-files` removes them from the versions",
            stats.broken_files
        );
    } else if stats.indexed.is_empty() && stats.deleted.is_empty() {
        println!("Nothing to repair.");
    }
}
