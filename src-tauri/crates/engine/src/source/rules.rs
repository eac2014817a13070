use std::path::PathBuf;
use std::str::FromStr;

use coffer_volume::metadata::Attributes;

use crate::error::{Error, Result};
use crate::reasons::OptionProblem;

/// What happens to links (`--symlink-policy`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SymlinkPolicy {
    /// They are stored as links.
    #[default]
    Store,
    /// What they lead to is stored in their place; one that leads nowhere is stored as a link.
    Follow,
    /// They are left out.
    Ignore,
}

/// What happens to files with several names (`--hardlink-policy`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HardlinkPolicy {
    /// Each name is stored as a file; its content is stored once.
    #[default]
    All,
    /// The first name that is met is stored.
    First,
    /// None of them is stored. Folders are no such files.
    None,
}

impl FromStr for SymlinkPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "store" => Ok(Self::Store),
            "follow" => Ok(Self::Follow),
            "ignore" => Ok(Self::Ignore),
            _ => Err(Error::invalid_option(
                "symlink-policy",
                text,
                OptionProblem::NotASymlinkPolicy,
            )),
        }
    }
}

impl FromStr for HardlinkPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "all" => Ok(Self::All),
            "first" => Ok(Self::First),
            "none" => Ok(Self::None),
            _ => Err(Error::invalid_option(
                "hardlink-policy",
                text,
                OptionProblem::NotAHardlinkPolicy,
            )),
        }
    }
}

/// What of the sources is left out, filters apart.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// See [`SymlinkPolicy`].
    pub symlinks: SymlinkPolicy,
    /// See [`HardlinkPolicy`].
    pub hardlinks: HardlinkPolicy,
    /// Larger files are left out (`--skip-files-larger-than`), in bytes.
    pub max_file_size: Option<u64>,
    /// What has one of these is left out, folders with all in them (`--exclude-files-attributes`).
    pub excluded_attributes: Attributes,
    /// Folders that hold a file of such a name are left out with all in them (`--ignore-filenames`).
    pub ignore_names: Vec<String>,
    /// Whether folders in which nothing is left are left out (`--exclude-empty-folders`).
    pub empty_folders: EmptyFolders,
    /// Whether marks on files count that say "no backup" (`--disable-backup-exclusion-xattr`).
    pub exclusion_marks: ExclusionMarks,
    /// Folders that are never a source: Coffer's own.
    pub excluded_folders: Vec<PathBuf>,
}

/// What happens to folders in which nothing is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum EmptyFolders {
    #[default]
    Store,
    LeaveOut,
}

/// What extended attributes mean by which files ask to be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ExclusionMarks {
    #[default]
    Obey,
    Disregard,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            symlinks: SymlinkPolicy::default(),
            hardlinks: HardlinkPolicy::default(),
            max_file_size: None,
            excluded_attributes: Attributes::default(),
            ignore_names: vec!["CACHEDIR.TAG".to_owned()],
            empty_folders: EmptyFolders::default(),
            exclusion_marks: ExclusionMarks::default(),
            excluded_folders: Vec::new(),
        }
    }
}

/// Why an entry is stored or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is a source itself.
    Source,
    /// This rule matches it first: its position among the rules.
    Rule(usize),
    /// No rule matches it.
    NoRule,
    /// It has an attribute that is left out.
    Attributes,
    /// It is larger than files may be.
    TooLarge,
    /// It holds a file of this name.
    Marker(String),
    /// It carries this extended attribute.
    Mark(&'static str),
    /// Links are left out.
    SymlinkPolicy,
    /// The link leads back to a folder that it is in.
    LinkLoop,
    /// Another name of the file is stored, or none is.
    HardlinkPolicy,
    /// Nothing in it is stored.
    EmptyFolder,
    /// It is no file, folder or link.
    SpecialFile,
    /// It is one of Coffer's own folders.
    OwnFolder,
}

/// What becomes of a path of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As it would be stored.
    pub path: String,
    /// Whether it gets an entry. A folder without one may still be looked into.
    pub is_stored: bool,
    /// The rule or property that decided.
    pub reason: Reason,
}
