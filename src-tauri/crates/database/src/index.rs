//! The index of one destination.
//!
//! `entry` holds the files of all versions that were loaded, each row valid from version `first` to version `last`;
//! `last` is null while it is part of the newest one. A run that finds a file unchanged therefore touches no row.
//! What a run finds changed waits in `staged` until its dlist is confirmed, and is then taken over in one transaction.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::{Error, Result};
use crate::sqlite::{self, classify, from_sql, to_sql};

const VERSION: i32 = 2;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volume (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, state INTEGER NOT NULL,
    size INTEGER NOT NULL, hash BLOB, partner INTEGER
);
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

const COLUMNS: &str = "path, kind, time, hash, size, parts, listed, meta_hash, meta_size, meta_parts, \
                       meta_listed, modified, changed, inode";

/// What a volume holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeKind {
    /// Blocks.
    Dblock,
    /// The blocks of a dblock, listed.
    Dindex,
}

/// Where a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeState {
    /// In the spool folder, not confirmed at the destination.
    Spooled,
    /// At the destination.
    Confirmed,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRow {
    /// For blocks that refer to it.
    pub id: i64,
    /// Remote name.
    pub name: String,
    /// What it holds.
    pub kind: VolumeKind,
    /// Where it is.
    pub state: VolumeState,
    /// Bytes.
    pub size: u64,
    /// Hash of the whole file; unknown when nothing stated it.
    pub hash: Option<Vec<u8>>,
    /// Spooled dindex: the dblock that it describes.
    pub partner: Option<i64>,
}

/// A block of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    /// Raw block hash.
    pub hash: Vec<u8>,
    /// Bytes.
    pub size: u64,
}

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilesetRow {
    /// Grows with time.
    pub id: i64,
    /// Seconds since 1970.
    pub time: i64,
}

/// Content or metadata of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRow {
    /// Raw file hash.
    pub hash: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// Raw hash of the only block, or those of all blocklists.
    pub parts: Vec<u8>,
    /// Whether `parts` are blocklists.
    pub listed: bool,
}

/// What tells an unchanged file without reading it. Unknown for entries that came from a dlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalState {
    /// Last change of the content, nanoseconds since 1970.
    pub modified: i64,
    /// Last change of anything (Unix `ctime`), nanoseconds since 1970; 0 where the system keeps none.
    pub changed: i64,
    /// Number of the file in its file system; 0 where there is none.
    pub inode: i64,
}

/// A file, folder or link of the newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// As stored in the backup.
    pub path: String,
    /// The caller's number for file, folder or link.
    pub kind: u8,
    /// Seconds since 1970, as the dlist has it.
    pub time: Option<i64>,
    /// Files only.
    pub content: Option<StreamRow>,
    /// Always there.
    pub metadata: StreamRow,
    /// See [`LocalState`].
    pub local: Option<LocalState>,
}

/// The index of one destination. Cheap to open several times; each thread has its own.
pub struct Index {
    connection: Connection,
    path: PathBuf,
}

