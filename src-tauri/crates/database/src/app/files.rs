//! Files that lie beside the database.

use std::path::{Path, PathBuf};

/// The path of the file whose name is that of `path` with `ending` appended.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
