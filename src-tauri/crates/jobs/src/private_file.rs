use std::io::Write as _;
use std::path::{Path, PathBuf};

use coffer_ipc::ErrorCode;

use crate::{Result, blocking, wording};

/// Writes a file with a secret that only this user can read. It replaces an existing file together with its
/// permissions.
///
/// # Errors
/// When it cannot be written; an existing file stays then.
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

/// Writes a new file and renames it when it is complete, because an existing one may be open or readable by others. Its
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
