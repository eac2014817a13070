use clap::Args;
use coffer_engine::source::{EmptyFolders, ExclusionMarks, SourceOptions};
use coffer_ipc::CommandError;
use coffer_jobs::values::parse_size;
use coffer_jobs::{options, wording};
use coffer_volume::metadata::Attributes;

use super::flag::Flag;
use super::rules::Filters;

/// Separates names in `--ignore-filenames`, as it separates paths in the system's own lists.
const LIST_SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// Which parts of the sources are left out.
#[derive(Args)]
pub(crate) struct Selecting {
    #[command(flatten)]
    filters: Filters,
    /// How to treat symbolic links: Store, Follow or Ignore
    #[arg(long)]
    symlink_policy: Option<String>,
    /// Which names of a file with several hard links are stored: All, First or None
    #[arg(long)]
    hardlink_policy: Option<String>,
    /// Skip files larger than this (unit mb)
    #[arg(long, value_parser = |text: &str| parse_size(text, "mb"))]
    skip_files_larger_than: Option<u64>,
    /// Skip files and folders with any of these attributes, e.g. Hidden,Temporary
    #[arg(long)]
    exclude_files_attributes: Option<String>,
    /// Skip folders that contain a file with one of these names
    #[arg(long)]
    ignore_filenames: Option<String>,
    /// Skip folders in which nothing is backed up
    #[arg(long)]
    exclude_empty_folders: Flag,
    /// Ignore backup-exclusion attributes of files
    #[arg(long)]
    disable_backup_exclusion_xattr: Flag,
}

impl Selecting {
    pub(crate) fn filters(&self) -> Result<coffer_engine::filter::Filters, CommandError> {
        options::filters(&self.filters.0)
    }

    /// # Errors
    /// An error that names the option with an invalid value.
    pub(crate) fn source(&self) -> Result<SourceOptions, CommandError> {
        let mut options = SourceOptions {
            max_file_size: self.skip_files_larger_than,
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
                    format!(
                        "{part:?} is not an attribute that --exclude-files-attributes supports."
                    ),
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
        if self.exclude_empty_folders.is_set() {
            options.empty_folders = EmptyFolders::LeaveOut;
        }
        if self.disable_backup_exclusion_xattr.is_set() {
            options.exclusion_marks = ExclusionMarks::Disregard;
        }
        Ok(options)
    }
}
