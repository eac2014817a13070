//! Destinations: where volumes go, as a contract and in its simplest forms.
//!
//! [`Destination`] says what a store of named files must do, what is atomic, and which errors are final.
//! [`FolderDestination`] keeps files in a folder, [`MemoryDestination`] in memory, [`Retrying`] repeats what may
//! succeed when repeated. The feature `conformance` has the cases that every implementation must pass.
//!
//! This crate knows nothing of volumes, databases or Microsoft.

#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
mod error;
mod folder;
mod memory;
mod rests;
mod retry;
mod transfer;
mod waited;

pub use contract::{Destination, Quota, RemoteFile};
pub use error::{Error, Result};
pub use folder::FolderDestination;
pub use memory::MemoryDestination;
pub use rests::{Rest, Rests};
pub use retry::{LONGEST_WAIT, RetryPolicy, Retrying, SHORTEST_WAIT};
pub use transfer::{CheckpointStore, NoCheckpoints, Silent, TransferMonitor, UploadFile};
