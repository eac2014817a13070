//! Which blocks of a destination are needed by some version, and what that means for its volumes.
//!
//! The data is in a temporary database beside the index, so that it takes little memory however many blocks there are.

use rusqlite::{Connection, params};

use crate::error::Result;
use crate::index::{BlockRow, IndexHandle};
use crate::sqlite::{self, from_sql, to_sql};

const SCHEMA: &str = "
CREATE TABLE live (hash BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (hash, size)) WITHOUT ROWID;
CREATE TABLE list (hash BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE to_delete (id INTEGER PRIMARY KEY);
CREATE TABLE moving (volume INTEGER NOT NULL, hash BLOB NOT NULL, size INTEGER NOT NULL);
CREATE INDEX moving_volume ON moving (volume);
CREATE TABLE moved (hash BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (hash, size)) WITHOUT ROWID;
CREATE TABLE wasted (id INTEGER PRIMARY KEY);
";

/// Needed blocks of volumes to be deleted that no other volume at the destination has.
const ONLY_IN_DELETED: &str = "
    FROM idx.block b JOIN to_delete d ON d.id = b.volume JOIN live l ON l.hash = b.hash AND l.size = b.size
    WHERE NOT EXISTS (
        SELECT 1 FROM idx.block o JOIN idx.volume v ON v.id = o.volume
        WHERE o.hash = b.hash AND o.size = b.size AND v.state = 1 AND o.volume NOT IN (SELECT id FROM to_delete)
    )";

/// How much of a dblock is needed by some version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeUsage {
    /// Its number in the index.
    pub id: i64,
    /// Remote name.
    pub name: String,
    /// Bytes at the destination.
    pub size: u64,
    /// Bytes of its needed blocks. A block in several volumes counts only in the oldest of those that were not known to
    /// be waste before.
    pub used_bytes: u64,
    /// Bytes of its other blocks.
    pub unused_bytes: u64,
}

/// Collects the blocks that versions need.
pub struct Usage {
    connection: Connection,
}

impl Usage {
    /// Creates a collection without needed blocks for `index`.
    pub fn new(index: &IndexHandle) -> Result<Self> {
        let connection = sqlite::open_temporary(SCHEMA)?;
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        index.attach(&connection)?;
        connection.execute_batch(
            "INSERT INTO wasted SELECT v.id FROM idx.volume v JOIN idx.waste w ON w.name = v.name",
        )?;
        Ok(Self { connection })
    }

    /// Begins a transaction, which makes many additions fast.
    pub fn begin(&self) -> Result<()> {
        Ok(self.connection.execute_batch("BEGIN")?)
    }

