//! The plan of one restore: which blocks it still needs, and where each of them goes.
//!
//! It lies in a temporary database, so that a restore of millions of files takes no more memory than one of ten.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Result;
use crate::index::StreamRow;
use crate::sqlite::{self, from_sql, to_sql};

const SCHEMA: &str = "
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path TEXT NOT NULL, target BLOB NOT NULL,
    hash BLOB, size INTEGER, listed INTEGER, metadata INTEGER, missing INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE metadata (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL, size INTEGER NOT NULL, missing INTEGER NOT NULL DEFAULT 0,
    data BLOB, UNIQUE (hash, size)
);
CREATE TABLE wanted (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL, size INTEGER NOT NULL, volume INTEGER,
    done INTEGER NOT NULL DEFAULT 0, UNIQUE (hash, size)
);
CREATE TABLE use (wanted INTEGER NOT NULL, entry INTEGER, metadata INTEGER, offset INTEGER NOT NULL);
CREATE TABLE failed_volume (id INTEGER PRIMARY KEY);
";

/// An entry that is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanEntry {
    /// Identifies it in the plan.
    pub id: i64,
    /// The caller's number for file, folder or link.
    pub kind: u8,
    /// As stored in the backup.
    pub path: String,
    /// Where it goes, in the caller's encoding.
    pub target: Vec<u8>,
    /// Raw file hash and bytes; files only.
    pub content: Option<(Vec<u8>, u64)>,
    /// Whether the content is more than one block.
    pub listed: bool,
    /// Its metadata, if the backup has any.
    pub metadata: Option<i64>,
    /// Blocks of the content that have not arrived.
    pub missing: u64,
}

/// A block that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedBlock {
    /// Identifies it in the plan.
    pub id: i64,
    /// Raw block hash.
    pub hash: Vec<u8>,
    /// Bytes.
    pub size: u64,
}

/// Where a block goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Into a file, at this position.
    File {
        /// [`PlanEntry::id`].
        entry: i64,
        /// Byte position.
        offset: u64,
    },
    /// Into metadata, at this position.
    Metadata {
        /// Identifies it in the plan.
        metadata: i64,
        /// Byte position.
        offset: u64,
    },
}

/// The plan of one restore.
pub struct RestorePlan {
    connection: Connection,
}

impl RestorePlan {
    /// An empty plan over the blocks of the index at `index`.
    ///
    /// # Errors
    /// Those of SQLite, as in all methods.
    pub fn new(index: &Path) -> Result<Self> {
        let connection = sqlite::open_temporary(SCHEMA)?;
        connection.execute("ATTACH DATABASE ?1 AS idx", [index.to_string_lossy()])?;
        Ok(Self { connection })
    }

    /// Runs `work` in one transaction.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn transaction<T, E: From<crate::Error>>(
        &self,
        work: impl FnOnce(&Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let run = |sql| {
            self.connection
                .execute_batch(sql)
                .map_err(crate::Error::from)
        };
        run("BEGIN")?;
        let outcome = work(self);
        run("COMMIT")?;
        outcome
    }

