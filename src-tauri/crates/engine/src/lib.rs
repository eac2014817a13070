//! The engine: backup, restore, looking into versions, deleting them.
//!
//! A [`Store`] names one backup: where its volumes lie, with what passphrase, and which cache folder on this computer
//! belongs to it. The operations are free functions over it:
//!
//! * [`backup`](backup()) walks the sources beside the index of the newest version ([`source`], [`filter`]), reads what
//!   changed, cuts it into blocks, compresses and hashes them on a small pool, fills volumes, and uploads them while it
//!   goes on. The dlist goes last, so that a version at the destination is always whole.
//! * [`restore`](restore()) plans which blocks are needed, reads each volume once, and puts files in place only when
//!   they are complete and verified.
//! * [`versions`], [`for_each_entry`], [`find`] and [`compare()`] look into versions; [`source::explain`] tells which files
//!   a backup would take.
//! * [`delete()`] and [`Retention`] give versions up, [`compact()`] gives their space back, [`purge()`] takes files out of
//!   versions. Each writes first and deletes last, deletes only what its plan ([`Mode::Plan`]) names, and never a volume
//!   with something that a version needs and no other volume has.
//! * [`verify()`], [`for_each_broken_file`], [`repair()`] and [`recreate`] find and mend damage.
//!
//! # What damage costs
//!
//! | damage | restore | verify | repair | next backup |
//! | --- | --- | --- | --- | --- |
//! | a dblock is gone | everything that is whole, the rest is named | names it | says what is lost | stops and names it, until the index is read anew |
//! | a dblock is cut | everything that is whole, the rest is named | names it | says what is lost | sends again what the sources still have |
//! | a bit of a dblock changed, or it is another backup's | everything that is whole, the rest is named | names it | nothing, until verify found it | nothing, until verify found it; then it sends again what the sources still have |
//! | a dindex is gone, cut, changed or another backup's | everything | names it | writes a new one | is whole |
//! | the newest dlist is gone | the version before | is clean: so looks a deleted version | | is whole |
//! | the newest dlist is cut, changed or another backup's | refused for this version alone | names it | says so | is whole |
//! | the index is gone or damaged | everything | is clean | | is whole; the index is read anew |
//!
//! Files that are lost for good are taken out of versions by [`Purged::Broken`]; what no version needs then, and cannot be
//! read, [`repair()`] deletes.
//!
//! The destination is the truth. The index is brought in line with its listing at the start of each operation and read
//! anew when it is missing or damaged.
//!
//! Everything here is plain blocking code; call it from a thread that may block, inside a tokio runtime
//! (`spawn_blocking`). It meets the async destination in one file, `session.rs`.
//!
//! What happens is told to a [`Monitor`]; words for people are the callers' business.
//!
//! What the product promises, and how all its crates fit together, is [below](#product-and-architecture).
//!
#![doc = include_str!("../docs/design.md")]

pub mod backup;
mod broken;
mod compact;
mod compare;
#[cfg(feature = "simulation")]
pub mod crash;
#[cfg(not(feature = "simulation"))]
mod crash;
mod delete;
mod error;
pub mod filter;
mod monitor;
mod opened;
mod proof;
mod purge;
mod repair;
pub mod restore;
mod retention;
mod session;
pub mod source;
mod source_list;
mod spool;
mod store;
mod threads;
mod usage;
mod variables;
mod verify;
mod versions;

pub use backup::{BackupOptions, BackupStats, backup};
pub use broken::{BrokenFile, Lost, for_each_broken_file};
pub use compact::{CompactOptions, CompactStats, CompactThresholds, Disposal, compact};
pub use compare::{Change, Difference, compare, find};
pub use delete::{DeleteOptions, DeleteStats, FullRemoval, Mode, RemoteVolume, Victims, delete};
pub use error::{Error, Result};
pub use monitor::{Fallback, Monitor, Phase, Problem, ProblemKind, Severity};
pub use opened::{OpenedBackup, for_each_entry, versions};
pub use proof::{Proof, prove};
pub use purge::{PurgeOptions, PurgeStats, Purged, PurgedVersion, purge};
pub use repair::{RecreateStats, RepairStats, recreate, repair};
pub use restore::{
    Existing, Permissions, RestoreOptions, RestoreStats, RestoredFile, Selection, restore,
};
pub use retention::{Age, Frame, Retention, TimeSpan, VersionState, retention_victims};
pub use store::Store;
pub use variables::expand_path;
pub use verify::{Fault, FaultKind, Samples, VerifyOptions, VerifyStats, verify};
pub use versions::{FolderContent, Version, content};
