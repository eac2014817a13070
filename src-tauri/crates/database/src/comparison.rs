use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Result;
use crate::sqlite::{self, from_sql, to_sql};

const SCHEMA: &str = "
CREATE TABLE base (
    path TEXT PRIMARY KEY, kind INTEGER NOT NULL, content BLOB NOT NULL, metadata BLOB NOT NULL,
    size INTEGER NOT NULL, met INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
";

/// The entries of one version, to compare another version with.
pub struct Comparison {
    connection: Connection,
}

/// What decides whether an entry is the same in two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedEntry {
    /// Path as stored in the backup.
    pub path: String,
    /// The caller's number for file, folder or link.
    pub kind: u8,
    /// Hash of the content; empty for folders and links.
    pub content: Vec<u8>,
    /// Hash of the metadata.
    pub metadata: Vec<u8>,
    /// Bytes.
    pub size: u64,
}

impl Comparison {
    /// Creates a comparison without entries.
    pub fn new() -> Result<Self> {
        let connection = sqlite::open_temporary(SCHEMA)?;
        Ok(Self { connection })
    }

    /// Adds an entry of the first version.
    pub fn add(&self, entry: &ComparedEntry) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO base (path, kind, content, metadata, size) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                entry.path,
                entry.kind,
                entry.content,
                entry.metadata,
                to_sql(entry.size)
            ])?;
        Ok(())
    }

    /// The first version's entry of this path, which is then marked as met.
    pub fn meet(&self, path: &str) -> Result<Option<ComparedEntry>> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE base SET met = 1 WHERE path = ?1 RETURNING path, kind, content, metadata, size",
        )?;
        Ok(statement.query_row([path], read).optional()?)
    }

    /// Calls `sink` with each entry of the first version that was not met, by path.
    ///
    /// # Errors
    /// Also those of `sink`.
    pub fn for_each_unmet<E: From<crate::Error>>(
        &self,
        mut sink: impl FnMut(ComparedEntry) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(crate::Error::from(error));
        let mut statement = self
            .connection
            .prepare(
                "SELECT path, kind, content, metadata, size FROM base WHERE met = 0 ORDER BY path",
            )
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            sink(read(row).map_err(failed)?)?;
        }
        Ok(())
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<ComparedEntry> {
    Ok(ComparedEntry {
        path: row.get(0)?,
        kind: row.get(1)?,
        content: row.get(2)?,
        metadata: row.get(3)?,
        size: from_sql(row.get(4)?),
    })
}
