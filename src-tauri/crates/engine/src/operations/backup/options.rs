//! Options of a backup, and its result.

use std::path::PathBuf;

use coffer_volume::archive::CompressionMethod;
use jiff::Timestamp;

use crate::filter::{Action, Filters};
use crate::operations::compact::options::CompactThresholds;
use crate::operations::compact::stats::CompactStats;
use crate::repository::upload::Checkpoints;
use crate::retention::Retention;
use crate::source::SourceOptions;

/// What a backup takes and how.
pub struct BackupOptions {
    /// Files and folders.
    pub sources: Vec<PathBuf>,
    /// What of them is left out by path.
    pub filters: Filters,
    /// What of them is left out by other things.
    pub source: SourceOptions,
    /// Bytes of a block. `None` takes the backup's, or 1 MiB in a new one.
    pub block_size: Option<u64>,
    /// The same for a new backup alone; one that exists keeps its own.
    pub new_block_size: Option<u64>,
    /// Block and file hash. `None` takes the backup's, or SHA-256 in a new one.
    pub hashes: Option<(String, String)>,
    /// Bytes of a volume (`--dblock-size`); at least 1 MiB and two blocks are used.
    pub volume_size: u64,
    /// How blocks are compressed.
    pub compression_method: CompressionMethod,
    /// 0 to 9. `None` adapts: harder when volumes wait for the network, lighter when the network waits for volumes.
    pub compression_level: Option<u32>,
    /// Volumes uploaded at the same time.
    pub parallel_uploads: usize,
    /// Files that are read in each run, however unchanged they look, because those who write them keep their dates.
    pub always_read: Filters,
    /// A source that is missing or empty was meant to be.
    pub allow_missing_source: bool,
    /// The backup that is known is gone from the destination for good, and a new one may begin there.
    pub allow_new_destination: bool,
    /// Versions that were at the destination when this computer looked last, in case the index does not know.
    pub expected_versions: u64,
    /// Retention may give up most versions at once although it was not changed.
    pub allow_mass_deletion: bool,
    /// Versions of others count as this computer's from now on.
    pub adopt_versions: bool,
    /// Writes a version also when nothing changed.
    pub upload_unchanged: bool,
    /// Versions that are deleted afterwards.
    pub retention: Retention,
    /// When space is given back afterwards; `None` is never (`--no-auto-compact`).
    pub compact: Option<CompactThresholds>,
    /// Volumes of each kind that are looked into after something was uploaded (`--backup-test-samples`).
    pub test_samples: u64,
    /// The same in percent of the most numerous kind, if that is more (`--backup-test-percentage`).
    pub test_percentage: f64,
    /// Remembers uploads that were cut off.
    pub checkpoints: Checkpoints,
    /// The time of the new version.
    pub now: Timestamp,
}

impl BackupOptions {
    /// Default of [`BackupOptions::volume_size`], in bytes (`--dblock-size`).
    pub const VOLUME_SIZE: u64 = 50 << 20;
    /// Default of [`BackupOptions::test_samples`].
    pub const TEST_SAMPLES: u64 = 1;
    /// Default of [`BackupOptions::test_percentage`].
    pub const TEST_PERCENTAGE: f64 = 0.1;
    /// Default of [`BackupOptions::always_read`]: containers of VeraCrypt and TrueCrypt, which keep their dates.
    pub const ALWAYS_READ: [&str; 2] = ["*.hc", "*.tc"];

    /// Defaults for everything but the sources.
    pub fn new(sources: Vec<PathBuf>, now: Timestamp) -> Self {
        Self {
            sources,
            filters: Filters::default(),
            source: SourceOptions::default(),
            block_size: None,
            new_block_size: None,
            hashes: None,
            volume_size: Self::VOLUME_SIZE,
            compression_method: CompressionMethod::default(),
            compression_level: None,
            parallel_uploads: 4,
            always_read: encrypted_containers(),
            allow_missing_source: false,
            allow_new_destination: false,
            expected_versions: 0,
            allow_mass_deletion: false,
            adopt_versions: false,
            upload_unchanged: false,
            retention: Retention::KeepAll,
            compact: Some(CompactThresholds::default()),
            test_samples: Self::TEST_SAMPLES,
            test_percentage: Self::TEST_PERCENTAGE,
            checkpoints: Checkpoints::None,
            now,
        }
    }
}

fn encrypted_containers() -> Filters {
    let rules = BackupOptions::ALWAYS_READ.map(|rule| (Action::Include, rule));
    Filters::new(rules).expect("the rules are wildcards")
}

/// What a backup did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupStats {
    /// Files looked at; folders and links do not count as files.
    pub examined_files: u64,
    /// Their content in bytes.
    pub examined_bytes: u64,
    /// Files that are new.
    pub added_files: u64,
    /// Files whose content or metadata is different.
    pub changed_files: u64,
    /// Files that are gone.
    pub deleted_files: u64,
    /// Folders and links that are new, different or gone.
    pub other_changes: u64,
    /// Files that were opened and read.
    pub read_files: u64,
    /// Things that need a look.
    pub warnings: u64,
    /// Sources kept as they were because they were missing or empty.
    pub kept_sources: u64,
    /// Entries of the version that lost data at the destination and whose source could not be read now.
    pub incomplete_files: u64,
    /// Volumes sent.
    pub uploaded_volumes: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Versions deleted by retention.
    pub deleted_versions: u64,
    /// Volumes that were looked into afterwards and are not what they should be.
    pub faulty_volumes: u64,
    /// What was compacted.
    pub compacted: Option<CompactStats>,
    /// The new version; `None` when nothing changed.
    pub version: Option<Timestamp>,
    /// Versions at the destination afterwards.
    pub versions: u64,
    /// Bytes at the destination afterwards.
    pub stored_bytes: u64,
}

impl BackupStats {
    /// Entries that a new version would show.
    pub(super) fn changes(&self) -> u64 {
        self.added_files + self.changed_files + self.deleted_files + self.other_changes
    }
}
