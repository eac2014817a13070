use std::io::Write as _;
use std::path::{Path, PathBuf};

use coffer_ipc::ErrorCode;

use crate::{Result, blocking, wording};

/// Writes a file that only this user can read: the person asked for one with a secret in it. What had its name goes, and
/// with it whoever could read that.
///
/// # Errors
/// When it cannot be written; what was there stays then.
pub async fn save_private_file(path: PathBuf, text: String) -> Result<()> {
    blocking(move || {
        write(&path, text.as_bytes()).map_err(|error| {
            wording::error(
                ErrorCode::Failed,
                format!("{} could not be written: {error}.", path.display()),
                "Choose another location.",
            )
        })
    })
    .await
}

/// A file of its own that takes the name when it is complete: one that was there may be open, or open to others. Its
/// mode is 0600; Windows profiles are private already.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".coffer-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
