use clap::Args;
use coffer_engine::Change;
use coffer_ipc::CommandError;
use coffer_jobs::operations::compare;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::output::{Display, Rows, bytes};

#[derive(Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    destination: Destination,
    /// Number of the older version
    #[arg(default_value_t = 1)]
    base: usize,
    /// Number of the newer version
    #[arg(default_value_t = 0)]
    to: usize,
    #[command(flatten)]
    common: Common,
}

impl Compare {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let display = Display::new(common);
        let rows = Rows::new(common);
        let compared = self.compare(&rows, &display, cancel).await;
        rows.end(compared, &display, common)
    }

    async fn compare(
        self,
        rows: &Rows,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<(), CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let observer = display.observer();
        let sink = rows.clone();
        compare(
            &target,
            (self.base, self.to),
            observer,
            cancel,
            move |difference| {
                let change = word(difference.change);
                let row = || {
                    json!({
                        "path": difference.path,
                        "change": change,
                        "oldSizeBytes": difference.old_size,
                        "newSizeBytes": difference.new_size,
                    })
                };
                let size = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), bytes);
                let (old, new) = (size(difference.old_size), size(difference.new_size));
                let path = &difference.path;
                sink.add(row, || format!("{change:<10}  {path}  ({old} → {new})"));
            },
        )
        .await
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Deleted => "deleted",
        Change::Content => "changed",
        Change::Metadata => "attributes",
    }
}
