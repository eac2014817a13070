//! Opens SQLite files, all with the same settings.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::error::{Error, Result};

/// Opens `path`, creating tables with `schema` when it is new, and checks that it has `version`.
pub(crate) fn open(path: &Path, version: i32, schema: &str) -> Result<Connection> {
    let unusable = |_| Error::Unusable {
        path: path.to_owned(),
    };
    let connection = open_file(path)?;
    let found = version_of(&connection, path)?;
    if found == 0 {
        connection
            .execute_batch(&format!(
                "BEGIN; {schema} PRAGMA user_version = {version}; COMMIT;"
            ))
            .map_err(|error| classify(error, path))?;
    } else if found != version {
        return Err(unusable(found));
    }
    Ok(connection)
}

/// Opens or creates `path` without looking at its schema.
pub(crate) fn open_file(path: &Path) -> Result<Connection> {
    create_private(path)?;
    let connection = Connection::open(path)?;
    configure(&connection).map_err(|error| classify(error, path))?;
    Ok(connection)
}

/// Opens `path`, which must exist and have `version`.
pub(crate) fn open_existing(path: &Path, version: i32) -> Result<Connection> {
    use rusqlite::OpenFlags;
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    let connection = Connection::open_with_flags(path, flags).map_err(|_| Error::Damaged)?;
    configure(&connection).map_err(|error| classify(error, path))?;
    if version_of(&connection, path)? == version {
        Ok(connection)
    } else {
        Err(Error::Damaged)
    }
}

/// The schema version of the file behind a connection.
fn version_of(connection: &Connection, path: &Path) -> Result<i32> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| classify(error, path))
}

/// Creates a temporary database, which SQLite holds in memory until it grows, and then in an unnamed file.
pub(crate) fn open_temporary(schema: &str) -> Result<Connection> {
    let connection = Connection::open("")?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;
         PRAGMA temp_store = FILE;",
    )?;
    connection.execute_batch(schema)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Page caches stay small: a backup has one connection per thread, each with a cache of its own, and all of them are
/// backed by the system's file cache.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -2000;",
    )?;
    keep_statements(connection)
}

/// Does `work` in a transaction of its own, which is on the disk when this returns. Other transactions may be lost in a
/// power cut, which costs no more than reading some volumes again.
pub(crate) fn durably(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    connection.execute_batch("PRAGMA synchronous = FULL;")?;
    let done = (|| {
        let transaction = connection.unchecked_transaction()?;
        work(&transaction)?;
        Ok(transaction.commit()?)
    })();
    connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
    done
}

/// Prepares each statement once. Without the stability guarantee, SQLite plans a statement again for every value bound
/// to it, which takes longer than running most of ours.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

pub(crate) fn classify(error: rusqlite::Error, path: &Path) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Error::Unusable {
            path: path.to_owned(),
        },
        _ => error.into(),
    }
}

/// Creates the file so that only its owner can read it; Windows profiles are private already.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(failed)
}

/// SQLite has signed integers only; sizes stay far below the difference.
pub(crate) fn to_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Counterpart of [`to_sql`]; a negative number in a damaged file counts as 0.
pub(crate) fn from_sql(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
