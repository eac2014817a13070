use std::path::PathBuf;

use clap::Args;
use coffer_engine::{Existing, Permissions, RestoreOptions, Selection};
use coffer_ipc::run::RunResult;
use coffer_jobs::operations::{Finished, restore};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::options::flag::Flag;
use crate::options::versions::OneVersion;
use crate::output::{Display, bytes, fail};

#[derive(Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    destination: Destination,
    /// Paths, names or wildcards to restore. Default: everything
    paths: Vec<String>,
    #[command(flatten)]
    common: Common,
    /// Folder to restore into. Default: the original locations
    #[arg(long)]
    restore_path: Option<PathBuf>,
    #[command(flatten)]
    version: OneVersion,
    /// Restore owners and permissions
    #[arg(long, default_value = "true")]
    restore_permissions: Flag,
    /// Overwrite files that differ instead of restoring next to them
    #[arg(long)]
    overwrite: Flag,
}

impl Restore {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let target = match self.destination.open_existing(cancel).await {
            Ok(target) => target,
            Err(error) => return fail(error, self.common),
        };
        let display = Display::new(self.common);
        let (options, observer) = (self.options(), display.observer());
        let finished = restore(&target, None, options, observer, cancel).await;
        let summary = summary(&finished);
        display.finish(&finished, &summary)
    }

    fn options(self) -> RestoreOptions {
        RestoreOptions {
            version: self.version.version.unwrap_or(0),
            selection: Selection::arguments(&self.paths),
            target: self.restore_path,
            existing: if self.overwrite.is_set() {
                Existing::Overwrite
            } else {
                Existing::KeepBoth
            },
            permissions: if self.restore_permissions.is_set() {
                Permissions::Restore
            } else {
                Permissions::Leave
            },
        }
    }
}

fn summary(finished: &Finished) -> String {
    let counts = &finished.counts;
    let head = match finished.result {
        RunResult::Warning => "Restore finished with warnings.",
        _ => "Restore finished.",
    };
    format!(
        "{head}\n  {} of {} files ({}) and {} folders and links restored{}, {} failed; {} downloaded",
        counts.restored_files,
        counts.examined_files,
        bytes(counts.examined_bytes),
        counts.restored_others,
        finished
            .restored
            .as_ref()
            .and_then(|restored| restored.folder.as_ref())
            .map_or_else(String::new, |folder| format!(" in {folder}")),
        counts.failed_files,
        bytes(counts.downloaded_bytes)
    )
}

#[cfg(test)]
mod tests {
    use crate::commands::Command;
    use crate::parsing::parsed;

    #[test]
    fn a_boolean_takes_a_value_only_after_an_equals_sign() {
        for no in ["no", "off", "0", "False"] {
            let no = format!("--Restore-Permissions={no}");
            let line = ["restore", "file:///b", "--overwrite", "false", &no];
            let Ok(Command::Restore(restore)) = parsed(&line) else {
                panic!("{line:?}");
            };
            assert!(restore.overwrite.is_set());
            assert!(!restore.restore_permissions.is_set());
            assert_eq!(restore.paths, ["false"]);
        }
    }

    #[test]
    fn owner_and_mode_are_restored_by_default() {
        let Ok(Command::Restore(restore)) = parsed(&["restore", "file:///b"]) else {
            panic!();
        };
        assert!(restore.restore_permissions.is_set());
        assert!(!restore.overwrite.is_set());
    }
}
