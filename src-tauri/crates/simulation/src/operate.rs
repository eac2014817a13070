//! Operations: the real engine at work for one client, to its end or to its death.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coffer_engine::filter::{Action, Filters};
use coffer_engine::{
    BackupOptions, CompactOptions, CompactThresholds, DeleteOptions, Existing, FullRemoval, Mode,
    Permissions, PurgeOptions, Purged, RestoreOptions, Retention, Samples, Selection, Store,
    TimeSpan, VerifyOptions, Victims, crash,
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::before::Before;
use crate::event::{Keep, Operation, Trouble, What};
use crate::judge::judge;
use crate::link::{Happen, Killed, Link};
use crate::outcome::{Outcome, Report};
use crate::sources::Sources;
use crate::world::World;

/// Bytes of a block, and of a volume: as few as the engine takes.
const BLOCK_SIZE: u64 = 1024;
const VOLUME_SIZE: u64 = 1 << 20;
/// No operation of this size takes longer unless it waits for itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets a client work, and judges what it did; `happen` is how other events happen meanwhile.
pub(crate) fn operate(
    world: &Arc<World>,
    client: usize,
    operation: &Operation,
    troubles: &[Trouble],
    happen: Happen,
) -> String {
    let Some(before) = Before::of(world, client, operation, troubles) else {
        return "is at work already".to_owned();
    };
    let link = Link::new(Arc::clone(world), client, troubles.to_vec(), happen);
    let link = Arc::new(link);
    let outcome = play(world, client, operation, &link);
    let words = outcome.words();
    judge(world, client, operation, before, &outcome);
    if let Outcome::Done(report) = outcome
        && let Some(target) = report.target
    {
        let _ = fs::remove_dir_all(target);
    }
    words
}

fn play(world: &Arc<World>, client: usize, operation: &Operation, link: &Arc<Link>) -> Outcome {
    let (cache, now, sources, starts_over) = {
        let mut state = world.state();
        let now = state.clock(client);
        let own = &mut state.clients[client];
        let starts_over = std::mem::take(&mut own.starts_over);
        (own.cache.clone(), now, own.sources.chosen(), starts_over)
    };
    let _installed = crash::install(cache.clone(), Arc::clone(link) as Arc<dyn crash::Hook>);
    let store = Store::new(
        Arc::clone(link) as Arc<dyn coffer_destination::Destination>,
        "duplicati",
        None,
        cache,
    )
    .expect("the prefix is right")
    .on_machine("simulated");
    let work = Work {
        store,
        sources,
        starts_over,
        now,
        target: world.path(&format!("restored{client}")),
        client,
        operation: operation.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("threads can be started");
    let ended = runtime.block_on(async {
        let working = tokio::task::spawn_blocking(move || work.run());
        tokio::time::timeout(PATIENCE, working).await
    });
    match ended {
        Err(_) => {
            // Its threads cannot be ended.
            runtime.shutdown_background();
            Outcome::Hangs
        }
        Ok(joined) => {
            // Waits for every thread of the operation.
            drop(runtime);
            match joined {
                Ok(Ok(report)) => Outcome::Done(report),
                Ok(Err(error)) => Outcome::Failed(error),
                Err(failure) => panicked(failure.into_panic()),
            }
        }
    }
}

fn panicked(payload: Box<dyn std::any::Any + Send>) -> Outcome {
    if payload.is::<Killed>() {
        return Outcome::Killed;
    }
    let text = payload.downcast_ref::<String>().cloned().or_else(|| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    });
    Outcome::Panicked(text.unwrap_or_default())
}

/// An operation with all it needs.
struct Work {
    store: Store,
    sources: Vec<PathBuf>,
    starts_over: bool,
    now: Timestamp,
    target: PathBuf,
    client: usize,
    operation: Operation,
}

impl Work {
    fn run(self) -> coffer_engine::Result<Report> {
        let cancel = &CancellationToken::new();
        match &self.operation {
            Operation::Backup {
                keep,
                compacts,
                what,
            } => self.backup(self.backup_options(*keep, *compacts, *what), cancel),
            Operation::Restore(number) => self.restore(usize::from(*number), cancel),
            Operation::Look => self.look(cancel),
            Operation::Verify => self.verify(cancel),
            Operation::Compact => self.compact(cancel),
            Operation::Delete(number) => self.delete(usize::from(*number), cancel),
            Operation::Purge(_) | Operation::PurgeBroken => self.purge(cancel),
            Operation::Repair => {
                let monitor = Arc::new(());
                coffer_engine::repair(&self.store, Mode::Run, self.now, monitor, cancel)?;
                Ok(Report::default())
            }
            Operation::Recreate => {
                coffer_engine::recreate(&self.store, Arc::new(()), cancel)?;
                Ok(Report::default())
            }
        }
    }

    fn backup(
        &self,
        options: BackupOptions,
        cancel: &CancellationToken,
    ) -> coffer_engine::Result<Report> {
        let stats = coffer_engine::backup(&self.store, options, Arc::new(()), cancel)?;
        Ok(Report {
            warnings: stats.warnings,
            version: stats.version,
            ..Report::default()
        })
    }

    fn restore(&self, version: usize, cancel: &CancellationToken) -> coffer_engine::Result<Report> {
        let options = RestoreOptions {
            version,
            selection: Selection::all(),
            target: Some(self.target.clone()),
            existing: Existing::Overwrite,
            permissions: Permissions::Leave,
        };
        let _ = fs::remove_dir_all(&self.target);
        let stats = coffer_engine::restore(&self.store, &options, Arc::new(()), cancel)?;
        Ok(Report {
            warnings: stats.warnings,
            failed_files: stats.failed_files,
            target: Some(self.target.clone()),
            ..Report::default()
        })
    }

    fn look(&self, cancel: &CancellationToken) -> coffer_engine::Result<Report> {
        let mut report = Report::default();
        coffer_engine::for_each_broken_file(&self.store, Arc::new(()), cancel, |_, _| {
            report.failed_files += 1;
            Ok(())
        })?;
        Ok(report)
    }

    fn verify(&self, cancel: &CancellationToken) -> coffer_engine::Result<Report> {
        let options = VerifyOptions {
            samples: Samples::All,
            now: self.now,
        };
        let stats = coffer_engine::verify(&self.store, &options, Arc::new(()), cancel)?;
        Ok(Report {
            warnings: stats.faults.len() as u64,
            ..Report::default()
        })
    }

    fn compact(&self, cancel: &CancellationToken) -> coffer_engine::Result<Report> {
        let options = self.compact_options();
        coffer_engine::compact(&self.store, &options, Arc::new(()), cancel)?;
        Ok(Report::default())
    }

    fn delete(&self, version: usize, cancel: &CancellationToken) -> coffer_engine::Result<Report> {
        let options = DeleteOptions {
            victims: Victims::Numbers(vec![version]),
            full_removal: FullRemoval::Refuse,
            compact: Some(self.compact_options()),
            mode: Mode::Run,
            now: self.now,
        };
        coffer_engine::delete(&self.store, &options, Arc::new(()), cancel)?;
        Ok(Report::default())
    }

    fn purge(&self, cancel: &CancellationToken) -> coffer_engine::Result<Report> {
        let options = PurgeOptions {
            purged: self.purged(),
            versions: Vec::new(),
            compact: Some(self.compact_options()),
            now: self.now,
            mode: Mode::Run,
        };
        coffer_engine::purge(&self.store, &options, Arc::new(()), cancel)?;
        Ok(Report::default())
    }

    fn purged(&self) -> Purged {
        let Operation::Purge(file) = &self.operation else {
            return Purged::Broken;
        };
        let rule = format!("*/c{}/{}", self.client, Sources::suffix(*file));
        let filters = Filters::new([(Action::Include, rule.as_str())]);
        Purged::Matching(filters.expect("the rule is right"))
    }

    fn backup_options(&self, keep: Keep, compacts: bool, what: What) -> BackupOptions {
        let mut options = BackupOptions::new(self.sources.clone(), self.now);
        match what {
            What::Sources => {}
            What::Mistyped => {
                for source in &mut options.sources {
                    source.as_mut_os_string().push(" mistyped");
                }
            }
            What::FilteredOut => {
                let filters = Filters::new([(Action::Exclude, "*")]);
                options.filters = filters.expect("the rule is right");
            }
        }
        options.allow_new_destination = self.starts_over;
        options.block_size = Some(BLOCK_SIZE);
        options.volume_size = VOLUME_SIZE;
        options.compression_level = Some(1);
        options.parallel_uploads = 1;
        options.test_samples = 0;
        options.compact = compacts.then(thresholds);
        options.retention = match keep {
            Keep::All => Retention::KeepAll,
            Keep::Versions(count) => Retention::KeepVersions(usize::from(count)),
            Keep::Days(days) => {
                let span: TimeSpan = format!("{days}D").parse().expect("this is a span");
                Retention::KeepTime(span.duration().into())
            }
        };
        options
    }

    fn compact_options(&self) -> CompactOptions {
        let mut options = CompactOptions::new(VOLUME_SIZE, self.now);
        options.thresholds = thresholds();
        options.compression_level = 1;
        options.parallel_uploads = 1;
        options
    }
}

/// Compacts whenever there is anything to do.
fn thresholds() -> CompactThresholds {
    CompactThresholds {
        percent: 5,
        small_file_size: None,
        small_file_max_count: 2,
    }
}
