use std::path::PathBuf;

use jiff::Timestamp;

use crate::reasons::{FilterProblem, OptionProblem, ReadFailure};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation ended before its end.
#[allow(missing_docs, reason = "the messages say what the fields are")]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The destination failed for good.
    #[error("The destination failed")]
    Destination(#[from] coffer_destination::Error),
    /// The index failed.
    #[error("The local database failed")]
    Database(#[from] coffer_database::Error),
    /// A volume cannot be read.
    #[error("The volume {name} cannot be read")]
    Volume {
        name: String,
        #[source]
        source: coffer_volume::Error,
    },
    /// A volume cannot be read now, though it may be whole, and what was asked for would give up what is in it.
    #[error("The volume {name} cannot be read now: {why:?}")]
    Unreadable { name: String, why: ReadFailure },
    /// No volume can be read that says what the backup is like; of the first one, why.
    #[error("The volume {name} cannot be read: {why:?}")]
    VolumeNotRead { name: String, why: ReadFailure },
    /// What a version needs is unknown, because its file list is damaged.
    #[error("Version {number} cannot be read: its file list {name} is damaged")]
    VersionUnreadable {
        /// Its number; 0 is the newest.
        number: usize,
        name: String,
    },
    /// The passphrase does not open the backup in this folder.
    #[error("The passphrase does not open the backup in {destination}")]
    WrongPassphrase { destination: String },
    /// The backup is encrypted, and no passphrase was given.
    #[error("The backup in {destination} is encrypted")]
    PassphraseRequired { destination: String },
    /// A passphrase was given for a backup that is not encrypted; its next volumes would be.
    #[error("The backup in {destination} is not encrypted")]
    NotEncrypted { destination: String },
    /// A source, or a disk in one, went away while it was read; no version was made.
    #[error("{} disappeared while it was being read", path.display())]
    SourceLeft {
        /// The source, or where the disk was.
        path: PathBuf,
    },
    /// A new backup was asked for with a block size or hash that the format does not have.
    #[error("A backup cannot be created with these settings")]
    UnusableFormat {
        /// What is asked for and cannot be.
        source: coffer_volume::Error,
    },
    /// The folder's backup has another block size or hash than was asked for.
    #[error("The backup in {destination} has {found}, not {asked}")]
    FormatMismatch {
        destination: String,
        /// Its settings.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// Volumes that were there are gone, and with them data that no other volume has.
    #[error("Volumes are missing from {destination}: {}", names.join(", "))]
    VolumesMissing {
        destination: String,
        names: Vec<String>,
    },
    /// Blocks that versions need are missing, so what else they need is unknown.
    #[error("Some data needed by versions in {destination} is missing")]
    DataMissing {
        destination: String,
        /// How much is missing: blocks, or streams whose blocks are unknown.
        blocks: u64,
    },
    /// The index knows versions, but there is nothing at the destination: a disk that is not mounted, a folder that was
    /// moved or emptied.
    #[error("The backup with {versions} versions that was in {destination} is gone")]
    DestinationGone {
        destination: String,
        /// How many versions were known.
        versions: u64,
    },
    /// The folder has volumes of a module that cannot be read; nothing is written beside them.
    #[error("The backup in {destination} has volumes of the kind {module}")]
    UnreadableModule {
        destination: String,
        /// What their names end in, such as `7z.aes`.
        module: String,
    },
    /// A folder for private files belongs to somebody else.
    #[error("{} belongs to another user", path.display())]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Another operation, of this process or another, works on this destination.
    #[error("Another operation is using {destination}")]
    Locked { destination: String },
    /// There is no version at the destination.
    #[error("There is no backup with the prefix {prefix} in {destination}")]
    NoBackup {
        destination: String,
        /// The prefix that was looked for.
        prefix: String,
        /// Prefixes of backups that are there.
        others: Vec<String>,
    },
    /// There is no version with this number.
    #[error("There is no version {number}; the oldest is {oldest}")]
    NoVersion {
        /// The number asked for; 0 is the newest.
        number: usize,
        /// The highest number there is.
        oldest: usize,
    },
    /// A version that was there when the backup was opened is not there any more.
    #[error("The version of {time} no longer exists")]
    VersionGone {
        /// When it was made.
        time: Timestamp,
    },
    /// Every version would be deleted, and that was not confirmed.
    #[error("Every version would be deleted")]
    FullRemoval,
    /// A rule would keep only versions that lack something, and give up one that does not.
    #[error("Only damaged versions would be kept; the version of {time} is intact")]
    OnlyDamagedLeft {
        /// Of the newest one that is whole.
        time: Timestamp,
    },
    /// More than one kind of retention was asked for.
    #[error("Only one of --keep-versions, --keep-time and --retention-policy can be used")]
    SeveralRetentions,
    /// A version cannot be rewritten, because another was made one second later.
    #[error("The version of {time} cannot be moved by a second")]
    NoFreeTime {
        /// Its time.
        time: Timestamp,
    },
    /// None of the paths asked for is in the version.
    #[error("Nothing in the version matches")]
    NothingMatches,
    /// Not one of the sources can be read, so nothing was written.
    #[error("None of the sources can be read: {}", sources.join(", "))]
    NoSource {
        /// The sources.
        sources: Vec<String>,
    },
    /// A prefix that cannot start volume names.
    #[error("{prefix:?} cannot be a prefix")]
    InvalidPrefix { prefix: String },
    /// A filter rule that cannot be read.
    #[error("The filter {rule:?} cannot be read: {why:?}")]
    InvalidFilter { rule: String, why: FilterProblem },
    /// A value that an option cannot have.
    #[error("--{option} cannot be {value:?}: {why:?}")]
    InvalidOption {
        /// Duplicati's name of the option.
        option: &'static str,
        value: String,
        why: OptionProblem,
    },
    /// The spool folder's disk is full.
    #[error("The disk with {} is full", path.display())]
    SpoolFull { path: PathBuf },
    /// A program that is needed cannot be run.
    #[error("Could not run {}", program.display())]
    Program {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A folder of this computer that the operation needs cannot be used.
    #[error("Could not {operation} {}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The caller's token was triggered.
    #[error("Cancelled")]
    Cancelled,
    /// All that is to be restored would go back to paths of another kind of system.
    #[error("The paths are those of {}", if *is_windows { "Windows" } else { "another system than Windows" })]
    OtherSystem {
        /// Whether they are of Windows.
        is_windows: bool,
    },
}

impl Error {
    pub(crate) fn invalid_option(option: &'static str, value: &str, why: OptionProblem) -> Self {
        Self::InvalidOption {
            option,
            value: value.to_owned(),
            why,
        }
    }

    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        let path = path.into();
        if is_full(&source) {
            return Self::SpoolFull { path };
        }
        Self::Io {
            operation,
            path,
            source,
        }
    }

    /// Names the volume that `source` is about, and keeps local trouble apart from damage.
    pub(crate) fn volume(name: impl Into<String>, source: coffer_volume::Error) -> Self {
        match source {
            coffer_volume::Error::Io(source) => Self::io("read or write", name.into(), source),
            source => Self::Volume {
                name: name.into(),
                source,
            },
        }
    }
}

/// Whether a disk, or a person's share of it, is full.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    )
}
