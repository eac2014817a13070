//! Why something failed, as values; words for people are the callers' business.

use std::io;
use std::sync::Arc;

/// Why a volume could not be read.
#[derive(Debug, Clone)]
pub enum ReadFailure {
    /// It is gone.
    Missing,
    /// The passphrase does not open it, or its header is damaged.
    DoesNotOpen,
    /// A block in it has another size than its list says.
    BlockOfOtherSize,
    /// What is in it is damaged, or cannot be decoded.
    Damaged(Arc<coffer_volume::Error>),
    /// It arrived damaged again and again.
    Corrupted {
        /// Its name.
        name: String,
        /// What differs.
        why: String,
    },
    /// The destination does not hand it over.
    Refused {
        /// Why, in the words of the destination.
        said: String,
    },
    /// The destination fails for this file alone.
    Unavailable {
        /// What happened, in the words of the destination.
        said: String,
    },
    /// The file system failed.
    System {
        /// The system's message.
        said: String,
    },
}

/// Equal when they say the same; the errors inside cannot be compared.
impl PartialEq for ReadFailure {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Eq for ReadFailure {}

/// What a volume lacks, or states wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// A dlist: blocks of its entries are missing.
    BlocksMissing {
        /// How many entries lack some.
        entries: u64,
        /// The path of the first of them.
        example: String,
    },
    /// A dblock: some of its blocks are damaged.
    BlocksDamaged {
        /// How many.
        damaged: u64,
        /// How many there should be.
        expected: u64,
    },
    /// A dindex: it states another length of this dblock.
    OtherLength {
        /// The dblock's name.
        dblock: String,
    },
    /// A dindex: none of the volumes that it describes is there.
    DescribesNothing,
    /// A dblock: no dindex describes it.
    NotDescribed,
}

/// Why times, rights or attributes were not restored.
#[derive(Debug)]
pub enum MetadataFailure {
    /// They are missing at the destination, or cannot be read there.
    Missing,
    /// They are there and cannot be decoded.
    Undecodable(coffer_volume::Error),
    /// The system did not take all of them.
    System(io::Error),
}

/// Why space was not reclaimed.
#[derive(Debug)]
pub enum CompactObstacle {
    /// Blocks that versions need are missing.
    DataMissing,
    /// The file list of a version is damaged, so what it needs is unknown.
    VersionUnreadable {
        /// The version's number; 0 is the newest.
        number: usize,
        /// The file list's name.
        name: String,
    },
    /// A volume cannot be read now.
    Unreadable {
        /// Its name.
        name: String,
        /// Why not.
        why: ReadFailure,
    },
    /// Volumes are gone.
    VolumesMissing {
        /// Their names.
        names: Vec<String>,
    },
}

/// What is wrong with a filter rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterProblem {
    /// It is empty.
    Empty,
    /// There is no group with this name.
    NoSuchGroup {
        /// The name.
        name: String,
    },
    /// It is no regular expression, or one that is too large.
    Expression {
        /// The message of the library that reads them.
        said: String,
    },
}

/// What is wrong with the value of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionProblem {
    /// Not a time span.
    NotASpan,
    /// A time span beyond all calendars.
    SpanTooLong,
    /// A time span that must be longer than nothing.
    SpanNotPositive,
    /// A part of a retention policy without its colon.
    NotAPolicy,
    /// A time span in a retention policy is negative.
    NegativeSpan,
    /// An interval of a retention policy is not shorter than its time frame.
    IntervalTooLong,
    /// None of the ways to handle symbolic links.
    NotASymlinkPolicy,
    /// None of the ways to handle hard links.
    NotAHardlinkPolicy,
}
