use clap::Args;
use coffer_engine::Lost;
use coffer_ipc::CommandError;
use coffer_jobs::operations::list_broken_files;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::output::{Display, Rows};

#[derive(Args)]
pub(crate) struct ListBrokenFiles {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
}

impl ListBrokenFiles {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let display = Display::new(common);
        let rows = Rows::new(common);
        let listed = self.list(&rows, &display, cancel).await;
        rows.end(listed, &display, common)
    }

    async fn list(
        self,
        rows: &Rows,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<(), CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let observer = display.observer();
        let sink = rows.clone();
        list_broken_files(&target, observer, cancel, move |version, file| {
            let row = || {
                json!({
                    "version": version,
                    "path": file.path,
                    "sizeBytes": file.size,
                    "onlyMetadata": file.lost == Lost::Metadata,
                })
            };
            let what = match file.lost {
                Lost::Content => "content",
                Lost::Metadata => "times and permissions",
            };
            let (number, time) = (version.number, &version.time);
            sink.add(row, || format!("{number}\t{time}\t{}\t{what}", file.path));
        })
        .await
    }
}
