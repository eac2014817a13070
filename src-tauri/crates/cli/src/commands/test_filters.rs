use std::sync::{Arc, Mutex, PoisonError};

use coffer_jobs::Folders;
use coffer_jobs::selecting::{self, Explained};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::arguments::TestFilters;
use crate::exit::Exit;
use crate::output::{Display, fail, print_json};

/// A path as `--json` prints it.
#[derive(Serialize)]
struct Row {
    path: String,
    included: bool,
    reason: String,
}

pub(crate) async fn run(arguments: TestFilters, cancel: &CancellationToken) -> Exit {
    let json = arguments.common.json;
    // One line of JSON holds all paths; lines of text go out as they come.
    let rows = Arc::new(Mutex::new(Vec::new()));
    let found = Arc::clone(&rows);
    let sink = move |explained: Explained| {
        if json {
            let Explained {
                path,
                included,
                reason,
            } = explained;
            let mut rows = found.lock().unwrap_or_else(PoisonError::into_inner);
            rows.push(Row {
                path,
                included,
                reason,
            });
        } else {
            let verdict = if explained.included {
                "Include"
            } else {
                "Exclude"
            };
            println!("{verdict}  {}  ({})", explained.path, explained.reason);
        }
    };
    let (rules, settings) = (&arguments.selecting.filters, arguments.selecting.settings());
    let (observer, folders) = (
        Display::new(arguments.common).observer(),
        Folders::standard(),
    );
    let explained = selecting::test_filters(
        arguments.sources,
        rules,
        &settings,
        &folders,
        observer,
        cancel,
        sink,
    );
    match explained.await {
        Ok(()) => {
            if json {
                print_json(&*rows.lock().unwrap_or_else(PoisonError::into_inner));
            }
            Exit::Success
        }
        Err(error) => fail(error, arguments.common),
    }
}
