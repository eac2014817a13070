//! What may happen in a history. An event carries all it needs, so that others can be left out around it.

use std::fmt;

/// Something that a person, a program or fate does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A file gets content number `content` of `len` bytes.
    Write {
        client: usize,
        file: u8,
        len: u32,
        content: u64,
    },
    /// A file goes away.
    Remove { client: usize, file: u8 },
    /// A file gets other content, but keeps size and date.
    Disguise {
        client: usize,
        file: u8,
        content: u64,
    },
    /// The second source of a client, which lies on a disk of its own, is there or not.
    Plug { client: usize, plug: Plug },
    /// Time passes.
    Wait { minutes: u32 },
    /// The clock of a client differs from the true time by this from now on.
    Clock { client: usize, offset: i64 },
    /// A file at the destination is damaged: number `pick` of its kind in the order of arrival.
    Harm { kind: Kind, pick: u32, harm: Harm },
    /// A dblock and its dindex go away.
    LosePair { pick: u32 },
    /// What was renamed away at the destination gets its name back.
    Back,
    /// The disk of the destination is unplugged, which leaves an empty folder or none.
    Unplug { leaves_folder: bool },
    /// It comes back.
    Replug,
    /// A client's index is deleted.
    LoseIndex { client: usize },
    /// A client's spool folder is deleted.
    LoseSpool { client: usize },
    /// A client's whole cache is deleted.
    LoseCache { client: usize },
    /// A page of a client's index is overwritten.
    Scratch { client: usize, page: u32 },
    /// A client's index is copied.
    SaveIndex { client: usize },
    /// The copy takes the place of the index.
    RollBack { client: usize },
    /// The next backup of a client may start over where an earlier one is gone.
    StartOver { client: usize },
    /// A client works.
    Operate {
        client: usize,
        operation: Operation,
        troubles: Vec<Trouble>,
    },
}

/// Whether a source that may be unplugged is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plug {
    /// It is.
    In,
    /// The link to it leads nowhere.
    Dangling,
    /// There is nothing in its place.
    Missing,
    /// An empty folder.
    Empty,
    /// A folder of another disk with a file that says that nothing is mounted.
    NotMounted,
    /// What cannot be looked into.
    Unreadable,
}

/// What a client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Backs up.
    Backup {
        keep: Keep,
        compacts: bool,
        what: What,
    },
    /// Restores a version, 0 being the newest.
    Restore(u8),
    /// Lists broken files.
    Look,
    /// Verifies everything.
    Verify,
    Compact,
    /// Deletes a version, 0 being the newest.
    Delete(u8),
    /// Takes one of its files out of all versions.
    Purge(u8),
    /// Takes what is broken out of all versions.
    PurgeBroken,
    Repair,
    Recreate,
}

/// Which versions a backup keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    Versions(u8),
    Days(u16),
}

/// What a backup takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Both sources of the client.
    Sources,
    /// Folders that do not exist.
    Mistyped,
    /// Nothing, because a filter leaves all out.
    FilteredOut,
}

/// A call of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    List,
    Put,
    Get,
    Delete,
}

/// A kind of volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Any,
    Dblock,
    Dindex,
    Dlist,
}

/// Before or after a call had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// A moment of an operation: call number `nth` (from 0) of its sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) when: When,
    pub(crate) nth: u32,
    pub(crate) call: Call,
    pub(crate) kind: Kind,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// For a moment.
    Unavailable,
    /// For good.
    Denied,
    Full,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// No byte is left.
    Emptied,
    /// A part is left.
    Cut,
    /// One bit is another, at this thousandth.
    Flip(u16),
    /// Another volume's content.
    Swapped,
    Deleted,
    /// It has another name until [`Event::Back`].
    Renamed,
}

/// What an operation meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The process ends.
    Kill(Moment),
    /// The process ends at this step of those that change files of this computer.
    KillInside(u32),
    /// The call fails, and as many after it as said; after its effect, when the moment says so.
    Fail(Moment, Failure, u32),
    /// The file that is just sent is damaged on arrival.
    Harm(Moment, Harm),
    /// Something else happens right then, so many seconds after the operation began.
    During(Moment, u32, Box<Event>),
    /// Listings do not have yet what this operation sent.
    Lag(Kind),
    /// Listing `nth` lacks a file, number `pick` of its kind.
    Miss { nth: u32, kind: Kind, pick: u32 },
    /// The disk with the spool is full from this write on.
    SpoolFull(u32),
}

