use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use coffer_volume::{Format, VolumeDigest};

use crate::error::{Error, Result};

/// Length and hash of a file on this computer.
pub(crate) fn digest(path: &Path, format: &Format) -> Result<VolumeDigest> {
    let failed = |source| Error::io("read", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = format.file_hash().hasher();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            let hash = hasher.finish();
            return Ok(VolumeDigest { size, hash });
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}