    /// Adds an entry without blocks and returns its id.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_entry(
        &self,
        kind: u8,
        path: &str,
        target: &[u8],
        content: Option<&StreamRow>,
        metadata: Option<i64>,
    ) -> Result<i64> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO entry (kind, path, target, hash, size, listed, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        statement
            .insert(params![
                kind,
                path,
                target,
                content.map(|stream| &stream.hash),
                content.map(|stream| to_sql(stream.size)),
                content.is_some_and(|stream| stream.listed),
                metadata,
            ])
            .map_err(Into::into)
    }

    /// Adds a metadata stream and returns its id, and whether it is new to the plan.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_metadata(&self, hash: &[u8], size: u64) -> Result<(i64, bool)> {
        let known = self
            .connection
            .prepare_cached("SELECT id FROM metadata WHERE hash = ?1 AND size = ?2")?
            .query_row(params![hash, to_sql(size)], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok((id, false));
        }
        let id = self
            .connection
            .prepare_cached("INSERT INTO metadata (hash, size) VALUES (?1, ?2)")?
            .insert(params![hash, to_sql(size)])?;
        Ok((id, true))
    }

    /// Adds a block that goes somewhere.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_use(&self, hash: &[u8], size: u64, target: Use) -> Result<()> {
        let wanted: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO wanted (hash, size) VALUES (?1, ?2)
                 ON CONFLICT (hash, size) DO UPDATE SET size = size RETURNING id",
            )?
            .query_row(params![hash, to_sql(size)], |row| row.get(0))?;
        let (entry, metadata, offset) = match target {
            Use::File { entry, offset } => (Some(entry), None, offset),
            Use::Metadata { metadata, offset } => (None, Some(metadata), offset),
        };
        self.connection
            .prepare_cached("INSERT INTO use VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![wanted, entry, metadata, to_sql(offset)])?;
        let count = match target {
            Use::File { .. } => "UPDATE entry SET missing = missing + 1 WHERE id = ?1",
            Use::Metadata { .. } => "UPDATE metadata SET missing = missing + 1 WHERE id = ?1",
        };
        self.connection
            .prepare_cached(count)?
            .execute([entry.or(metadata)])?;
        Ok(())
    }

    /// Marks an entry as not restorable; its blocks are no longer waited for.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn mark_failed(&self, entry: i64) -> Result<()> {
        self.set_state(entry, 2)
    }

    /// Marks an entry as finished.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn mark_done(&self, entry: i64) -> Result<()> {
        self.set_state(entry, 1)
    }

    fn set_state(&self, entry: i64, state: i64) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE entry SET state = ?2 WHERE id = ?1")?
            .execute([entry, state])?;
        Ok(())
    }

    /// Gives every open block a volume that holds it and did not fail; call once all are added, and after failures.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn assign_volumes(&self) -> Result<()> {
        self.connection.execute_batch(
            "CREATE INDEX IF NOT EXISTS use_wanted ON use (wanted);
             CREATE INDEX IF NOT EXISTS entry_metadata ON entry (metadata);
             UPDATE wanted SET volume = (
                SELECT min(b.volume) FROM idx.block b WHERE b.hash = wanted.hash AND b.size = wanted.size
                    AND b.volume NOT IN (SELECT id FROM failed_volume))
             WHERE done = 0 AND (volume IS NULL OR volume IN (SELECT id FROM failed_volume));
             CREATE INDEX IF NOT EXISTS wanted_volume ON wanted (volume);",
        )?;
        Ok(())
    }

    /// Volumes that hold open blocks: id, name and bytes.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn volumes(&self) -> Result<Vec<(i64, String, u64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT v.id, v.name, v.size FROM idx.volume v
             WHERE v.id IN (SELECT volume FROM wanted WHERE done = 0) ORDER BY v.id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, from_sql(row.get(2)?)))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Open blocks of a volume.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn wanted_of(&self, volume: i64) -> Result<Vec<WantedBlock>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, hash, size FROM wanted WHERE volume = ?1 AND done = 0 ORDER BY id",
        )?;
        let rows = statement.query_map([volume], |row| {
            Ok(WantedBlock {
                id: row.get(0)?,
                hash: row.get(1)?,
                size: from_sql(row.get(2)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Where a block goes.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn uses_of(&self, wanted: i64) -> Result<Vec<Use>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT u.entry, u.metadata, u.offset FROM use u LEFT JOIN entry e ON e.id = u.entry
             WHERE u.wanted = ?1 AND (e.id IS NULL OR e.state = 0)",
        )?;
        let rows = statement.query_map([wanted], |row| {
            let offset = from_sql(row.get(2)?);
            Ok(match row.get(0)? {
                Some(entry) => Use::File { entry, offset },
                None => Use::Metadata {
                    metadata: row.get(1)?,
                    offset,
                },
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A block arrived and went where it goes; returns the entries that are complete now, metadata included.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn block_done(&self, uses: &[Use]) -> Result<Vec<PlanEntry>> {
        let mut complete = Vec::new();
        for target in uses {
            let (count, id, condition) = match target {
                Use::File { entry, .. } => (
                    "UPDATE entry SET missing = missing - 1 WHERE id = ?1 RETURNING missing",
                    *entry,
                    "e.id = ?1",
                ),
                Use::Metadata { metadata, .. } => (
                    "UPDATE metadata SET missing = missing - 1 WHERE id = ?1 RETURNING missing",
                    *metadata,
                    "e.metadata = ?1",
                ),
            };
            let missing: i64 = self
                .connection
                .prepare_cached(count)?
                .query_row([id], |row| row.get(0))?;
            if missing == 0 {
                complete.extend(self.complete_entries(condition, id)?);
            }
        }
        complete.sort_by_key(|entry| entry.id);
        complete.dedup_by_key(|entry| entry.id);
        Ok(complete)
    }

    /// The open blocks of a volume arrived, but for those named.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn volume_done(&self, volume: i64, failed: &[i64]) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE wanted SET done = 1 WHERE volume = ?1")?
            .execute([volume])?;
        let mut open = self
            .connection
            .prepare_cached("UPDATE wanted SET done = 0 WHERE id = ?1")?;
        for wanted in failed {
            open.execute([wanted])?;
        }
        Ok(())
    }

    fn complete_entries(&self, condition: &str, id: i64) -> Result<Vec<PlanEntry>> {
        self.select(
            &format!(
                "LEFT JOIN metadata m ON m.id = e.metadata
                 WHERE {condition} AND e.missing = 0 AND e.state = 0 AND coalesce(m.missing, 0) = 0"
            ),
            [id],
        )
    }

    /// Stores a part of metadata; parts come in any order.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn put_metadata(&self, metadata: i64, offset: u64, part: &[u8]) -> Result<()> {
        let is_all = offset == 0
            && self
                .connection
                .prepare_cached("UPDATE metadata SET data = ?2 WHERE id = ?1 AND size = ?3")?
                .execute(params![metadata, part, part.len() as i64])?
                == 1;
        if is_all {
            return Ok(());
        }
        let size: i64 = self
            .connection
            .prepare_cached("SELECT size FROM metadata WHERE id = ?1")?
            .query_row([metadata], |row| row.get(0))?;
        let mut data = self
            .metadata(metadata)?
            .unwrap_or_else(|| vec![0; from_sql(size) as usize]);
        let start = (offset as usize).min(data.len());
        let end = (start + part.len()).min(data.len());
        data[start..end].copy_from_slice(&part[..end - start]);
        self.connection
            .prepare_cached("UPDATE metadata SET data = ?2 WHERE id = ?1")?
            .execute(params![metadata, data])?;
        Ok(())
    }

    fn metadata(&self, metadata: i64) -> Result<Option<Vec<u8>>> {
        Ok(self
            .connection
            .prepare_cached("SELECT data FROM metadata WHERE id = ?1 AND data IS NOT NULL")?
            .query_row([metadata], |row| row.get(0))
            .optional()?)
    }

    /// Metadata that arrived whole; `None` while a part is missing.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn complete_metadata(&self, metadata: i64) -> Result<Option<Vec<u8>>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT data FROM metadata WHERE id = ?1 AND missing = 0 AND data IS NOT NULL",
            )?
            .query_row([metadata], |row| row.get(0))
            .optional()?)
    }

    /// A volume could not be read; its blocks are looked for elsewhere.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn volume_failed(&self, volume: i64) -> Result<()> {
        self.connection
            .execute("INSERT OR IGNORE INTO failed_volume VALUES (?1)", [volume])?;
        Ok(())
    }

    /// Entry `id`.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn entry(&self, id: i64) -> Result<Option<PlanEntry>> {
        Ok(self.select("WHERE e.id = ?1", [id])?.pop())
    }

    /// Where entry `id` goes.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn target_of(&self, id: i64) -> Result<Vec<u8>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT target FROM entry WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0))?)
    }

    /// Entries of one kind that are still open: ids above `after`, at most `limit` of them.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn open_entries(&self, kind: u8, after: i64, limit: i64) -> Result<Vec<PlanEntry>> {
        self.select(
            "WHERE e.kind = ?1 AND e.state = 0 AND e.id > ?2 ORDER BY e.id LIMIT ?3",
            [i64::from(kind), after, limit],
        )
    }

    /// Entries of one kind, deepest paths first, `limit` from `offset` on.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn entries_deepest_first(
        &self,
        kind: u8,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<PlanEntry>> {
        self.select(
            "WHERE e.kind = ?1 AND e.state < 2 ORDER BY e.path DESC LIMIT ?3 OFFSET ?2",
            [i64::from(kind), offset, limit],
        )
    }

    /// Number of open entries and bytes of their content.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn totals(&self) -> Result<(u64, u64)> {
        let totals = self.connection.query_row(
            "SELECT count(*), coalesce(sum(size), 0) FROM entry WHERE state = 0",
            [],
            |row| Ok((from_sql(row.get(0)?), from_sql(row.get(1)?))),
        )?;
        Ok(totals)
    }

    fn select<P: rusqlite::Params>(&self, tail: &str, values: P) -> Result<Vec<PlanEntry>> {
        let sql = format!(
            "SELECT e.id, e.kind, e.path, e.target, e.hash, e.size, e.listed, e.metadata, e.missing FROM entry e {tail}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(values, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<PlanEntry> {
    let hash: Option<Vec<u8>> = row.get(4)?;
    let size: Option<i64> = row.get(5)?;
    Ok(PlanEntry {
        id: row.get(0)?,
        kind: row.get(1)?,
        path: row.get(2)?,
        target: row.get(3)?,
        content: hash.zip(size.map(from_sql)),
        listed: row.get(6)?,
        metadata: row.get(7)?,
        missing: from_sql(row.get(8)?),
    })
}