    /// Commits the transaction.
    pub fn commit(&self) -> Result<()> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// Records that a block is needed.
    pub fn add_block(&self, hash: &[u8], size: u64) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO live VALUES (?1, ?2)")?
            .execute(params![hash, to_sql(size)])?;
        Ok(())
    }

    /// Records that a blocklist was read; returns false when it had been read before.
    pub fn add_list(&self, hash: &[u8]) -> Result<bool> {
        let added = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO list VALUES (?1)")?
            .execute([hash])?;
        Ok(added > 0)
    }

    /// Adds the blocks of all single-block streams in the versions that the index has loaded.
    pub fn add_single_blocks_of_loaded_versions(&self) -> Result<()> {
        self.connection.execute_batch(
            "INSERT OR IGNORE INTO live SELECT parts, size FROM idx.entry WHERE listed = 0 AND size > 0;
             INSERT OR IGNORE INTO live SELECT meta_parts, meta_size FROM idx.entry
                WHERE meta_listed = 0 AND meta_size > 0;",
        )?;
        Ok(())
    }

    /// Adds the blocks that older versions need, as stored in the index.
    pub fn add_older(&self) -> Result<()> {
        self.connection
            .execute_batch("INSERT OR IGNORE INTO live SELECT hash, size FROM idx.older_live")?;
        Ok(())
    }

    /// Marks everything that is added from now on as needed by older versions, for [`Usage::keep_older`].
    pub fn begin_older(&self) -> Result<()> {
        self.connection.execute_batch(
            "ALTER TABLE live RENAME TO newer;
             CREATE TABLE live (hash BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (hash, size)) WITHOUT ROWID;
             DELETE FROM list;",
        )?;
        Ok(())
    }

    /// Stores what was added since [`Usage::begin_older`] in the index as what the versions with the file lists `names`
    /// need. It stays in this collection, too.
    pub fn keep_older(&self, names: &[&str]) -> Result<()> {
        self.connection.execute_batch(
            "BEGIN; INSERT OR IGNORE INTO idx.older_live SELECT hash, size FROM live;",
        )?;
        for name in names {
            self.connection
                .execute("INSERT OR IGNORE INTO idx.older (name) VALUES (?1)", [name])?;
        }
        self.connection.execute_batch(
            "INSERT OR IGNORE INTO live SELECT hash, size FROM newer; DROP TABLE newer; COMMIT;",
        )?;
        Ok(())
    }

    /// Calls `sink` with the size and the raw blocklist hashes of each multi-block stream in the versions that the
    /// index has loaded.
    ///
    /// # Errors
    /// Also those of `sink`.
    pub fn for_each_listed_stream<E: From<crate::Error>>(
        &self,
        mut sink: impl FnMut(u64, &[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(crate::Error::from(error));
        let mut statement = self
            .connection
            .prepare(
                "SELECT DISTINCT size, parts FROM idx.entry WHERE listed = 1
                 UNION SELECT DISTINCT meta_size, meta_parts FROM idx.entry WHERE meta_listed = 1",
            )
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let size: i64 = row.get(0).map_err(failed)?;
            let parts: Vec<u8> = row.get(1).map_err(failed)?;
            sink(from_sql(size), &parts)?;
        }
        Ok(())
    }

    /// How many needed blocks no volume at the destination has.
    pub fn missing_blocks(&self) -> Result<u64> {
        let count: i64 = self.connection.query_row(
            "SELECT count(*) FROM live l WHERE NOT EXISTS (
                SELECT 1 FROM idx.block b JOIN idx.volume v ON v.id = b.volume
                WHERE b.hash = l.hash AND b.size = l.size AND v.state = 1)",
            [],
            |row| row.get(0),
        )?;
        Ok(from_sql(count))
    }

    /// All dblocks at the destination, in the order in which they became known.
    pub fn volumes(&self) -> Result<Vec<VolumeUsage>> {
        let mut statement = self.connection.prepare(
            "SELECT v.id, v.name, v.size, coalesce(sum(b.size) FILTER (WHERE b.used), 0),
                    coalesce(sum(b.size) FILTER (WHERE NOT b.used), 0)
             FROM idx.volume v LEFT JOIN (
                SELECT b.volume, b.size,
                    l.hash IS NOT NULL AND b.volume = (
                        SELECT o.volume FROM idx.block o JOIN idx.volume w ON w.id = o.volume
                        WHERE o.hash = b.hash AND o.size = b.size AND w.state = 1
                        ORDER BY o.volume IN (SELECT id FROM wasted), o.volume LIMIT 1) AS used
                FROM idx.block b LEFT JOIN live l ON l.hash = b.hash AND l.size = b.size
             ) b ON b.volume = v.id
             WHERE v.kind = 0 AND v.state = 1 GROUP BY v.id ORDER BY v.id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(VolumeUsage {
                id: row.get(0)?,
                name: row.get(1)?,
                size: from_sql(row.get(2)?),
                used_bytes: from_sql(row.get(3)?),
                unused_bytes: from_sql(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Sets the volumes that are to be deleted, replacing those set before.
    pub fn set_to_delete(&self, volumes: &[i64]) -> Result<()> {
        self.connection
            .execute_batch("DELETE FROM to_delete; DELETE FROM moving;")?;
        for volume in volumes {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO to_delete VALUES (?1)")?
                .execute([volume])?;
        }
        self.connection.execute_batch(&format!(
            "INSERT INTO moving SELECT b.volume, b.hash, b.size {ONLY_IN_DELETED}"
        ))?;
        Ok(())
    }

    /// Total bytes of the needed blocks that only volumes to be deleted have.
    pub fn bytes_to_move(&self) -> Result<u64> {
        let bytes: i64 = self.connection.query_row(
            "SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT hash, size FROM moving)",
            [],
            |row| row.get(0),
        )?;
        Ok(from_sql(bytes))
    }

    /// Whether a block has been written to a new volume.
    pub fn is_moved(&self, block: &BlockRow) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM moved WHERE hash = ?1 AND size = ?2")?;
        Ok(statement.exists(params![block.hash, to_sql(block.size)])?)
    }

    /// Records that a block has been written to a new volume.
    pub fn set_moved(&self, block: &BlockRow) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO moved VALUES (?1, ?2)")?
            .execute(params![block.hash, to_sql(block.size)])?;
        Ok(())
    }

    /// Needed blocks of a volume to be deleted that no remaining volume has.
    pub fn blocks_to_move(&self, volume: i64) -> Result<Vec<BlockRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT hash, size FROM moving WHERE volume = ?1")?;
        let rows = statement.query_map([volume], BlockRow::read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Volumes to be deleted that have needed blocks which are nowhere else, so that they must stay.
    pub fn indispensable(&self) -> Result<Vec<i64>> {
        let mut statement = self
            .connection
            .prepare("SELECT DISTINCT volume FROM moving")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