impl Event {
    /// The sort of event, as `--only` and `--without` know it.
    pub(crate) fn sort(&self) -> &'static str {
        match self {
            Self::Write { .. } | Self::Remove { .. } | Self::Wait { .. } => "change",
            Self::Disguise { .. } => "disguise",
            Self::Plug { plug, .. } => match plug {
                Plug::In => "change",
                Plug::Dangling => "dangling",
                Plug::Missing => "missing",
                Plug::Empty => "empty",
                Plug::NotMounted => "not-mounted",
                Plug::Unreadable => "unreadable",
            },
            Self::Clock { .. } => "clock",
            Self::Harm { harm, .. } => harm.sort(),
            Self::LosePair { .. } => "pair",
            Self::Back | Self::Replug => "change",
            Self::Unplug { .. } => "unplug",
            Self::LoseIndex { .. } => "index",
            Self::LoseSpool { .. } => "spool",
            Self::LoseCache { .. } => "cache",
            Self::StartOver { .. } => "start-over",
            Self::Scratch { .. } => "scratch",
            Self::SaveIndex { .. } | Self::RollBack { .. } => "rollback",
            Self::Operate { operation, .. } => operation.sort(),
        }
    }

    /// Whether it is nothing but ordinary life.
    pub(crate) fn is_harmless(&self) -> bool {
        matches!(self.sort(), "change" | "disguise")
            || matches!(self, Self::SaveIndex { .. } | Self::Operate { .. })
    }

    /// Every sort of this event and of what happens in it.
    pub(crate) fn sorts(&self) -> Vec<&'static str> {
        let mut sorts = vec![self.sort()];
        if let Self::Operate { troubles, .. } = self {
            for trouble in troubles {
                sorts.push(trouble.sort());
                if let Trouble::During(_, _, event) = trouble {
                    sorts.extend(event.sorts());
                }
            }
        }
        sorts
    }
}

impl Operation {
    fn sort(&self) -> &'static str {
        match self {
            Self::Backup { what, keep, .. } => match (what, keep) {
                (What::Mistyped, _) => "mistyped",
                (What::FilteredOut, _) => "filtered",
                (What::Sources, Keep::All) => "backup",
                (What::Sources, Keep::Versions(_)) => "keep-versions",
                (What::Sources, Keep::Days(_)) => "keep-time",
            },
            Self::Restore(_) => "restore",
            Self::Look => "look",
            Self::Verify => "verify",
            Self::Compact => "compact",
            Self::Delete(_) => "delete",
            Self::Purge(_) => "purge",
            Self::PurgeBroken => "purge-broken",
            Self::Repair => "repair",
            Self::Recreate => "recreate",
        }
    }
}

impl Trouble {
    /// As [`Event::sort`].
    pub(crate) fn sort(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::KillInside(_) => "kill-inside",
            Self::Fail(moment, Failure::Full, _) if moment.when == When::Before => "full",
            Self::Fail(moment, ..) if moment.when == When::Before => "fail",
            Self::Fail(..) => "answer",
            Self::Harm(..) => "arrival",
            Self::During(_, 0, event) if matches!(**event, Event::Operate { .. }) => "same-second",
            Self::During(_, _, event) if matches!(**event, Event::Operate { .. }) => "nested",
            Self::During(..) => "meanwhile",
            Self::Lag(_) => "lag",
            Self::Miss { .. } => "miss",
            Self::SpoolFull(_) => "spool-full",
        }
    }
}

impl Harm {
    fn sort(self) -> &'static str {
        match self {
            Self::Emptied | Self::Cut => "cut",
            Self::Flip(_) => "flip",
            Self::Swapped => "swap",
            Self::Deleted => "lose",
            Self::Renamed => "rename",
        }
    }
}

impl Kind {
    /// Whether a volume of kind `other` is meant.
    pub(crate) fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }

    /// Of a volume by its name.
    pub(crate) fn of(name: &str) -> Self {
        match () {
            () if name.contains(".dblock.") => Self::Dblock,
            () if name.contains(".dindex.") => Self::Dindex,
            () if name.contains(".dlist.") => Self::Dlist,
            () => Self::Any,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            when,
            nth,
            call,
            kind,
        } = self;
        let text = match kind {
            Kind::Any => format!("{when:?} {call:?} #{nth}"),
            kind => format!("{when:?} {call:?} #{nth} of a {kind:?}"),
        };
        out.write_str(&text.to_lowercase())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(moment) => write!(out, "killed {moment}"),
            Self::KillInside(step) => write!(out, "killed at its own step {step}"),
            Self::Fail(moment, failure, times) => {
                write!(out, "{failure:?} {times} times {moment}")
            }
            Self::Harm(moment, harm) => write!(out, "{harm:?} on arrival, {moment}"),
            Self::During(moment, seconds, event) => {
                write!(out, "{moment}, {seconds} s later: [{event}]")
            }
            Self::Lag(kind) => write!(out, "listings lack new {kind:?}"),
            Self::Miss { nth, kind, pick } => {
                write!(out, "listing {nth} lacks {kind:?} {pick}")
            }
            Self::SpoolFull(write) => write!(out, "spool full from write {write}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operate {
                client,
                operation,
                troubles,
            } => {
                write!(out, "client {client}: {operation:?}")?;
                for trouble in troubles {
                    write!(out, "; {trouble}")?;
                }
                Ok(())
            }
            other => write!(out, "{other:?}"),
        }
    }
}
