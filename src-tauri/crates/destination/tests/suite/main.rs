//! The destinations of this crate keep the contract.

mod folder;
mod memory;
mod retry;
