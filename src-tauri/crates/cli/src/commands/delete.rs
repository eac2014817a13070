use clap::Args;
use coffer_engine::{DeleteOptions, DeleteStats, FullRemoval, Victims};
use coffer_ipc::CommandError;
use coffer_jobs::operations::delete;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::compacting::{AutoCompacting, Disposing};
use crate::options::destination::Destination;
use crate::options::flag::Flag;
use crate::options::retention::Retention;
use crate::options::versions::Versions;
use crate::output::{Display, fail, print_json};

#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    versions: Versions,
    #[command(flatten)]
    retention: Retention,
    #[command(flatten)]
    compacting: AutoCompacting,
    #[command(flatten)]
    disposing: Disposing,
    /// Delete even the last version
    #[arg(long)]
    allow_full_removal: Flag,
}

impl Delete {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        if self.versions.is_given() == self.retention.is_given() {
            eprintln!(
                "error: specify what to delete: --version, --keep-versions, --keep-time or --retention-policy"
            );
            return Exit::BadCommandLine;
        }
        let (common, dry_run) = (self.common, self.disposing.dry_run);
        let display = Display::new(common);
        match self.delete(&display, cancel).await {
            Ok(stats) => {
                show(&stats, common, dry_run.is_set());
                display.exit()
            }
            Err(error) => fail(error, common),
        }
    }

    async fn delete(
        self,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<DeleteStats, CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let now = Timestamp::now();
        let options = DeleteOptions {
            victims: if self.retention.is_given() {
                Victims::Retention(self.retention.rule()?)
            } else {
                Victims::Numbers(self.versions.numbers())
            },
            full_removal: if self.allow_full_removal.is_set() {
                FullRemoval::Allow
            } else {
                FullRemoval::Refuse
            },
            compact: self.disposing.options_after(self.compacting, now),
            mode: self.disposing.dry_run.mode(),
            now,
        };
        delete(&target, options, display.observer(), cancel).await
    }
}

fn show(stats: &DeleteStats, common: Common, dry_run: bool) {
    if common.json.is_set() {
        print_json(&stats.versions);
    } else if dry_run {
        for file in stats.files() {
            println!("{}", file.name);
        }
    } else {
        for version in &stats.versions {
            println!("{}\t{}", version.number, version.time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Command;
    use crate::parsing::parsed;

    #[tokio::test]
    async fn exactly_one_way_to_select_versions_is_required() {
        for more in [&[][..], &["--version=1", "--keep-versions=2"]] {
            let line = [&["delete", "file:///b"][..], more].concat();
            let Ok(Command::Delete(delete)) = parsed(&line) else {
                panic!("{line:?}");
            };
            let exit = delete.run(&CancellationToken::new()).await;
            assert_eq!(exit, Exit::BadCommandLine, "{line:?}");
        }
    }
}
