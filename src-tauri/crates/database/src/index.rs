//! The index of one destination.
//!
//! `entry` holds the files of all versions that were loaded, each row valid from version `first` to version `last`;
//! `last` is null while it is part of the newest one. A run that finds a file unchanged therefore touches no row.
//! What a run finds changed waits in `staged` until its dlist is confirmed, and is then taken over in one transaction.

mod checkpoints;
mod mounts;
mod older;
mod versions;
mod volumes;
mod waste;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{Error, Result};
use crate::sqlite;

pub use versions::{EntryRow, FilesetRow, KnownDlist, LocalState, StreamRow};
pub use volumes::{BlockRow, VolumeKind, VolumeRow, VolumeState};

const VERSION: i32 = 4;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('id', lower(hex(randomblob(16))));
CREATE TABLE volume (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, state INTEGER NOT NULL,
    size INTEGER NOT NULL, hash BLOB, partner INTEGER, own INTEGER NOT NULL, needed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE lost (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE waste (name TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dlist (
    name TEXT PRIMARY KEY, size INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE older (name TEXT PRIMARY KEY, gone INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE older_live (hash BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (hash, size)) WITHOUT ROWID;
CREATE TABLE mount (path TEXT PRIMARY KEY, device INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE block (
    hash BLOB NOT NULL, size INTEGER NOT NULL, volume INTEGER NOT NULL, PRIMARY KEY (hash, size, volume)
) WITHOUT ROWID;
CREATE TABLE tested (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE covers (
    dindex INTEGER NOT NULL, dblock TEXT NOT NULL, PRIMARY KEY (dindex, dblock)
) WITHOUT ROWID;
CREATE TABLE blocklist (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE fileset (id INTEGER PRIMARY KEY, time INTEGER NOT NULL UNIQUE);
CREATE TABLE completeness (time INTEGER PRIMARY KEY, complete INTEGER NOT NULL);
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, kind INTEGER NOT NULL, time INTEGER,
    hash BLOB, size INTEGER, parts BLOB, listed INTEGER,
    meta_hash BLOB NOT NULL, meta_size INTEGER NOT NULL, meta_parts BLOB NOT NULL, meta_listed INTEGER NOT NULL,
    modified INTEGER, changed INTEGER, inode INTEGER,
    first INTEGER NOT NULL, last INTEGER
);
CREATE UNIQUE INDEX open_entry ON entry (path) WHERE last IS NULL;
CREATE TABLE staged (
    path TEXT PRIMARY KEY, gone INTEGER NOT NULL, kind INTEGER, time INTEGER,
    hash BLOB, size INTEGER, parts BLOB, listed INTEGER,
    meta_hash BLOB, meta_size INTEGER, meta_parts BLOB, meta_listed INTEGER,
    modified INTEGER, changed INTEGER, inode INTEGER
) WITHOUT ROWID;
CREATE TABLE checkpoint (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

/// The index of one destination. Cheap to open several times; each thread has its own handle.
pub struct Index {
    connection: Connection,
    handle: IndexHandle,
}

/// Opens further handles of an index, on any thread.
#[derive(Debug, Clone)]
pub struct IndexHandle {
    path: PathBuf,
    /// Random identifier that the file got when it was created.
    id: String,
}

impl IndexHandle {
    /// Opens the same index.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the file is gone or was replaced.
    pub fn open(&self) -> Result<Index> {
        let connection = sqlite::open_existing(&self.path, VERSION)?;
        self.check(&connection, "meta")?;
        Ok(Index {
            connection,
            handle: self.clone(),
        })
    }

    /// Makes the index readable as `idx` in another database.
    pub(crate) fn attach(&self, connection: &Connection) -> Result<()> {
        connection.execute("ATTACH DATABASE ?1 AS idx", [self.path.to_string_lossy()])?;
        self.check(connection, "idx.meta")
    }

    fn check(&self, connection: &Connection, table: &str) -> Result<()> {
        let sql = format!("SELECT value FROM {table} WHERE key = 'id'");
        let id = connection.query_row(&sql, [], |row| row.get::<_, String>(0));
        if id.is_ok_and(|id| id == self.id) {
            Ok(())
        } else {
            Err(Error::Damaged)
        }
    }
}

impl Index {
    /// Opens or creates the file `path`.
    ///
    /// # Errors
    /// [`Error::Unusable`] when it should be deleted and rebuilt.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = sqlite::open(path, VERSION, SCHEMA)?;
        let id = connection
            .query_row("SELECT value FROM meta WHERE key = 'id'", [], |row| {
                row.get(0)
            })
            .map_err(|_| Error::Unusable {
                path: path.to_owned(),
            })?;
        let path = path.to_owned();
        Ok(Self {
            connection,
            handle: IndexHandle { path, id },
        })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.handle.path
    }

    /// A handle that opens the same index on another thread.
    pub fn handle(&self) -> IndexHandle {
        self.handle.clone()
    }

    /// A setting, e.g. the block size.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Sets a setting.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", [key, value])?;
        Ok(())
    }

    /// Whether data of the newest version may be lost, so that files that look unchanged have to be read.
    pub fn may_be_damaged(&self) -> Result<bool> {
        Ok(self.meta("damaged")?.is_some_and(|value| value == "yes"))
    }

    /// Records whether data of the newest version may be lost.
    pub fn set_may_be_damaged(&self, damaged: bool) -> Result<()> {
        self.set_meta("damaged", if damaged { "yes" } else { "no" })
    }

    /// Whether a problem was found that the user must see before anything may be deleted.
    pub fn holds_deletions(&self) -> Result<bool> {
        Ok(self.meta("hold")?.is_some_and(|value| value == "yes"))
    }

    /// Records whether deletions are held back, until the next run begins.
    pub fn hold_deletions(&self, hold: bool) -> Result<()> {
        self.set_meta("hold", if hold { "yes" } else { "no" })
    }

    /// Freezes the state of the index that this handle shows, which makes look-ups faster, until
    /// [`Index::end_reading`].
    pub fn begin_reading(&self) -> Result<()> {
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(())
    }

    /// Shows the newest state again.
    pub fn end_reading(&self) -> Result<()> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Runs `work` in one transaction.
    ///
    /// # Errors
    /// Also those of `work`; nothing is stored then.
    pub fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let begin = |sql| self.connection.execute_batch(sql).map_err(Error::from);
        begin("BEGIN IMMEDIATE")?;
        match work(self) {
            Ok(value) => {
                begin("COMMIT")?;
                Ok(value)
            }
            Err(error) => {
                // The error of the work is the one that matters.
                let _ = self.connection.execute_batch("ROLLBACK");
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_another_is_not_taken_for_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let index = Index::open(&path).unwrap();
        let handle = index.handle();
        assert!(handle.open().is_ok());

        for suffix in ["", "-wal", "-shm"] {
            std::fs::remove_file(folder.path().join(format!("index.sqlite{suffix}"))).unwrap();
        }

        assert!(matches!(handle.open(), Err(Error::Damaged)));
        assert!(!path.exists(), "nothing is created");
        drop(Index::open(&path).unwrap());
        assert!(matches!(handle.open(), Err(Error::Damaged)));
    }

    #[test]
    fn what_is_no_database_is_unusable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        std::fs::write(
            &path,
            "this is not a database, but long enough to look at ".repeat(100),
        )
        .unwrap();

        assert!(matches!(Index::open(&path), Err(Error::Unusable { .. })));
    }
}
