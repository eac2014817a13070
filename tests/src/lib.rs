//! What whole stories share: a computer with the `coffer` command, Microsoft beside it, and a search for secrets.
//!
//! * [`Computer`] is one machine: its own folders, an empty environment, and `coffer`.
//! * [`Microsoft`] is the OneDrive simulator, to which a computer is connected.
//! * [`secrets`] searches files, output and processes for secrets in every encoding they could hide in.
//! * [`tools`] finds the programs that stories need. They fail when one is missing; `cargo xtask test` provides all.
//!
//! The stories themselves: `engine.rs` (backups in a folder), `interop.rs` (Duplicati's backups, and what others say of
//! Coffer's), `onedrive.rs` (backups on OneDrive).

mod computer;
mod microsoft;
pub mod secrets;
mod source;
pub mod tools;

pub use computer::{Computer, Finished, Running, volumes};
pub use microsoft::Microsoft;
pub use source::{assert_same_tree, noise, write_source};
