use clap::Args;
use coffer_ipc::CommandError;
use coffer_ipc::restore::Entry;
use coffer_jobs::operations::{for_each_entry, versions};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::options::versions::OneVersion;
use crate::output::{Display, Rows, fail, is_lost, print_json, size_words};

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    destination: Destination,
    /// List files whose path contains this text, instead of versions
    pattern: Option<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    version: OneVersion,
}

impl List {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let display = Display::quiet(common);
        match self.list(&display, cancel).await {
            Ok(()) => display.exit(),
            Err(error) => fail(error, common),
        }
    }

    async fn list(self, display: &Display, cancel: &CancellationToken) -> Result<(), CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let observer = display.quiet_observer();
        let number = self.version.version;
        if number.is_none() && self.pattern.is_none() {
            let versions = versions(&target, observer, cancel).await?;
            if self.common.json.is_set() {
                print_json(&versions);
            } else {
                for version in versions {
                    println!("{}\t{}", version.number, version.time);
                }
            }
            return Ok(());
        }
        let wanted = self.pattern.unwrap_or_default().to_lowercase();
        let rows = Rows::new(self.common);
        let sink = rows.clone();
        let take = move |entry: Entry| {
            if entry.path.to_lowercase().contains(&wanted) {
                let line = || format!("{:>14}  {}", size_words(&entry), entry.path);
                sink.add(|| &entry, line);
            }
            !is_lost()
        };
        for_each_entry(&target, None, number.unwrap_or(0), observer, cancel, take).await?;
        rows.finish();
        Ok(())
    }
}
