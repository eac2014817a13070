//! Commands that look into a backup: test, find, compare, list-broken-files.

use std::sync::{Arc, Mutex, PoisonError};

use coffer_ipc::CommandError;
use coffer_ipc::restore::EntryKind;
use coffer_jobs::inspection;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Common, Compare, Find, Plain, Test};
use crate::exit::Exit;
use crate::output::{Display, bytes, fail, print_json};

/// Lines of text go out as they come; one line of JSON holds all rows.
#[derive(Clone)]
struct Rows {
    json: bool,
    rows: Arc<Mutex<Vec<Value>>>,
}

impl Rows {
    fn new(json: bool) -> Self {
        let rows = Arc::default();
        Self { json, rows }
    }

    fn add(&self, row: impl FnOnce() -> Value, line: impl FnOnce() -> String) {
        if self.json {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.push(row());
        } else {
            println!("{}", line());
        }
    }

    fn finish(&self) {
        if self.json {
            print_json(&*self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn exit(outcome: Result<(), CommandError>, display: &Display, common: Common) -> Exit {
    match outcome {
        Ok(()) => display.exit(),
        Err(error) => fail(error, common),
    }
}

pub(crate) async fn test(arguments: Test, cancel: &CancellationToken) -> Exit {
    let display = Display::new(arguments.common);
    let verified = async {
        let target = arguments.destination.open_existing(cancel).await?;
        let observer = display.observer();
        let samples = arguments.samples.0;
        inspection::verify(&target, samples, Timestamp::now(), observer, cancel).await
    };
    let verified = match verified.await {
        Ok(verified) => verified,
        Err(error) => return fail(error, arguments.common),
    };
    if arguments.common.json {
        let faults = verified.faults.iter();
        let faults: Vec<_> = faults
            .map(|(volume, text)| json!({ "volume": volume, "text": text }))
            .collect();
        print_json(&json!({
            "listedVolumes": verified.listed_volumes,
            "examinedVolumes": verified.examined_volumes,
            "faults": faults,
        }));
    } else {
        println!(
            "{} volumes listed, {} read, {} not what they should be",
            verified.listed_volumes,
            verified.examined_volumes,
            verified.faults.len()
        );
        for (volume, text) in &verified.faults {
            println!("{volume}\t{text}");
        }
    }
    if verified.faults.is_empty() {
        display.exit()
    } else {
        Exit::Errors
    }
}

pub(crate) async fn find(arguments: Find, cancel: &CancellationToken) -> Exit {
    let rows = Rows::new(arguments.common.json);
    let sink = rows.clone();
    let display = Display::new(arguments.common);
    let found = async {
        let target = arguments.destination.open_existing(cancel).await?;
        let observer = display.observer();
        let versions = arguments.versions.numbers;
        inspection::find(
            &target,
            &arguments.patterns,
            versions,
            observer,
            cancel,
            move |version, entry| {
                let size = match entry.kind {
                    EntryKind::File => entry.size_bytes.to_string(),
                    EntryKind::Folder => "folder".to_owned(),
                    EntryKind::Symlink => "link".to_owned(),
                };
                let line = || {
                    let (number, time) = (version.number, &version.time);
                    format!("{number}\t{time}\t{size:>14}  {}", entry.path)
                };
                sink.add(|| json!({ "version": version, "entry": entry }), line);
            },
        )
        .await
    };
    let outcome = found.await;
    if outcome.is_ok() {
        rows.finish();
    }
    exit(outcome, &display, arguments.common)
}

pub(crate) async fn compare(arguments: Compare, cancel: &CancellationToken) -> Exit {
    let rows = Rows::new(arguments.common.json);
    let sink = rows.clone();
    let display = Display::new(arguments.common);
    let compared = async {
        let target = arguments.destination.open_existing(cancel).await?;
        let observer = display.observer();
        let versions = (arguments.base, arguments.to);
        inspection::compare(&target, versions, observer, cancel, move |difference| {
            let size = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), bytes);
            sink.add(
                || {
                    json!({
                        "path": difference.path,
                        "change": difference.change,
                        "oldSizeBytes": difference.old_size,
                        "newSizeBytes": difference.new_size,
                    })
                },
                || {
                    let (old, new) = (size(difference.old_size), size(difference.new_size));
                    format!(
                        "{:<10}  {}  ({old} → {new})",
                        difference.change, difference.path
                    )
                },
            );
        })
        .await
    };
    let outcome = compared.await;
    if outcome.is_ok() {
        rows.finish();
    }
    exit(outcome, &display, arguments.common)
}

pub(crate) async fn list_broken_files(arguments: Plain, cancel: &CancellationToken) -> Exit {
    let rows = Rows::new(arguments.common.json);
    let sink = rows.clone();
    let display = Display::new(arguments.common);
    let listed = async {
        let target = arguments.destination.open_existing(cancel).await?;
        let observer = display.observer();
        inspection::list_broken_files(&target, observer, cancel, move |version, file| {
            sink.add(
                || {
                    json!({
                        "version": version,
                        "path": file.path,
                        "sizeBytes": file.size,
                        "onlyMetadata": file.only_metadata,
                    })
                },
                || {
                    let what = if file.only_metadata {
                        "times and rights"
                    } else {
                        "content"
                    };
                    let (number, time) = (version.number, &version.time);
                    format!("{number}\t{time}\t{}\t{what}", file.path)
                },
            );
        })
        .await
    };
    let outcome = listed.await;
    if outcome.is_ok() {
        rows.finish();
    }
    exit(outcome, &display, arguments.common)
}
