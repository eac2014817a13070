//! The archive in a volume: zip, entries compressed beforehand, written without seeking; read by name. Two tar
//! containers are read as well.

mod inflater;
mod prepared;
mod read_seek;
mod reader;
mod tar;
mod writer;

pub use prepared::{BlockCompressor, CompressionMethod, Hint, PreparedEntry, PreparedStream};
pub use reader::VolumeReader;
pub(crate) use writer::ArchiveWriter;
