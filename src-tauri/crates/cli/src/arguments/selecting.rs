use std::path::PathBuf;

use clap::{ArgMatches, Args};
use coffer_ipc::job::FilterRule;
use coffer_jobs::selecting::SourceSettings;
use coffer_jobs::values::parse_size;

use super::{Common, boolean, rules_in_order};

/// What of the sources is left out.
#[derive(Args)]
pub(crate) struct Selecting {
    /// Leaves out what matches; the first rule that matches decides.
    #[arg(long)]
    exclude: Vec<String>,
    /// Keeps what matches; the first rule that matches decides.
    #[arg(long)]
    include: Vec<String>,
    /// Store, Follow or Ignore links.
    #[arg(long)]
    symlink_policy: Option<String>,
    /// Which names of a file with several are stored: All, First or None.
    #[arg(long)]
    hardlink_policy: Option<String>,
    /// Leaves out larger files (unit mb).
    #[arg(long, value_parser = |text: &str| parse_size(text, "mb"))]
    skip_files_larger_than: Option<u64>,
    /// Leaves out what has one of these attributes, e.g. Hidden,Temporary.
    #[arg(long)]
    exclude_files_attributes: Option<String>,
    /// Leaves out folders that hold a file of such a name.
    #[arg(long)]
    ignore_filenames: Option<String>,
    /// Leaves out folders in which nothing is backed up.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    exclude_empty_folders: bool,
    /// Backs up also what asks to be left out by an extended attribute.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    disable_backup_exclusion_xattr: bool,
    /// The rules in the order of the command line.
    #[arg(skip)]
    pub(crate) filters: Vec<FilterRule>,
}

impl Selecting {
    pub(crate) fn settings(&self) -> SourceSettings {
        SourceSettings {
            symlink_policy: self.symlink_policy.clone(),
            hardlink_policy: self.hardlink_policy.clone(),
            skip_files_larger_than: self.skip_files_larger_than,
            exclude_files_attributes: self.exclude_files_attributes.clone(),
            ignore_filenames: self.ignore_filenames.clone(),
            exclude_empty_folders: self.exclude_empty_folders,
            disable_backup_exclusion_xattr: self.disable_backup_exclusion_xattr,
        }
    }

    /// Takes include and exclude rules in the order in which they were given.
    pub(super) fn read_order(&mut self, matches: &ArgMatches) {
        self.filters = rules_in_order(matches);
    }
}

#[derive(Args)]
pub(crate) struct TestFilters {
    /// Files and folders.
    #[arg(required = true)]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) common: Common,
}
