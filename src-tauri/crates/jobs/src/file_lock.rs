//! What processes of this computer do one after the other.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::logs::create_private_folder;

/// Waits for the lock; dropping the file gives it back.
///
/// # Errors
/// When the file cannot be made.
pub(crate) fn hold(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let file = File::create(path)?;
    file.lock()?;
    Ok(file)
}
