//! Destinations: where volumes are stored, as a contract with simple implementations.
//!
//! [`Destination`] defines what a store of named files must do, what is atomic, and which errors are final.
//! [`FolderDestination`] stores files in a folder, [`MemoryDestination`] in memory, and [`Retrying`] repeats calls that
//! failed transiently. The feature `conformance` has the cases that every implementation must pass.
//!
//! This crate knows nothing about volumes, databases or Microsoft.

#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
mod error;
mod folder;
mod memory;
mod problems;
mod rests;
mod retry;
mod transfer;
mod waited;

pub use contract::{Destination, Quota, RemoteFile};
pub use error::{Error, Result};
pub use folder::FolderDestination;
pub use memory::MemoryDestination;
pub use problems::{NameProblem, RegistrationProblem, SignInOutage, SignInProblem};
pub use rests::{Rest, Rests};
pub use retry::{LONGEST_WAIT, RetryPolicy, Retrying, SHORTEST_WAIT};
pub use transfer::{CheckpointStore, NoCheckpoints, Silent, TransferMonitor, UploadFile};
