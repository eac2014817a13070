use clap::Args;
use coffer_engine::Purged;
use tokio_util::sync::CancellationToken;

use super::purge::Purging;
use crate::exit::Exit;

#[derive(Args)]
pub(crate) struct PurgeBrokenFiles {
    #[command(flatten)]
    purging: Purging,
}

impl PurgeBrokenFiles {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        self.purging.run(|| Ok(Purged::Broken), cancel).await
    }
}
