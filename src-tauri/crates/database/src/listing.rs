use rusqlite::{Connection, Row, params};

use crate::error::Result;
use crate::sqlite::{self, from_sql, to_sql};

const SCHEMA: &str = "
CREATE TABLE entry (
    parent TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, kind INTEGER NOT NULL,
    size INTEGER NOT NULL, time INTEGER
);
";

/// The files of one version, to browse by folder or search by name, page by page.
pub struct Listing {
    connection: Connection,
}

/// A file, folder or link in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingRow {
    /// Stored path of the folder that it is in; empty for roots.
    pub parent: String,
    /// Last part of its path.
    pub name: String,
    /// Whole path as stored.
    pub path: String,
    /// The caller's number for file, folder or link. Rows are sorted by it, so that of folders must be the lowest.
    pub kind: u8,
    /// Bytes.
    pub size: u64,
    /// Time of the last change, seconds since 1970.
    pub time: Option<i64>,
}

impl Listing {
    /// Creates a listing of the rows that `fill` adds.
    ///
    /// # Errors
    /// Also those of `fill`.
    pub fn build<E: From<crate::Error>>(
        fill: impl FnOnce(&Self) -> std::result::Result<(), E>,
    ) -> std::result::Result<Self, E> {
        let listing = Self {
            connection: sqlite::open_temporary(SCHEMA)?,
        };
        fill(&listing)?;
        listing
            .connection
            .execute_batch(
                "CREATE INDEX by_parent ON entry (parent, kind, name);
                 CREATE INDEX by_path ON entry (path);",
            )
            .map_err(crate::Error::from)?;
        Ok(listing)
    }

    /// Adds a row.
    pub fn add(&self, row: &ListingRow) -> Result<()> {
        self.connection
            .prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                row.parent,
                row.name,
                row.path,
                row.kind,
                to_sql(row.size),
                row.time
            ])?;
        Ok(())
    }

    /// Returns up to `limit` rows in `folder` from `offset` on, and how many there are in total. The empty path stands
    /// for the parent of all rows whose own parent was not stored.
    pub fn children(
        &self,
        folder: &str,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<ListingRow>, u64)> {
        if folder.is_empty() {
            let orphan = "NOT EXISTS (SELECT 1 FROM entry f WHERE f.path = e.parent)";
            return self.page(orphan, "", offset, limit);
        }
        self.page("e.parent = ?1", folder, offset, limit)
    }

    /// Like [`Listing::children`], for rows whose path contains `text`, ignoring the case of ASCII letters.
    pub fn search(&self, text: &str, offset: u64, limit: u64) -> Result<(Vec<ListingRow>, u64)> {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        self.page(
            "e.name LIKE ?1 ESCAPE '\\'",
            &format!("%{escaped}%"),
            offset,
            limit,
        )
    }

    fn page(
        &self,
        condition: &str,
        value: &str,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<ListingRow>, u64)> {
        let total: i64 = self
            .connection
            .prepare_cached(&format!(
                "SELECT count(*) FROM entry e WHERE ?1 IS NOT NULL AND {condition}"
            ))?
            .query_row([value], |row| row.get(0))?;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT parent, name, path, kind, size, time FROM entry e
             WHERE ?1 IS NOT NULL AND {condition} ORDER BY kind, name LIMIT ?2 OFFSET ?3"
        ))?;
        let rows = statement.query_map(params![value, to_sql(limit), to_sql(offset)], read)?;
        Ok((rows.collect::<rusqlite::Result<_>>()?, from_sql(total)))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ListingRow> {
    Ok(ListingRow {
        parent: row.get(0)?,
        name: row.get(1)?,
        path: row.get(2)?,
        kind: row.get(3)?,
        size: from_sql(row.get(4)?),
        time: row.get(5)?,
    })
}
