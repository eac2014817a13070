//! The engine: backup, restore, looking into versions, deleting them.
//!
//! A [`Store`] names one backup: where its volumes lie, with what passphrase, and which cache folder on this computer
//! belongs to it. The operations are free functions over it:
//!
//! * [`backup`](backup()) walks the sources beside the index of the newest version ([`source`], [`filter`]), reads what
//!   changed, cuts it into blocks, compresses and hashes them on a small pool, fills volumes, and uploads them while it
//!   runs. The dlist goes last, so that a version at the destination is always whole.
//! * [`restore`](restore()) plans which blocks are needed, reads each volume once, and puts files in place only when
//!   they are complete and verified.
//! * [`versions`], [`for_each_entry`], [`find`] and [`compare()`] look into versions; [`source::explain`] says which files
//!   a backup would take.
//! * [`delete()`] and [`Retention`] give versions up, [`compact()`] gives their space back, [`purge()`] takes files out of
//!   versions. Each writes first and deletes last, deletes only what its plan ([`Mode::Plan`]) names, and never a volume
//!   with something that a version needs and no other volume has.
//! * [`verify()`], [`for_each_broken_file`], [`repair()`] and [`recreate`] find and repair damage.
//!
//! # What damage costs
//!
//! | damage | restore | verify | repair | next backup |
//! | --- | --- | --- | --- | --- |
//! | a dblock is gone | everything that is whole, the rest is named | names it | says what is lost | stops and names it, until the index is rebuilt |
//! | a dblock is cut | everything that is whole, the rest is named | names it | says what is lost | sends again what the sources still have |
//! | a bit of a dblock changed, or it is another backup's | everything that is whole, the rest is named | names it | nothing, until verify found it | nothing, until verify found it; then it sends again what the sources still have |
//! | a dindex is gone, cut, changed or another backup's | everything | names it | writes a new one | is whole |
//! | the newest dlist is gone | the version before | is clean: so looks a deleted version | | is whole |
//! | the newest dlist is cut, changed or another backup's | refused for this version alone | names it | says so | is whole |
//! | the index is gone or damaged | everything | is clean | | is whole; the index is rebuilt |
//!
//! Files that are lost for good are taken out of versions by [`Purged::Broken`]; what no version needs then, and cannot be
//! read, [`repair()`] deletes.
//!
//! The destination is the truth. The index is brought in line with its listing at the start of each operation and
//! rebuilt when it is missing or damaged.
//!
//! Everything here is plain blocking code; call it from a thread that may block, inside a tokio runtime
//! (`spawn_blocking`). It meets the async destination in one file, `repository/session.rs`.
//!
//! What happens is reported to a [`Monitor`]; words for people are the callers' business.
//!
//! What the product promises, and how all its crates fit together, is [below](#product-and-architecture).
//!
#![doc = include_str!("../docs/design.md")]

#[cfg(feature = "simulation")]
pub mod crash;
#[cfg(not(feature = "simulation"))]
mod crash;
mod error;
pub mod filter;
mod mode;
mod monitor;
mod operations;
mod paths;
mod reasons;
mod repository;
mod retention;
pub mod source;
mod threads;
mod variables;

pub use error::{Error, Result};
pub use mode::Mode;
pub use monitor::{Fallback, FaultKind, Monitor, Phase, Problem, ProblemKind, Severity};
pub use operations::backup::backup;
pub use operations::backup::options::{BackupOptions, BackupStats};
pub use operations::compact::compact;
pub use operations::compact::options::{CompactOptions, CompactThresholds, Disposal};
pub use operations::compact::stats::CompactStats;
pub use operations::compare::{Change, Difference, compare};
pub use operations::content::{FolderContent, content};
pub use operations::delete::{DeleteOptions, DeleteStats, FullRemoval, Victims, delete};
pub use operations::find::find;
pub use operations::list::{OpenedBackup, for_each_entry, versions};
pub use operations::list_broken_files::{BrokenFile, for_each_broken_file};
pub use operations::prove::{Proof, prove};
pub use operations::purge::options::{PurgeOptions, PurgeStats, Purged, PurgedVersion};
pub use operations::purge::purge;
pub use operations::recreate::{RecreateStats, recreate};
pub use operations::repair::{RepairStats, repair};
pub use operations::restore::options::{Existing, Permissions, RestoreOptions};
pub use operations::restore::restore;
pub use operations::restore::result::{RestoreStats, RestoredFile};
pub use operations::restore::selection::Selection;
pub use operations::verify::stats::{Fault, VerifyStats};
pub use operations::verify::{Samples, VerifyOptions, verify};
pub use reasons::{
    CompactObstacle, FilterProblem, Incomplete, MetadataFailure, OptionProblem, ReadFailure,
};
pub use repository::damage::Lost;
pub use repository::store::Store;
pub use repository::versions::Version;
pub use repository::volumes::RemoteVolume;
pub use retention::{Age, Frame, Retention, TimeSpan, VersionState, retention_victims};
pub use variables::expand_path;

/// What a backup is made with.
pub mod backup {
    pub use crate::operations::backup::*;
}

/// What a restore is made with.
pub mod restore {
    pub use crate::operations::restore::result::MOST_NAMED;
}
