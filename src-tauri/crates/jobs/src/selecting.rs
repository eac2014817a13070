//! What of the sources is backed up: options by Duplicati's names, and why each path is stored or not.

use std::path::PathBuf;
use std::sync::Arc;

use coffer_engine::filter::{Action, Filters};
use coffer_engine::source::{self, EmptyFolders, ExclusionMarks, SourceOptions};
use coffer_ipc::job::FilterRule;
use coffer_ipc::run::Operation;
use coffer_volume::metadata::Attributes;
use tokio_util::sync::CancellationToken;

use crate::folders::Folders;
use crate::progress::{Observer, Tracker};
use crate::{Result, blocking, wording};

/// Separates names in `--ignore-filenames`, as it separates paths in the system's own lists.
const LIST_SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// What of the sources is left out besides what filters match. `None` is Duplicati's default.
#[derive(Debug, Clone, Default)]
pub struct SourceSettings {
    /// `--symlink-policy`.
    pub symlink_policy: Option<String>,
    /// `--hardlink-policy`.
    pub hardlink_policy: Option<String>,
    /// `--skip-files-larger-than`, in bytes.
    pub skip_files_larger_than: Option<u64>,
    /// `--exclude-files-attributes`, names between commas.
    pub exclude_files_attributes: Option<String>,
    /// `--ignore-filenames`, between the separators of the system's path lists; empty for none.
    pub ignore_filenames: Option<String>,
    /// `--exclude-empty-folders`.
    pub exclude_empty_folders: bool,
    /// `--disable-backup-exclusion-xattr`.
    pub disable_backup_exclusion_xattr: bool,
}

impl SourceSettings {
    /// # Errors
    /// [`coffer_ipc::ErrorCode::InvalidInput`] naming the option that cannot be read.
    pub(crate) fn options(&self, folders: &Folders) -> Result<SourceOptions> {
        let mut options = SourceOptions {
            max_file_size: self.skip_files_larger_than,
            excluded_folders: folders.own(),
            ..SourceOptions::default()
        };
        if let Some(policy) = &self.symlink_policy {
            options.symlinks = policy.parse().map_err(|e| wording::engine(&e))?;
        }
        if let Some(policy) = &self.hardlink_policy {
            options.hardlinks = policy.parse().map_err(|e| wording::engine(&e))?;
        }
        if let Some(names) = &self.exclude_files_attributes {
            options.excluded_attributes = Attributes::from_names(names).map_err(|part| {
                wording::invalid(
                    format!("{part:?} is no attribute that --exclude-files-attributes knows."),
                    "Use names such as Hidden, System, Temporary or ReadOnly.",
                )
            })?;
        }
        if let Some(names) = &self.ignore_filenames {
            options.ignore_names = names
                .split(LIST_SEPARATOR)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect();
        }
        if self.exclude_empty_folders {
            options.empty_folders = EmptyFolders::LeaveOut;
        }
        if self.disable_backup_exclusion_xattr {
            options.exclusion_marks = ExclusionMarks::Disregard;
        }
        Ok(options)
    }
}

/// Rules as the engine takes them.
pub(crate) fn filters(rules: &[FilterRule]) -> Result<Filters> {
    let rules = rules.iter().map(|rule| {
        let action = if rule.include {
            Action::Include
        } else {
            Action::Exclude
        };
        (action, rule.expression.as_str())
    });
    Filters::new(rules).map_err(|error| wording::engine(&error))
}

/// What becomes of a path, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// As it would be stored.
    pub path: String,
    /// Whether it is backed up.
    pub included: bool,
    /// The rule or option that decided.
    pub reason: String,
}

/// Tells what becomes of each path of the sources. Backs nothing up.
///
/// # Errors
/// For options and rules that cannot be read, and when it is cancelled.
pub async fn test_filters(
    sources: Vec<PathBuf>,
    rules: &[FilterRule],
    settings: &SourceSettings,
    folders: &Folders,
    observer: Observer,
    cancel: &CancellationToken,
    mut sink: impl FnMut(Explained) + Send + 'static,
) -> Result<()> {
    let filters = filters(rules)?;
    let options = settings.options(folders)?;
    let tracker = Arc::new(Tracker::new(Operation::Backup, observer));
    let cancel = cancel.clone();
    let explained = blocking(move || {
        source::explain(
            &sources,
            &filters,
            &options,
            &*tracker,
            &cancel,
            |decision| {
                sink(Explained {
                    reason: wording::reason(&decision.reason, filters.rules()),
                    path: decision.path,
                    included: decision.is_stored,
                });
                Ok(())
            },
        )
    });
    explained.await.map_err(|error| wording::engine(&error))
}
