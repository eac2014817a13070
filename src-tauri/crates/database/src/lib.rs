//! Databases on this computer, all SQLite.
//!
//! * [`Index`]: what a destination holds (volumes, blocks, blocklists) and what the newest version looks like. A cache:
//!   it may be deleted at any moment and is then rebuilt from the destination.
//! * [`BlockFilter`]: which blocks are certainly in no volume. Lives as long as a backup.
//! * [`RestorePlan`]: which blocks one restore still needs and where they go. Lives as long as the restore.
//! * [`Listing`]: the files of one version, for browsing it. Lives as long as the user browses.
//! * [`AppDatabase`]: jobs, runs, accounts and settings. Durable; copied before its schema changes.
//!
//! Rows carry raw bytes and plain numbers; only the callers know what a hash or a path means. Times are nanoseconds
//! since 1970. Functions fail with what SQLite reports; an `# Errors` section names only what is special. Nothing here
//! holds a secret except [`Index::save_checkpoint`], whose values the caller has encrypted.

mod app;
mod comparison;
mod error;
mod filter;
mod index;
mod listing;
mod plan;
mod sqlite;
mod stream_blocks;
mod usage;

pub use app::{AppDatabase, Mended, MessageRow, RunRow};
pub use comparison::{ComparedEntry, Comparison};
pub use error::{Error, Result};
pub use filter::BlockFilter;
pub use index::{
    BlockRow, EntryRow, FilesetRow, Index, IndexHandle, KnownDlist, LocalState, StreamRow,
    VolumeKind, VolumeRow, VolumeState,
};
pub use listing::{Listing, ListingRow};
pub use plan::{PlanEntry, RestorePlan, Use, WantedBlock};
pub use stream_blocks::StreamBlocks;
pub use usage::{Usage, VolumeUsage};
