//! Commands that change what a backup holds without a new version: purge, purge-broken-files, repair, recreate.

use coffer_jobs::inspection::{self, PurgeResult, PurgeWhat, Repaired};
use coffer_jobs::maintenance::RemoteFile;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Plain, Purge, PurgeBroken, Purging, Repair};
use crate::exit::Exit;
use crate::output::{Display, fail, print_json};

pub(crate) async fn purge(arguments: Purge, cancel: &CancellationToken) -> Exit {
    let what = PurgeWhat::Matching(arguments.rules);
    run_purge(what, arguments.purging, cancel).await
}

pub(crate) async fn purge_broken(arguments: PurgeBroken, cancel: &CancellationToken) -> Exit {
    run_purge(PurgeWhat::Broken, arguments.purging, cancel).await
}

async fn run_purge(what: PurgeWhat, purging: Purging, cancel: &CancellationToken) -> Exit {
    let (dry_run, common) = (purging.dry_run, purging.common);
    let display = Display::new(common);
    let purged = async {
        let target = purging.destination.open_existing(cancel).await?;
        let observer = display.observer();
        inspection::purge(
            &target,
            what,
            purging.versions.numbers,
            purging.compacting.settings().map(|mut settings| {
                settings.at_once = purging.now;
                settings
            }),
            purging.dblock_size,
            dry_run,
            Timestamp::now(),
            observer,
            cancel,
        )
        .await
    };
    match purged.await {
        Ok(purged) if common.json => {
            print_json(&purge_as_json(&purged));
            display.exit()
        }
        Ok(purged) => {
            print_purge(&purged, dry_run);
            display.exit()
        }
        Err(error) => fail(error, common),
    }
}

fn print_purge(purged: &PurgeResult, dry_run: bool) {
    let would = if dry_run { "would be " } else { "" };
    for version in &purged.versions {
        let (number, time) = (version.version.number, &version.version.time);
        println!(
            "{number}\t{time} {would}written anew as {}",
            version.new_time
        );
        for path in &version.removed {
            println!("\t{would}taken out: {path}");
        }
        for path in &version.without_metadata {
            println!("\t{would}kept without times and rights: {path}");
        }
        let named = version.removed.len() + version.without_metadata.len();
        let all = version.removed_files + version.without_metadata_files;
        if all > named as u64 {
            println!("\tand {} more", all - named as u64);
        }
    }
    print_files(&format!("{would}deleted"), &purged.deleted);
}

fn print_files(verb: &str, files: &[RemoteFile]) {
    for file in files {
        println!("{verb}\t{}\t{}", file.name, file.size);
    }
}

fn files_as_json(files: &[RemoteFile]) -> Vec<Value> {
    let rows = files.iter();
    rows.map(|file| json!({ "name": file.name, "sizeBytes": file.size }))
        .collect()
}

fn purge_as_json(purged: &PurgeResult) -> Value {
    let versions: Vec<_> = purged
        .versions
        .iter()
        .map(|version| {
            json!({
                "version": version.version,
                "newTime": version.new_time,
                "removedFiles": version.removed_files,
                "withoutMetadataFiles": version.without_metadata_files,
                "removed": version.removed,
                "withoutMetadata": version.without_metadata,
            })
        })
        .collect();
    json!({ "versions": versions, "deleted": files_as_json(&purged.deleted) })
}

pub(crate) async fn repair(arguments: Repair, cancel: &CancellationToken) -> Exit {
    let Repair { plain, dry_run } = arguments;
    let display = Display::new(plain.common);
    let repaired = async {
        let target = plain.destination.open_existing(cancel).await?;
        let observer = display.observer();
        inspection::repair(&target, dry_run, Timestamp::now(), observer, cancel).await
    };
    match repaired.await {
        Ok(repaired) => {
            if plain.common.json {
                print_json(&json!({
                    "indexed": files_as_json(&repaired.indexed),
                    "deleted": files_as_json(&repaired.deleted),
                    "brokenFiles": repaired.broken_files,
                    "lostFiles": repaired.lost_files,
                }));
            } else {
                print_repair(&repaired, dry_run);
            }
            match (repaired.lost_files, repaired.broken_files) {
                (0, 0) => display.exit(),
                (0, _) => Exit::Warnings,
                _ => Exit::Failed,
            }
        }
        Err(error) => fail(error, plain.common),
    }
}

fn print_repair(repaired: &Repaired, dry_run: bool) {
    let would = if dry_run { "would be " } else { "" };
    print_files(&format!("{would}described anew"), &repaired.indexed);
    print_files(&format!("{would}deleted"), &repaired.deleted);
    if repaired.broken_files > 0 {
        println!(
            "{} entries of versions lack data that is nowhere; `coffer list-broken-files` names them, and \
             `coffer purge-broken-files` takes them out",
            repaired.broken_files
        );
    } else if repaired.indexed.is_empty() && repaired.deleted.is_empty() {
        println!("Nothing to repair.");
    }
}

pub(crate) async fn recreate(arguments: Plain, cancel: &CancellationToken) -> Exit {
    let display = Display::new(arguments.common);
    let recreated = async {
        let target = arguments.destination.open_existing(cancel).await?;
        let observer = display.observer();
        inspection::recreate(&target, observer, cancel).await
    };
    match recreated.await {
        Ok((versions, volumes)) => {
            if arguments.common.json {
                print_json(&json!({ "versions": versions, "volumes": volumes }));
            } else {
                println!("{versions} version(s) in {volumes} volumes");
            }
            display.exit()
        }
        Err(error) => fail(error, arguments.common),
    }
}
