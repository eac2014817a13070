//! What a walk comes across.

use std::fs::Metadata;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use coffer_volume::dlist::EntryKind;

use super::rules::{Decision, Reason};
use crate::monitor::{Fallback, ProblemKind};

/// A file, folder or link of a source.
#[derive(Debug)]
pub(crate) struct SourceEntry {
    /// Path as stored.
    pub(crate) stored: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    pub(crate) kind: EntryKind,
    /// Of itself, or of what it leads to when links are followed.
    pub(crate) stat: Metadata,
    /// When that was asked for.
    pub(crate) looked_at: SystemTime,
    /// Whether a link leads to a folder.
    pub(crate) links_to_folder: bool,
    /// Whether links on the way to its content are followed.
    pub(crate) is_followed: bool,
    /// Why it is stored.
    pub(crate) reason: Reason,
    /// False when it is known to have no extended attributes.
    #[cfg_attr(windows, allow(dead_code, reason = "they are not used there"))]
    pub(crate) has_xattrs: bool,
}

impl SourceEntry {
    /// Bytes of content; folders and links have none.
    pub(crate) fn content_len(&self) -> u64 {
        if self.kind == EntryKind::File {
            self.stat.len()
        } else {
            0
        }
    }
}

/// What the walk comes across.
#[derive(Debug)]
pub(crate) enum WalkItem {
    Entry(Box<SourceEntry>),
    /// Something that cannot be backed up. All that is stored under `keep`, if given, is kept as it was.
    Problem {
        subject: String,
        why: Why,
        keep: Option<String>,
    },
    /// A source with nothing in it but names that say nothing. Entries of these may follow.
    Emptied(Box<SourceEntry>),
    /// A link that leads nowhere, though links are followed.
    DeadLink(Box<SourceEntry>),
    /// Something that gets no entry; reported by [`Walk::explaining`] only.
    LeftOut(Decision),
}

/// Why something cannot be backed up.
#[derive(Debug)]
pub(crate) enum Why {
    /// A source is not there.
    Missing,
    /// A source, as a whole.
    UnreadableSource(io::Error),
    /// Something in a source.
    Unreadable(io::Error),
    /// The disk that was mounted there is not.
    Away,
    NotUnicode {
        is_folder: bool,
    },
    SpecialFile,
}

impl Why {
    /// Whether versions wait for it to come back before they expire.
    pub(crate) fn is_of_source(&self) -> bool {
        matches!(self, Self::Missing | Self::UnreadableSource(_) | Self::Away)
    }

    /// The problem, with so many files kept as they were.
    pub(crate) fn kind(self, fallback: Fallback, files: u64) -> ProblemKind {
        match self {
            Self::Missing => ProblemKind::SourceMissing { fallback, files },
            Self::UnreadableSource(error) | Self::Unreadable(error) => {
                ProblemKind::Unreadable { error, fallback }
            }
            Self::Away => ProblemKind::SourceEmpty { files },
            Self::NotUnicode { is_folder } => ProblemKind::NameNotUnicode { is_folder },
            Self::SpecialFile => ProblemKind::SpecialFile,
        }
    }
}
