//! Locks between processes of this computer.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::logs::create_private_folder;

/// Waits for the lock; dropping the file releases it.
///
/// # Errors
/// When the file cannot be created or locked.
pub(crate) fn hold(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let file = File::create(path)?;
    file.lock()?;
    Ok(file)
}
