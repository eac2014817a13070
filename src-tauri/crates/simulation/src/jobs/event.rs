//! What may happen to a computer with jobs. An event carries all it needs, so that others can be left out around it.

use std::fmt;

/// Something that a person, a program or fate does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A file of a job's source gets content number `content`.
    Write {
        job: usize,
        disk: Disk,
        file: u8,
        content: u64,
    },
    /// Time passes, and the app looks at its clock all the while. The first runs meet `troubles`.
    Wait {
        minutes: u32,
        troubles: Vec<Trouble>,
    },
    /// The computer sleeps; what was due meanwhile is due at its end.
    Sleep { minutes: u32 },
    /// Somebody clicks "Back up now".
    BackUp { job: usize, troubles: Vec<Trouble> },
    /// Somebody restores the newest version elsewhere, with what goes wrong meanwhile.
    Restore { job: usize, troubles: Vec<Trouble> },
    /// The world around the app changes.
    Change(Change),
    /// Something is taken out of the keychain.
    Forget(Entry),
    /// Somebody signs in again.
    SignIn,
    /// Somebody types the passphrase of a job.
    Type { job: usize },
    /// The app is quit and started.
    Restart,
    /// The app dies between two runs and is started.
    Crash,
    /// The cache is deleted while the app is not running.
    LoseCache,
    /// The database is copied.
    SaveDatabase,
    /// The copy takes the place of the database.
    RollBack,
    /// A page of the database is overwritten: an odd one while the app runs, an even one while it does not.
    Damage { page: u32 },
    /// Somebody changes a job.
    Edit { job: usize, edit: Edit },
    /// Somebody deletes a job and sets it up again, when nothing stands in the way of that.
    Replace { job: usize },
}

/// What may change at any moment, also in the midst of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// How the keychain answers.
    Keychain(Keychain),
    /// So many uses of the keychain fail.
    KeychainFails(u8),
    /// What becomes of requests to OneDrive.
    Network(Network),
    /// The sign-in ends at Microsoft's.
    Revoke,
    /// A disk is unplugged or plugged in.
    Plug(Disk, Plug),
    /// The clock differs from the true time by this many minutes from now on.
    Clock { minutes: i64 },
}

/// A disk of the computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Disk {
    /// Always there.
    Home,
    /// Holds sources.
    Camera,
    /// Holds backups.
    Stick,
}

/// Whether a disk is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plug {
    In,
    /// There is nothing in its place.
    Missing,
    /// An empty folder, as a mount point is.
    Empty,
}

/// How the keychain answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keychain {
    Open,
    /// Nothing can be done.
    Locked,
    /// Nothing can be added.
    Full,
}

/// What becomes of requests to OneDrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Up,
    Down,
    /// The service of the sign-in asks for an hour's rest.
    Throttled,
    /// The drive asks a few times for a second's rest.
    Busy,
    /// The drive is full.
    Full,
}

/// An entry of the keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Passphrase(usize),
    SignIn,
    JournalKey,
    Everything,
}

/// A change of a job by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    Rename,
    /// It runs at this hour from now on.
    Hour(i8),
    /// It has no second source, or has it again.
    Camera(bool),
}

/// What a run meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) moment: Moment,
    pub(crate) what: What,
}

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The engine's step number `.0` of those that change files of this computer.
    Step(u32),
    /// The use number `.0` of the keychain.
    Secret(u32),
    /// The write number `.0` of the app's database.
    Write(u32),
}

/// What happens at a moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The app dies.
    Kill,
    /// The owner stops the run.
    Stop,
    /// The app is quit.
    Quit,
    /// The disk with the spool is full from here on.
    SpoolFull,
    /// The database cannot be written from here on, until the run has ended.
    Refuse,
    Change(Change),
}

impl Event {
    /// The sort of event, as `--only` and `--without` know it.
    pub(crate) fn sort(&self) -> &'static str {
        match self {
            Self::Write { .. } | Self::Wait { .. } | Self::BackUp { .. } => "life",
            Self::Sleep { .. } => "sleep",
            Self::Restore { .. } => "restore",
            Self::Change(change) => change.sort(),
            Self::Forget(_) => "forget",
            Self::SignIn | Self::Type { .. } => "life",
            Self::Restart => "restart",
            Self::Crash => "crash",
            Self::LoseCache => "cache",
            Self::SaveDatabase | Self::RollBack => "rollback",
            Self::Damage { .. } => "damage",
            Self::Edit { .. } => "edit",
            Self::Replace { .. } => "replace",
        }
    }

    /// The job that it has to do with.
    pub(crate) fn job(&self) -> Option<usize> {
        match self {
            Self::Write { job, .. }
            | Self::BackUp { job, .. }
            | Self::Restore { job, .. }
            | Self::Type { job }
            | Self::Replace { job }
            | Self::Edit { job, .. }
            | Self::Forget(Entry::Passphrase(job)) => Some(*job),
            _ => None,
        }
    }

    pub(crate) fn troubles(&self) -> &[Trouble] {
        match self {
            Self::Wait { troubles, .. }
            | Self::BackUp { troubles, .. }
            | Self::Restore { troubles, .. } => troubles,
            _ => &[],
        }
    }

    pub(crate) fn troubles_mut(&mut self) -> Option<&mut Vec<Trouble>> {
        match self {
            Self::Wait { troubles, .. }
            | Self::BackUp { troubles, .. }
            | Self::Restore { troubles, .. } => Some(troubles),
            _ => None,
        }
    }
}

impl Change {
    pub(crate) fn sort(self) -> &'static str {
        match self {
            Self::Keychain(Keychain::Open)
            | Self::Network(Network::Up)
            | Self::Plug(_, Plug::In)
            | Self::Clock { minutes: 0 } => "life",
            Self::Keychain(_) | Self::KeychainFails(_) => "keychain",
            Self::Network(_) => "network",
            Self::Revoke => "revoke",
            Self::Plug(..) => "unplug",
            Self::Clock { .. } => "clock",
        }
    }
}

impl Trouble {
    pub(crate) fn sort(self) -> &'static str {
        match self.what {
            What::Kill => "kill",
            What::Stop => "stop",
            What::Quit => "quit",
            What::SpoolFull => "spool-full",
            What::Refuse => "refuse",
            What::Change(change) => change.sort(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait { minutes, .. } => write!(out, "wait {minutes} minutes")?,
            Self::BackUp { job, .. } => write!(out, "back up job {job}")?,
            Self::Restore { job, .. } => write!(out, "restore job {job}")?,
            other => write!(out, "{other:?}")?,
        }
        for trouble in self.troubles() {
            write!(out, "; at {:?}: {:?}", trouble.moment, trouble.what)?;
        }
        Ok(())
    }
}
