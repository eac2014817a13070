//! Volumes, and which blocks they hold.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension as _, Row, Rows, params};

use super::Index;
use crate::error::Result;
use crate::sqlite::{from_sql, to_sql};

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

/// A volume as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRow {
    /// Number that its blocks refer to.
    pub id: i64,
    /// Remote name.
    pub name: String,
    /// What it holds.
    pub kind: VolumeKind,
    /// Where it is.
    pub state: VolumeState,
    /// Bytes.
    pub size: u64,
    /// Hash of the whole file, if known.
    pub hash: Option<Vec<u8>>,
    /// For a spooled dindex, the dblock that it describes.
    pub partner: Option<i64>,
    /// Whether this computer wrote it.
    pub is_own: bool,
    /// Whether some version is known to have needed it.
    pub was_needed: bool,
}

/// A block of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    /// Raw block hash.
    pub hash: Vec<u8>,
    /// Bytes.
    pub size: u64,
}

impl BlockRow {
    /// Reads the columns `hash` and `size`.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            hash: row.get(0)?,
            size: from_sql(row.get(1)?),
        })
    }
}

impl Index {
    /// All volumes.
    pub fn volumes(&self) -> Result<Vec<VolumeRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, name, kind, state, size, hash, partner, own, needed FROM volume ORDER BY id",
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
                is_own: row.get(7)?,
                was_needed: row.get(8)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds a volume, or updates the one with this name, and returns its id.
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
            "INSERT INTO volume (name, kind, state, size, hash, partner, own)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3 = 0)
             ON CONFLICT (name) DO UPDATE SET state = ?3, size = ?4, hash = coalesce(?5, hash)
             RETURNING id",
        )?;
        let kind = i64::from(kind == VolumeKind::Dindex);
        let state = i64::from(state == VolumeState::Confirmed);
        let values = params![name, kind, state, to_sql(size), hash, partner];
        Ok(statement.query_row(values, |row| row.get(0))?)
    }

    /// Marks a spooled volume as confirmed at the destination.
    pub fn confirm_volume(&self, name: &str) -> Result<()> {
        self.connection
            .execute("UPDATE volume SET state = 1 WHERE name = ?1", [name])?;
        Ok(())
    }

    /// Whether a volume is at the destination.
    pub fn is_confirmed(&self, name: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM volume WHERE name = ?1 AND state = 1")?;
        Ok(statement.exists([name])?)
    }

    /// Forgets a volume and its blocks.
    pub fn remove_volume(&self, id: i64) -> Result<()> {
        self.remove_volumes(&[id])
    }

    /// Forgets volumes and their blocks, in one pass over all blocks. Must not be called inside a transaction of this
    /// handle.
    pub fn remove_volumes(&self, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.choose(ids)?;
        let have_blocks: bool = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM volume WHERE kind = 0 AND id IN (SELECT id FROM chosen))",
            [],
            |row| row.get(0),
        )?;
        let blocks = if have_blocks {
            "DELETE FROM block WHERE volume IN (SELECT id FROM chosen);"
        } else {
            ""
        };
        self.connection.execute_batch(&format!(
            "SAVEPOINT removal; {blocks}
             DELETE FROM covers WHERE dindex IN (SELECT id FROM chosen);
             DELETE FROM volume WHERE id IN (SELECT id FROM chosen);
             RELEASE removal;"
        ))?;
        Ok(())
    }

    /// Fills the temporary table of volumes that a statement uses.
    fn choose(&self, ids: &[i64]) -> Result<()> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS chosen (id INTEGER PRIMARY KEY); DELETE FROM chosen;",
        )?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO chosen VALUES (?1)")?;
        for id in ids {
            insert.execute([id])?;
        }
        Ok(())
    }

    /// Records that a dindex describes the dblock with this name, whether it exists or not.
    pub fn add_cover(&self, dindex: i64, dblock: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO covers VALUES (?1, ?2)")?
            .execute(params![dindex, dblock])?;
        Ok(())
    }

    /// Number of each dindex with the name of each dblock that it describes, ordered by number.
    pub fn covers(&self) -> Result<Vec<(i64, String)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT dindex, dblock FROM covers ORDER BY dindex")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds a block of a volume.
    pub fn add_block(&self, volume: i64, hash: &[u8], size: u64) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO block VALUES (?1, ?2, ?3)")?
            .execute(params![hash, to_sql(size), volume])?;
        Ok(())
    }

    /// Makes [`Index::for_each_block_of`] fast for many volumes, at the cost of a larger index.
    pub fn prepare_for_volumes(&self) -> Result<()> {
        self.connection
            .execute_batch("CREATE INDEX IF NOT EXISTS block_volume ON block (volume)")?;
        Ok(())
    }

    /// Calls `sink` with hash and size of every block of a volume.
    pub fn for_each_block_of(&self, volume: i64, sink: impl FnMut(&[u8], u64)) -> Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT hash, size FROM block WHERE volume = ?1")?;
        give_blocks(statement.query([volume])?, sink)
    }

    /// How often each volume was tested, by name, without volumes that never were.
    pub fn tested(&self) -> Result<HashMap<String, u64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, count FROM tested")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, from_sql(row.get(1)?))))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Records that a volume was tested.
    pub fn add_tested(&self, name: &str) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO tested VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1",
            )?
            .execute([name])?;
        Ok(())
    }

    /// Whether any volume holds any block.
    pub fn has_blocks(&self) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM block LIMIT 1")?;
        Ok(statement.exists([])?)
    }

    /// Calls `sink` with hash and size of every block.
    pub fn for_each_block(&self, sink: impl FnMut(&[u8], u64)) -> Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT hash, size FROM block")?;
        give_blocks(statement.query([])?, sink)
    }

    /// Whether some volume holds this block.
    pub fn has_block(&self, hash: &[u8], size: u64) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM block WHERE hash = ?1 AND size = ?2 LIMIT 1")?;
        Ok(statement.exists(params![hash, to_sql(size)])?)
    }

    /// Which of these volumes hold a block that no other volume outside this list has.
    pub fn irreplaceable(&self, volumes: &[i64]) -> Result<HashSet<i64>> {
        if volumes.is_empty() {
            return Ok(HashSet::new());
        }
        self.choose(volumes)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT b.volume FROM block b WHERE b.volume IN (SELECT id FROM chosen) AND NOT EXISTS
                (SELECT 1 FROM block o WHERE o.hash = b.hash AND o.size = b.size
                    AND o.volume NOT IN (SELECT id FROM chosen))",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Names of missing volumes that versions need.
    pub fn lost_volumes(&self) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM lost ORDER BY name")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Records that a volume that versions need is missing, until [`Index::accept_loss`].
    pub fn add_lost(&self, name: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO lost VALUES (?1)")?
            .execute([name])?;
        Ok(())
    }

    /// Forgets that a volume is missing.
    pub fn accept_loss(&self, name: &str) -> Result<()> {
        self.connection
            .prepare_cached("DELETE FROM lost WHERE name = ?1")?
            .execute([name])?;
        Ok(())
    }

    /// Stores the content of a blocklist.
    pub fn add_blocklist(&self, hash: &[u8], data: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO blocklist (hash, data) VALUES (?1, ?2)")?
            .execute(params![hash, data])?;
        Ok(())
    }

    /// Content of a blocklist.
    pub fn blocklist(&self, hash: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT data FROM blocklist WHERE hash = ?1")?;
        Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
    }
}

/// Calls `sink` with `hash` and `size` of each row.
fn give_blocks(mut rows: Rows<'_>, mut sink: impl FnMut(&[u8], u64)) -> Result<()> {
    while let Some(row) = rows.next()? {
        let hash = row.get_ref(0)?.as_blob();
        sink(hash.map_err(rusqlite::Error::from)?, from_sql(row.get(1)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_with_the_only_copies_of_a_block_are_irreplaceable() {
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

        let irreplaceable = |ids: &[i64]| index.irreplaceable(ids).unwrap();
        assert_eq!(irreplaceable(&[first]), HashSet::new());
        assert_eq!(irreplaceable(&[second]), HashSet::from([second]));
        assert_eq!(
            irreplaceable(&[first, second]),
            HashSet::from([first, second]),
            "each is the other's only copy"
        );
        index.remove_volume(second).unwrap();
        assert!(index.has_block(b"x", 5).unwrap());
        assert!(!index.has_block(b"y", 5).unwrap());
    }
}
