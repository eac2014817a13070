use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a database could not be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is no database, is damaged, or was written by a later version.
    #[error("The database {} is damaged or of a later version", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
    },
    /// No space is left for it.
    #[error("The disk is full")]
    Full,
    /// SQLite refused.
    #[error("The database refused the operation")]
    Sqlite(#[source] rusqlite::Error),
    /// A file beside it could not be written.
    #[error("Could not prepare the database {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}
