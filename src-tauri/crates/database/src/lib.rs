//! Databases on this computer, all SQLite.
//!
//! * [`Index`]: what a destination holds (volumes, blocks, blocklists) and what the newest version looks like. A
//!   cache: it may be deleted at any moment and is then read anew from the destination.
//! * [`BlockFilter`]: which blocks are surely in no volume. Lives as long as a backup.
//! * [`RestorePlan`]: which blocks one restore still needs and where they go. Lives as long as the restore.
//! * [`Listing`]: the files of one version, for looking around in it. Lives as long as the look.
//! * [`AppDatabase`]: jobs, runs, accounts and settings. Durable; copied before its schema changes.
//!
//! Rows carry raw bytes and plain numbers; what a hash or a path means is known to the callers alone. Times are
//! nanoseconds since 1970. Nothing here holds a secret but [`Index::save_checkpoint`], whose values come sealed.

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
