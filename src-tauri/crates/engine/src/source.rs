//! Sources: walking them in a fixed order, and what is known of each entry without reading it.
//!
//! The order is that of stored paths in bytes, folders with their separator, which is also the order in which the
//! index gives out the newest version. Both can therefore be compared in one pass, however many files there are.

mod compressed;
#[cfg(unix)]
mod metadata_unix;
#[cfg(windows)]
mod metadata_windows;
mod roots;
mod walk;

pub(crate) use compressed::is_compressed;
#[cfg(unix)]
pub(crate) use metadata_unix::{local_state, metadata};
#[cfg(windows)]
pub(crate) use metadata_windows::{local_state, metadata};
pub use roots::stored_path;
pub(crate) use roots::{Root, roots};
pub(crate) use walk::{Found, Walk, WalkItem};

/// What separates the parts of stored paths on this system.
pub const SEPARATOR: char = std::path::MAIN_SEPARATOR;
