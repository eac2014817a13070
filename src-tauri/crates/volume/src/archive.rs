//! The zip archive in a volume: entries compressed beforehand, written without seeking; read by name.

mod prepared;
mod reader;
mod writer;

pub use prepared::{BlockCompressor, Hint, PreparedEntry, PreparedStream};
pub use reader::VolumeReader;
pub(crate) use writer::ArchiveWriter;
