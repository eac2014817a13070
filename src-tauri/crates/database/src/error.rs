use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of one of the databases.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is no database, is damaged, or was written by a later version.
    #[error("The database {} is damaged or of a later version", path.display())]
    Unusable {
        /// The database file.
        path: PathBuf,
    },
    /// The app database was written by a later version of Coffer; nothing was changed in it.
    #[error("The database {} is of a later version of Coffer", path.display())]
    Later {
        /// The database file.
        path: PathBuf,
    },
    /// The content of the file differs from what was written, or the file is gone. It should be deleted and rebuilt.
    #[error("The database is damaged")]
    Damaged,
    /// No space is left for it.
    #[error("The disk is full")]
    Full,
    /// SQLite reported an error, usually of the file system or a violated constraint.
    #[error("The database refused the operation")]
    Sqlite(#[source] rusqlite::Error),
    /// A file beside it could not be written.
    #[error("Could not prepare the database {}", path.display())]
    Io {
        /// The database file.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the file is damaged. An index should then be deleted and rebuilt.
    pub fn is_unusable(&self) -> bool {
        matches!(self, Self::Unusable { .. } | Self::Damaged)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        /// The file is shorter than its pages (`SQLITE_IOERR_SHORT_READ`).
        const SHORT_READ: i32 = 522;
        /// The file has been deleted or moved (`SQLITE_READONLY_DBMOVED`).
        const MOVED: i32 = 1032;
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DiskFull)) => Self::Full,
            (_, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
            | (
                // No version writes such values.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..),
                _,
            ) => Self::Damaged,
            _ if matches!(extended, Some(SHORT_READ | MOVED)) => Self::Damaged,
            _ => Self::Sqlite(error),
        }
    }
}