impl Index {
    /// Opens or creates the file `path`.
    ///
    /// # Errors
    /// [`Error::Unusable`] when it should be deleted and read anew.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = sqlite::open(path, VERSION, SCHEMA)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A setting, e.g. the block size.
    ///
    /// # Errors
    /// Those of SQLite, as in all methods.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        let value = statement.query_row([key], |row| row.get(0)).optional();
        value.map_err(|error| classify(error, &self.path))
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", [key, value])?;
        Ok(())
    }

    /// Whether data of the newest version may be lost, so that files that look unchanged have to be looked at.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn may_be_damaged(&self) -> Result<bool> {
        Ok(self.meta("damaged")?.is_some_and(|value| value == "yes"))
    }

    /// Notes whether data of the newest version may be lost.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn set_may_be_damaged(&self, damaged: bool) -> Result<()> {
        self.set_meta("damaged", if damaged { "yes" } else { "no" })
    }

    /// Runs `work` in one transaction.
    ///
    /// # Errors
    /// Those of `work`; then nothing is kept.
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

    // Volumes and blocks

    /// All volumes.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn volumes(&self) -> Result<Vec<VolumeRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, name, kind, state, size, hash, partner FROM volume ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(VolumeRow {
                id: row.get(0)?,
                name: row.get(1)?,
                kind: if row.get::<_, i64>(2)? == 0 {
                    VolumeKind::Dblock
                } else {
                    VolumeKind::Dindex
                },
                state: if row.get::<_, i64>(3)? == 0 {
                    VolumeState::Spooled
                } else {
                    VolumeState::Confirmed
                },
                size: from_sql(row.get(4)?),
                hash: row.get(5)?,
                partner: row.get(6)?,
            })
        })?;
        rows.collect::<rusqlite::Result<_>>()
            .map_err(|error| classify(error, &self.path))
    }

    /// Adds a volume, or updates the one with this name, and returns its id.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn put_volume(
        &self,
        name: &str,
        kind: VolumeKind,
        state: VolumeState,
        size: u64,
        hash: Option<&[u8]>,
        partner: Option<i64>,
    ) -> Result<i64> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO volume (name, kind, state, size, hash, partner) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET state = ?3, size = ?4, hash = coalesce(?5, hash)
             RETURNING id",
        )?;
        let kind = i64::from(kind == VolumeKind::Dindex);
        let state = i64::from(state == VolumeState::Confirmed);
        let values = params![name, kind, state, to_sql(size), hash, partner];
        Ok(statement.query_row(values, |row| row.get(0))?)
    }

    /// Marks a spooled volume as arrived.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn confirm_volume(&self, name: &str) -> Result<()> {
        self.connection
            .execute("UPDATE volume SET state = 1 WHERE name = ?1", [name])?;
        Ok(())
    }

    /// Whether a volume is at the destination.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn is_confirmed(&self, name: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM volume WHERE name = ?1 AND state = 1")?;
        Ok(statement.exists([name])?)
    }

    /// Forgets a volume and its blocks.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn remove_volume(&self, id: i64) -> Result<()> {
        self.connection
            .execute("DELETE FROM block WHERE volume = ?1", [id])?;
        self.connection
            .execute("DELETE FROM covers WHERE dindex = ?1", [id])?;
        self.connection
            .execute("DELETE FROM volume WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Notes that a dindex describes the dblock with this name, whether that exists or not.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_cover(&self, dindex: i64, dblock: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO covers VALUES (?1, ?2)")?
            .execute(params![dindex, dblock])?;
        Ok(())
    }

    /// Numbers of dindexes with the name of each dblock that they describe, in the order of the numbers.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn covers(&self) -> Result<Vec<(i64, String)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT dindex, dblock FROM covers ORDER BY dindex")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds a block of a volume.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_block(&self, volume: i64, hash: &[u8], size: u64) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO block VALUES (?1, ?2, ?3)")?
            .execute(params![hash, to_sql(size), volume])?;
        Ok(())
    }

    /// Makes [`Index::blocks_of`] fast for many volumes, which the size of the index pays for.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn prepare_for_volumes(&self) -> Result<()> {
        self.connection
            .execute_batch("CREATE INDEX IF NOT EXISTS block_volume ON block (volume)")?;
        Ok(())
    }

    /// All blocks of a volume.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn blocks_of(&self, volume: i64) -> Result<Vec<BlockRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT hash, size FROM block WHERE volume = ?1")?;
        let rows = statement.query_map([volume], |row| {
            Ok(BlockRow {
                hash: row.get(0)?,
                size: from_sql(row.get(1)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How often each volume was looked into, by name; those that never were are left out.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn tested(&self) -> Result<HashMap<String, u64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, count FROM tested")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, from_sql(row.get(1)?))))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that a volume was looked into.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_tested(&self, name: &str) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO tested VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1",
            )?
            .execute([name])?;
        Ok(())
    }

    /// Whether some volume holds this block.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn has_block(&self, hash: &[u8], size: u64) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM block WHERE hash = ?1 AND size = ?2 LIMIT 1")?;
        Ok(statement.exists(params![hash, to_sql(size)])?)
    }

    /// Whether a volume has no block that is in no other volume.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn is_redundant(&self, volume: i64) -> Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM block b WHERE b.volume = ?1 AND NOT EXISTS
                (SELECT 1 FROM block o WHERE o.hash = b.hash AND o.size = b.size AND o.volume <> ?1) LIMIT 1",
        )?;
        Ok(!statement.exists([volume])?)
    }

    /// Keeps the content of a blocklist.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_blocklist(&self, hash: &[u8], data: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO blocklist (hash, data) VALUES (?1, ?2)")?
            .execute(params![hash, data])?;
        Ok(())
    }

    /// Content of a blocklist.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn blocklist(&self, hash: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT data FROM blocklist WHERE hash = ?1")?;
        Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
    }

    // Versions and entries

    /// All versions that were loaded, oldest first.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn filesets(&self) -> Result<Vec<FilesetRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, time FROM fileset ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok(FilesetRow {
                id: row.get(0)?,
                time: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets all versions and their entries.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn clear_filesets(&self) -> Result<()> {
        self.connection
            .execute_batch("DELETE FROM staged; DELETE FROM entry; DELETE FROM fileset;")?;
        Ok(())
    }

    /// Forgets a version that is not the newest. Entries that no version has any more go with it.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn remove_fileset(&self, id: i64) -> Result<()> {
        self.connection
            .execute("DELETE FROM fileset WHERE id = ?1", [id])?;
        self.connection.execute(
            "DELETE FROM entry WHERE last IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM fileset WHERE id BETWEEN entry.first AND entry.last)",
            [],
        )?;
        Ok(())
    }

    /// Forgets the version made at `time` (seconds since 1970), if it was loaded. Without the newest one, none is
    /// loaded any more.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn forget_version(&self, time: i64) -> Result<()> {
        let filesets = self.filesets()?;
        match filesets.iter().position(|fileset| fileset.time == time) {
            Some(position) if position + 1 == filesets.len() => self.clear_filesets(),
            Some(position) => self.remove_fileset(filesets[position].id),
            None => Ok(()),
        }
    }

    /// Whether the version made at `time` (seconds since 1970) is complete, if that is known. Known also of versions
    /// that are not loaded.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn completeness(&self, time: i64) -> Result<Option<bool>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT complete FROM completeness WHERE time = ?1")?;
        Ok(statement.query_row([time], |row| row.get(0)).optional()?)
    }

    /// Notes whether the version made at `time` is complete.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn set_completeness(&self, time: i64, is_complete: bool) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO completeness VALUES (?1, ?2)")?
            .execute(params![time, is_complete])?;
        Ok(())
    }

    /// Adds a version of which all entries will be inserted with [`Index::insert_entry`].
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_fileset(&self, time: i64) -> Result<i64> {
        self.connection
            .execute("INSERT INTO fileset (time) VALUES (?1)", [time])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Adds an entry that is new in version `fileset`. A path that is there already is passed over, as Duplicati does.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn insert_entry(&self, fileset: i64, entry: &EntryRow) -> Result<()> {
        let sql = format!(
            "INSERT OR IGNORE INTO entry ({COLUMNS}, first) VALUES
                (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        bind(&mut statement, entry)?;
        statement.raw_bind_parameter(15, fileset)?;
        statement.raw_execute()?;
        Ok(())
    }

    /// Calls `sink` with each entry of the newest version, by path in byte order, until it returns false.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn for_each_current(&self, sink: impl FnMut(EntryRow) -> bool) -> Result<()> {
        self.for_each(
            &format!("SELECT {COLUMNS} FROM entry WHERE last IS NULL ORDER BY path"),
            sink,
        )
    }

    /// Forgets what a run before left staged.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn clear_staged(&self) -> Result<()> {
        self.connection.execute("DELETE FROM staged", [])?;
        Ok(())
    }

    /// Stages an entry that is new or changed.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn stage(&self, entry: &EntryRow) -> Result<()> {
        let sql = format!(
            "INSERT OR REPLACE INTO staged ({COLUMNS}, gone) VALUES
                (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0)"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        bind(&mut statement, entry)?;
        statement.raw_execute()?;
        Ok(())
    }

    /// Stages that a path is gone.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn stage_gone(&self, path: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO staged (path, gone) VALUES (?1, 1)")?
            .execute([path])?;
        Ok(())
    }

    /// Calls `sink` with each entry as the staged version will have it, those of `kinds` only, by path.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn for_each_staged_version(
        &self,
        kinds: &[u8],
        sink: impl FnMut(EntryRow) -> bool,
    ) -> Result<()> {
        let kinds = kinds
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        self.for_each(
            &format!(
                "SELECT {COLUMNS} FROM entry WHERE last IS NULL AND kind IN ({kinds})
                    AND NOT EXISTS (SELECT 1 FROM staged WHERE staged.path = entry.path)
                 UNION ALL SELECT {COLUMNS} FROM staged WHERE gone = 0 AND kind IN ({kinds})
                 ORDER BY path"
            ),
            sink,
        )
    }

    /// Makes the staged changes the newest version, made at `time` (seconds since 1970).
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn commit_staged(&self, time: i64) -> Result<()> {
        self.transaction(|index| {
            let previous = index.filesets()?.last().map_or(0, |fileset| fileset.id);
            let fileset = index.add_fileset(time)?;
            index.connection.execute(
                "UPDATE entry SET last = ?1 WHERE last IS NULL AND path IN (SELECT path FROM staged)",
                [previous],
            )?;
            index.connection.execute(
                &format!(
                    "INSERT INTO entry ({COLUMNS}, first) SELECT {COLUMNS}, ?1 FROM staged WHERE gone = 0"
                ),
                [fileset],
            )?;
            index.clear_staged()
        })
    }

    /// Takes staged entries over into the newest version as it is, because they differ only in [`LocalState`].
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn merge_staged(&self) -> Result<()> {
        self.transaction(|index| {
            index.connection.execute(
                "UPDATE entry SET (modified, changed, inode) =
                    (SELECT s.modified, s.changed, s.inode FROM staged s WHERE s.path = entry.path)
                 WHERE last IS NULL AND path IN (SELECT path FROM staged WHERE gone = 0)",
                [],
            )?;
            index.clear_staged()
        })
    }

    fn for_each(&self, sql: &str, mut sink: impl FnMut(EntryRow) -> bool) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next().map_err(|error| classify(error, &self.path))? {
            if !sink(read_entry(row)?) {
                break;
            }
        }
        Ok(())
    }

    // Uploads that were cut off

    /// Saves how far an upload came; `value` is sealed by the caller.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn save_checkpoint(&self, name: &str, value: &str) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO checkpoint VALUES (?1, ?2)",
            [name, value],
        )?;
        Ok(())
    }

    /// What was saved last.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn checkpoint(&self, name: &str) -> Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM checkpoint WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Names with a checkpoint.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn checkpoint_names(&self) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM checkpoint ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<std::result::Result<_, _>>()?)
    }

    /// Forgets a checkpoint.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn remove_checkpoint(&self, name: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM checkpoint WHERE name = ?1", [name])?;
        Ok(())
    }
}

