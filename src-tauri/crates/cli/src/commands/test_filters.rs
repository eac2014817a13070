use std::path::PathBuf;

use clap::Args;
use coffer_engine::BackupOptions;
use coffer_ipc::CommandError;
use coffer_jobs::Folders;
use coffer_jobs::operations::test_filters;
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::selecting::Selecting;
use crate::output::{Display, Rows, fail};

#[derive(Args)]
pub(crate) struct TestFilters {
    /// Files and folders to check
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    selecting: Selecting,
    #[command(flatten)]
    common: Common,
}

/// A path in the JSON output.
#[derive(Serialize)]
struct Row<'r> {
    path: &'r str,
    included: bool,
    reason: &'r str,
}

impl TestFilters {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let rows = Rows::new(common);
        match self.test(&rows, cancel).await {
            Ok(()) => {
                rows.finish();
                Exit::Success
            }
            Err(error) => fail(error, common),
        }
    }

    async fn test(self, rows: &Rows, cancel: &CancellationToken) -> Result<(), CommandError> {
        let options = BackupOptions {
            filters: self.selecting.filters()?,
            source: self.selecting.source()?,
            ..BackupOptions::new(self.sources, Timestamp::now())
        };
        let (folders, observer) = (Folders::standard(), Display::new(self.common).observer());
        let sink = rows.clone();
        test_filters(
            options,
            &folders,
            observer,
            cancel,
            move |decision, reason| {
                let (path, included) = (&decision.path, decision.is_stored);
                let row = || Row {
                    path,
                    included,
                    reason: &reason,
                };
                let verdict = if included { "Include" } else { "Exclude" };
                sink.add(row, || format!("{verdict}  {path}  ({reason})"));
            },
        )
        .await
    }
}
