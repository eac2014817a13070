use clap::Args;
use coffer_engine::RecreateStats;
use coffer_ipc::CommandError;
use coffer_jobs::operations::recreate;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::output::{Display, fail, print_json};

#[derive(Args)]
pub(crate) struct Recreate {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
}

impl Recreate {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let display = Display::new(common);
        match self.recreate(&display, cancel).await {
            Ok(stats) => {
                if common.json.is_set() {
                    print_json(&stats);
                } else {
                    println!("{} version(s) in {} volumes", stats.versions, stats.volumes);
                }
                display.exit()
            }
            Err(error) => fail(error, common),
        }
    }

    async fn recreate(
        self,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<RecreateStats, CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        recreate(&target, display.observer(), cancel).await
    }
}
