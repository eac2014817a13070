//! Volumes that other programs wrote are read right, and written back byte for byte.

mod aescrypt;
mod duplicati;
mod round_trip;

use std::path::PathBuf;

/// A file or folder under `tests/fixtures` at the top of the project.
fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures")
        .join(path)
}
