use clap::Args;
use coffer_engine::{PurgeOptions, PurgeStats, Purged};
use coffer_ipc::CommandError;
use coffer_ipc::job::FilterRule;
use coffer_jobs::operations::purge;
use coffer_jobs::options;
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::compacting::{AutoCompacting, Disposing};
use crate::options::destination::Destination;
use crate::options::rules::PurgeRules;
use crate::options::versions::Versions;
use crate::output::{Display, fail, print_files, print_json};

/// Arguments of all purges.
#[derive(Args)]
pub(super) struct Purging {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    versions: Versions,
    #[command(flatten)]
    compacting: AutoCompacting,
    #[command(flatten)]
    disposing: Disposing,
}

#[derive(Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    purging: Purging,
    /// Paths or wildcards for whole paths; the path of a folder matches only the folder itself
    paths: Vec<String>,
    #[command(flatten)]
    rules: PurgeRules,
}

impl Purge {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let mut rules = self.rules.0;
        rules.extend(self.paths.into_iter().map(|expression| FilterRule {
            include: true,
            expression,
        }));
        if rules.iter().all(|rule| !rule.include) {
            eprintln!("error: specify what to purge: paths, or --include");
            return Exit::BadCommandLine;
        }
        self.purging
            .run(|| options::filters(&rules).map(Purged::Matching), cancel)
            .await
    }
}

impl Purging {
    pub(super) async fn run(
        self,
        purged: impl FnOnce() -> Result<Purged, CommandError>,
        cancel: &CancellationToken,
    ) -> Exit {
        let (dry_run, common) = (self.disposing.dry_run, self.common);
        let display = Display::new(common);
        let stats = match self.purge(purged, &display, cancel).await {
            Ok(stats) => stats,
            Err(error) => return fail(error, common),
        };
        if common.json.is_set() {
            let deleted: Vec<_> = stats.files().collect();
            print_json(&json!({ "versions": stats.versions, "deleted": deleted }));
        } else {
            show(&stats, dry_run.is_set());
        }
        display.exit()
    }

    async fn purge(
        self,
        purged: impl FnOnce() -> Result<Purged, CommandError>,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<PurgeStats, CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let now = Timestamp::now();
        let options = PurgeOptions {
            purged: purged()?,
            versions: self.versions.numbers(),
            compact: self.disposing.options_after(self.compacting, now),
            now,
            mode: self.disposing.dry_run.mode(),
        };
        purge(&target, options, display.observer(), cancel).await
    }
}

fn show(stats: &PurgeStats, dry_run: bool) {
    let would = if dry_run { "would be " } else { "" };
    for purged in &stats.versions {
        let (number, time) = (purged.version.number, purged.version.time);
        println!("{number}\t{time} {would}rewritten as {}", purged.new_time);
        for path in &purged.removed {
            println!("\t{would}removed: {path}");
        }
        for path in &purged.without_metadata {
            println!("\t{would}kept without times and permissions: {path}");
        }
        let named = purged.removed.len() + purged.without_metadata.len();
        let all = purged.removed_files + purged.without_metadata_files;
        if all > named as u64 {
            println!("\tand {} more", all - named as u64);
        }
    }
    print_files(&format!("{would}deleted"), stats.files());
}
