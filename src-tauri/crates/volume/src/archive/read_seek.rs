use std::io::{Read, Seek};

/// Anything a volume can be read from.
pub(super) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}
