use clap::Args;
use coffer_engine::Selection;
use coffer_ipc::CommandError;
use coffer_jobs::operations::find;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::options::versions::Versions;
use crate::output::{Display, Rows, size_words};

#[derive(Args)]
pub(crate) struct Find {
    #[command(flatten)]
    destination: Destination,
    /// Paths, names or wildcards to find. Default: everything
    patterns: Vec<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    versions: Versions,
}

impl Find {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let display = Display::new(common);
        let rows = Rows::new(common);
        let found = self.find(&rows, &display, cancel).await;
        rows.end(found, &display, common)
    }

    async fn find(
        self,
        rows: &Rows,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<(), CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let selection = Selection::arguments(&self.patterns);
        let (versions, observer) = (self.versions.numbers(), display.observer());
        let sink = rows.clone();
        find(
            &target,
            selection,
            versions,
            observer,
            cancel,
            move |version, entry| {
                let line = || {
                    let (number, time) = (version.number, &version.time);
                    format!(
                        "{number}\t{time}\t{:>14}  {}",
                        size_words(&entry),
                        entry.path
                    )
                };
                sink.add(|| json!({ "version": version, "entry": entry }), line);
            },
        )
        .await
    }
}