/// Binds the columns of [`COLUMNS`], in order, from 1 on.
fn bind(statement: &mut rusqlite::Statement<'_>, entry: &EntryRow) -> rusqlite::Result<()> {
    let content = entry.content.as_ref();
    statement.raw_bind_parameter(1, &entry.path)?;
    statement.raw_bind_parameter(2, entry.kind)?;
    statement.raw_bind_parameter(3, entry.time)?;
    statement.raw_bind_parameter(4, content.map(|stream| &stream.hash))?;
    statement.raw_bind_parameter(5, content.map(|stream| to_sql(stream.size)))?;
    statement.raw_bind_parameter(6, content.map(|stream| &stream.parts))?;
    statement.raw_bind_parameter(7, content.map(|stream| stream.listed))?;
    statement.raw_bind_parameter(8, &entry.metadata.hash)?;
    statement.raw_bind_parameter(9, to_sql(entry.metadata.size))?;
    statement.raw_bind_parameter(10, &entry.metadata.parts)?;
    statement.raw_bind_parameter(11, entry.metadata.listed)?;
    statement.raw_bind_parameter(12, entry.local.map(|local| local.modified))?;
    statement.raw_bind_parameter(13, entry.local.map(|local| local.changed))?;
    statement.raw_bind_parameter(14, entry.local.map(|local| local.inode))
}

fn read_entry(row: &Row<'_>) -> Result<EntryRow> {
    let content = match row.get::<_, Option<Vec<u8>>>(3)? {
        None => None,
        Some(hash) => Some(StreamRow {
            hash,
            size: from_sql(row.get(4)?),
            parts: row.get(5)?,
            listed: row.get(6)?,
        }),
    };
    let local = match row.get(11)? {
        None => None,
        Some(modified) => Some(LocalState {
            modified,
            changed: row.get(12)?,
            inode: row.get(13)?,
        }),
    };
    let kind: i64 = row.get(1)?;
    Ok(EntryRow {
        path: row.get(0)?,
        kind: u8::try_from(kind).map_err(|_| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Integer, "unknown kind".into())
        })?,
        time: row.get(2)?,
        content,
        metadata: StreamRow {
            hash: row.get(7)?,
            size: from_sql(row.get(8)?),
            parts: row.get(9)?,
            listed: row.get(10)?,
        },
        local,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, size: u64) -> EntryRow {
        let stream = |size| StreamRow {
            hash: vec![1],
            size,
            parts: vec![2],
            listed: false,
        };
        EntryRow {
            path: path.into(),
            kind: 0,
            time: Some(7),
            content: Some(stream(size)),
            metadata: stream(10),
            local: Some(LocalState {
                modified: 1,
                changed: 2,
                inode: 3,
            }),
        }
    }

    fn current(index: &Index) -> Vec<EntryRow> {
        let mut rows = Vec::new();
        index
            .for_each_current(|row| {
                rows.push(row);
                true
            })
            .unwrap();
        rows
    }

    #[test]
    fn staged_changes_become_the_newest_version() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        for path in ["/a", "/b", "/c"] {
            index.stage(&entry(path, 1)).unwrap();
        }
        index.commit_staged(100).unwrap();
        index.stage(&entry("/b", 2)).unwrap();
        index.stage_gone("/c").unwrap();

        let mut upcoming = Vec::new();
        index
            .for_each_staged_version(&[0], |row| {
                upcoming.push(row);
                true
            })
            .unwrap();
        index.commit_staged(200).unwrap();

        assert_eq!(upcoming, [entry("/a", 1), entry("/b", 2)]);
        assert_eq!(current(&index), upcoming);
        assert_eq!(index.filesets().unwrap().len(), 2);
    }

    #[test]
    fn a_volume_with_the_only_copy_of_a_block_is_not_redundant() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        let put = |name| {
            index
                .put_volume(
                    name,
                    VolumeKind::Dblock,
                    VolumeState::Confirmed,
                    1,
                    None,
                    None,
                )
                .unwrap()
        };
        let (first, second) = (put("first"), put("second"));
        index.add_block(first, b"x", 5).unwrap();
        index.add_block(second, b"x", 5).unwrap();
        index.add_block(second, b"y", 5).unwrap();

        assert!(index.is_redundant(first).unwrap());
        assert!(!index.is_redundant(second).unwrap());
        index.remove_volume(second).unwrap();
        assert!(index.has_block(b"x", 5).unwrap());
        assert!(!index.has_block(b"y", 5).unwrap());
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
