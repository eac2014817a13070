//! The plan of one restore: which blocks it still needs, and where each of them goes.
//!
//! Bulky data is in a temporary database; what changes with every block is in memory ([`progress`]).

mod progress;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Result;
use crate::index::StreamRow;
use crate::sqlite::{self, from_sql, to_sql};

use progress::{Progress, State, Users};

/// `item` is the number of an entry, or the negated number of metadata.
const SCHEMA: &str = "
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path TEXT NOT NULL,
    hash BLOB, size INTEGER, listed INTEGER, metadata INTEGER
);
CREATE TABLE metadata (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE use (hash BLOB NOT NULL, size INTEGER NOT NULL, item INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE wanted (
    id INTEGER PRIMARY KEY, volume INTEGER, hash BLOB NOT NULL, size INTEGER NOT NULL,
    item INTEGER NOT NULL, offset INTEGER NOT NULL
);
CREATE TABLE failed_volume (id INTEGER PRIMARY KEY);
CREATE TABLE done_volume (id INTEGER PRIMARY KEY);
";

/// Number of metadata streams that are recognized when another entry has the same. Older ones may be fetched twice.
const RECENT_METADATA: usize = 50_000;

/// An entry that is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanEntry {
    /// Its number in the plan.
    pub id: i64,
    /// The caller's number for file, folder or link.
    pub kind: u8,
    /// As stored in the backup.
    pub path: String,
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
    /// Its number in the plan.
    pub ids: Range<i64>,
    /// Raw block hash.
    pub hash: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// Where it goes.
    pub uses: Vec<Use>,
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
        /// Its number in the plan.
        metadata: i64,
        /// Byte position.
        offset: u64,
    },
}

/// The plan of one restore.
pub struct RestorePlan {
    connection: Connection,
    progress: RefCell<Progress>,
    recent_metadata: RefCell<HashMap<(Vec<u8>, u64), i64>>,
    /// The metadata that arrived last: the next entry often has the same, and most metadata belongs to one entry.
    last_metadata: RefCell<Option<(i64, Vec<u8>)>>,
    /// Whether some open block has no volume, or one that failed.
    must_assign: Cell<bool>,
}

impl RestorePlan {
    /// Creates an empty plan for the blocks of the index at the path `index`.
    pub fn new(index: &Path) -> Result<Self> {
        let connection = sqlite::open_temporary(SCHEMA)?;
        connection.execute("ATTACH DATABASE ?1 AS idx", [index.to_string_lossy()])?;
        Ok(Self {
            connection,
            progress: RefCell::default(),
            recent_metadata: RefCell::default(),
            last_metadata: RefCell::default(),
            must_assign: Cell::new(true),
        })
    }

    /// Runs `work` in one transaction.
    ///
    /// # Errors
    /// Also those of `work`.
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
    pub fn add_entry(
        &self,
        kind: u8,
        path: &str,
        content: Option<&StreamRow>,
        metadata: Option<i64>,
    ) -> Result<i64> {
        let id = self.progress.borrow_mut().add_entry(metadata);
        let mut statement = self
            .connection
            .prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        statement.execute(params![
            id,
            kind,
            path,
            content.map(|stream| &stream.hash),
            content.map(|stream| to_sql(stream.size)),
            content.is_some_and(|stream| stream.listed),
            metadata,
        ])?;
        Ok(id)
    }

    /// Adds a metadata stream and returns its id, and whether it is new to the plan.
    pub fn add_metadata(&self, hash: &[u8], size: u64) -> (i64, bool) {
        let mut recent = self.recent_metadata.borrow_mut();
        if recent.len() >= RECENT_METADATA {
            recent.clear();
        }
        let mut is_new = false;
        let id = *recent.entry((hash.to_owned(), size)).or_insert_with(|| {
            is_new = true;
            self.progress.borrow_mut().add_metadata(size)
        });
        (id, is_new)
    }

    /// Adds a block and the position where it is needed.
    pub fn add_use(&self, hash: &[u8], size: u64, target: Use) -> Result<()> {
        let mut progress = self.progress.borrow_mut();
        let (item, offset) = match target {
            Use::File { entry, offset } => {
                progress.add_missing_content(entry);
                (entry, offset)
            }
            Use::Metadata { metadata, offset } => {
                progress.add_missing_metadata(metadata);
                (-metadata, offset)
            }
        };
        self.connection
            .prepare_cached("INSERT INTO use VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![hash, to_sql(size), item, to_sql(offset)])?;
        Ok(())
    }

    /// Marks an entry as not restorable; its blocks are no longer waited for.
    pub fn mark_failed(&self, entry: i64) {
        self.progress.borrow_mut().set_state(entry, State::Failed);
    }

    /// Marks an entry as finished.
    pub fn mark_done(&self, entry: i64) {
        self.progress.borrow_mut().set_state(entry, State::Done);
    }

    /// Whether an entry is neither finished nor failed.
    pub fn is_open(&self, entry: i64) -> bool {
        self.progress.borrow().state(entry) == State::Open
    }

    /// Assigns every open block a volume that holds it and has not failed. Call it after adding all blocks, and after
    /// failures.
    pub fn assign_volumes(&self) -> Result<()> {
        if !self.must_assign.replace(false) {
            return Ok(());
        }
        // By hash, so that the index is read from its start to its end. The first number of a volume is one that no
        // volume has and that takes as much room as any.
        self.connection.execute_batch(
            "INSERT INTO wanted (volume, hash, size, item, offset)
                SELECT 1 << 30, hash, size, item, offset FROM use ORDER BY hash, size;
             DELETE FROM use;
             CREATE INDEX IF NOT EXISTS entry_metadata ON entry (metadata);
             DELETE FROM wanted WHERE volume IN (SELECT id FROM done_volume);
             DELETE FROM done_volume;
             UPDATE wanted SET volume = (
                SELECT min(b.volume) FROM idx.block b WHERE b.hash = wanted.hash AND b.size = wanted.size
                    AND b.volume NOT IN (SELECT id FROM failed_volume))
             WHERE volume IS NULL OR volume = 1 << 30 OR volume IN (SELECT id FROM failed_volume);
             CREATE INDEX IF NOT EXISTS wanted_volume ON wanted (volume);",
        )?;
        Ok(())
    }

    /// Volumes that hold open blocks: id, name and bytes.
    pub fn volumes(&self) -> Result<Vec<(i64, String, u64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT v.id, v.name, v.size FROM idx.volume v
             WHERE v.id NOT IN (SELECT id FROM done_volume)
                AND EXISTS (SELECT 1 FROM wanted WHERE volume = v.id) ORDER BY v.id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, from_sql(row.get(2)?)))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Open blocks that are assigned to a volume, each with all positions that need it.
    pub fn wanted_of(&self, volume: i64) -> Result<Vec<WantedBlock>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, hash, size, item, offset FROM wanted WHERE volume = ?1 ORDER BY id",
        )?;
        let mut rows = statement.query([volume])?;
        let mut blocks: Vec<WantedBlock> = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, size, item): (i64, _, i64) = (row.get(0)?, from_sql(row.get(2)?), row.get(3)?);
            let hash = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let offset = from_sql(row.get(4)?);
            if item > 0 && !self.is_open(item) {
                continue;
            }
            let target = if item > 0 {
                let entry = item;
                Use::File { entry, offset }
            } else {
                let metadata = -item;
                Use::Metadata { metadata, offset }
            };
            match blocks.last_mut() {
                Some(block) if block.hash == hash && block.size == size => {
                    block.ids.end = id + 1;
                    block.uses.push(target);
                }
                _ => blocks.push(WantedBlock {
                    ids: id..id + 1,
                    hash: hash.to_owned(),
                    size,
                    uses: vec![target],
                }),
            }
        }
        Ok(blocks)
    }

    /// Records that a block of a file was written; returns whether the entry, including its metadata, is now complete.
    pub fn content_arrived(&self, entry: i64) -> bool {
        let mut progress = self.progress.borrow_mut();
        progress.content_arrived(entry);
        progress.is_complete(entry)
    }

    /// Records a part of metadata; parts come in any order. Returns the entries that are now complete. For each that
    /// the caller handles later, it must call [`RestorePlan::keep_metadata`].
    pub fn metadata_arrived(&self, metadata: i64, offset: u64, part: &[u8]) -> Result<Vec<i64>> {
        let (is_complete, size, users) = {
            let mut progress = self.progress.borrow_mut();
            let is_complete = progress.metadata_arrived(metadata);
            (
                is_complete,
                progress.metadata_size(metadata) as usize,
                progress.users(metadata),
            )
        };
        let data = if offset == 0 && part.len() == size {
            part.to_owned()
        } else {
            let mut data = self.stored_metadata(metadata)?.unwrap_or_default();
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(size);
            let end = start.saturating_add(part.len()).min(size);
            data.resize(data.len().max(end), 0);
            data[start..end].copy_from_slice(&part[..end - start]);
            data
        };
        let mut complete = if is_complete {
            match users {
                Users::None => Vec::new(),
                Users::One(entry) => vec![entry],
                Users::Several => self.users_of(metadata)?,
            }
        } else {
            Vec::new()
        };
        complete.retain(|entry| self.progress.borrow().is_complete(*entry));
        let is_needed_later = !matches!((users, complete.len()), (Users::One(_), 1));
        if is_needed_later {
            self.store_metadata(metadata, &data)?;
        }
        *self.last_metadata.borrow_mut() = Some((metadata, data));
        Ok(complete)
    }

    fn users_of(&self, metadata: i64) -> Result<Vec<i64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM entry WHERE metadata = ?1 ORDER BY id")?;
        let rows = statement.query_map([metadata], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Stores the metadata that arrived last for later use.
    pub fn keep_metadata(&self, metadata: i64) -> Result<()> {
        match &*self.last_metadata.borrow() {
            Some((last, data)) if *last == metadata => self.store_metadata(metadata, data),
            // Already stored.
            _ => Ok(()),
        }
    }

    fn store_metadata(&self, metadata: i64, data: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO metadata VALUES (?1, ?2)")?
            .execute(params![metadata, data])?;
        Ok(())
    }

    fn stored_metadata(&self, metadata: i64) -> Result<Option<Vec<u8>>> {
        Ok(self
            .connection
            .prepare_cached("SELECT data FROM metadata WHERE id = ?1")?
            .query_row([metadata], |row| row.get(0))
            .optional()?)
    }

    /// The metadata, once all its parts arrived; `None` before.
    pub fn complete_metadata(&self, metadata: i64) -> Result<Option<Vec<u8>>> {
        if !self.progress.borrow().has_metadata(metadata) {
            return Ok(None);
        }
        match &*self.last_metadata.borrow() {
            Some((last, data)) if *last == metadata => Ok(Some(data.clone())),
            _ => self.stored_metadata(metadata),
        }
    }

    /// Records that the open blocks of a volume arrived, except those in `failed`.
    pub fn volume_done(&self, volume: i64, failed: &[WantedBlock]) -> Result<()> {
        let mut open = self
            .connection
            .prepare_cached("UPDATE wanted SET volume = NULL WHERE id >= ?1 AND id < ?2")?;
        for block in failed {
            self.must_assign.set(true);
            open.execute([block.ids.start, block.ids.end])?;
        }
        self.connection
            .execute("INSERT OR IGNORE INTO done_volume VALUES (?1)", [volume])?;
        Ok(())
    }

    /// Records that a volume could not be read, so that its blocks are assigned to other volumes.
    pub fn volume_failed(&self, volume: i64) -> Result<()> {
        self.must_assign.set(true);
        self.connection
            .execute("INSERT OR IGNORE INTO failed_volume VALUES (?1)", [volume])?;
        Ok(())
    }

    /// The entry with the number `id`.
    pub fn entry(&self, id: i64) -> Result<Option<PlanEntry>> {
        Ok(self.select("WHERE e.id = ?1", [id])?.pop())
    }

    /// Up to `limit` entries of one kind, finished or not, with ids above `after`.
    pub fn entries(&self, kind: u8, after: i64, limit: i64) -> Result<Vec<PlanEntry>> {
        self.select(
            "WHERE e.kind = ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3",
            [i64::from(kind), after, limit],
        )
    }

    /// Up to `limit` entries of one kind from `offset` on, finished or not, deepest paths first.
    pub fn entries_deepest_first(
        &self,
        kind: u8,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<PlanEntry>> {
        self.select(
            "WHERE e.kind = ?1 ORDER BY e.path DESC LIMIT ?3 OFFSET ?2",
            [i64::from(kind), offset, limit],
        )
    }

    /// Number of entries and bytes of their content.
    pub fn totals(&self) -> Result<(u64, u64)> {
        let totals = self.connection.query_row(
            "SELECT count(*), coalesce(sum(size), 0) FROM entry",
            [],
            |row| Ok((from_sql(row.get(0)?), from_sql(row.get(1)?))),
        )?;
        Ok(totals)
    }

    fn select<P: rusqlite::Params>(&self, tail: &str, values: P) -> Result<Vec<PlanEntry>> {
        let sql = format!(
            "SELECT e.id, e.kind, e.path, e.hash, e.size, e.listed, e.metadata FROM entry e {tail}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(values, |row| self.read(row))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn read(&self, row: &Row<'_>) -> rusqlite::Result<PlanEntry> {
        let id = row.get(0)?;
        let hash: Option<Vec<u8>> = row.get(3)?;
        let size: Option<i64> = row.get(4)?;
        Ok(PlanEntry {
            id,
            kind: row.get(1)?,
            path: row.get(2)?,
            content: hash.zip(size.map(from_sql)),
            listed: row.get(5)?,
            metadata: row.get(6)?,
            missing: self.progress.borrow().missing(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, VolumeKind, VolumeState};

    /// An index with these blocks of one byte in volumes 1, 2, …
    fn index_with(volumes: &[&[&[u8]]]) -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        for (number, blocks) in volumes.iter().enumerate() {
            let name = number.to_string();
            let (kind, state) = (VolumeKind::Dblock, VolumeState::Confirmed);
            let volume = index.put_volume(&name, kind, state, 1, None, None).unwrap();
            for block in *blocks {
                index.add_block(volume, block, 1).unwrap();
            }
        }
        (folder, index)
    }

    fn hashes(blocks: &[WantedBlock]) -> Vec<&[u8]> {
        blocks.iter().map(|block| &block.hash[..]).collect()
    }

    fn volumes(plan: &RestorePlan) -> Vec<i64> {
        plan.assign_volumes().unwrap();
        plan.volumes().unwrap().iter().map(|row| row.0).collect()
    }

    #[test]
    fn a_block_that_cannot_be_read_is_looked_for_elsewhere() {
        let (_folder, index) = index_with(&[&[b"a", b"b"], &[b"b", b"c"], &[b"c"]]);
        let plan = RestorePlan::new(index.path()).unwrap();
        let entry = plan.add_entry(0, "/f", None, None).unwrap();
        for (offset, hash) in [b"a", b"b", b"c", b"d"].iter().enumerate() {
            let offset = offset as u64;
            plan.add_use(*hash, 1, Use::File { entry, offset }).unwrap();
        }

        assert_eq!(volumes(&plan), [1, 2]);
        let second = plan.wanted_of(2).unwrap();
        assert_eq!(hashes(&second), [b"c"]);
        plan.volume_done(2, &[]).unwrap();
        let first = plan.wanted_of(1).unwrap();
        assert_eq!(hashes(&first), [b"a", b"b"]);
        plan.volume_done(1, &first[1..]).unwrap();
        plan.volume_failed(1).unwrap();
        assert_eq!(volumes(&plan), [2], "what it held alone is lost");
        assert_eq!(
            hashes(&plan.wanted_of(2).unwrap()),
            [b"b"],
            "and nothing is read twice"
        );
        plan.volume_done(2, &[]).unwrap();
        assert_eq!(volumes(&plan), [0_i64; 0]);
    }

    #[test]
    fn an_entry_is_complete_with_its_content_and_its_metadata() {
        let (_folder, index) = index_with(&[]);
        let plan = RestorePlan::new(index.path()).unwrap();
        let (shared, is_new) = plan.add_metadata(b"m", 4);
        assert!(is_new);
        assert_eq!(plan.add_metadata(b"m", 4), (shared, false));
        let (own, _) = plan.add_metadata(b"n", 2);
        let add = |path, metadata| {
            let entry = plan.add_entry(0, path, None, Some(metadata)).unwrap();
            plan.add_use(path.as_bytes(), 1, Use::File { entry, offset: 0 })
                .unwrap();
            entry
        };
        let (first, second, third) = (add("/a", shared), add("/b", shared), add("/c", own));
        for (metadata, offset) in [(shared, 0), (shared, 2), (own, 0)] {
            plan.add_use(b"x", 2, Use::Metadata { metadata, offset })
                .unwrap();
        }
        let none = [0_i64; 0];

        assert!(!plan.content_arrived(first));
        assert_eq!(plan.metadata_arrived(shared, 2, b"34").unwrap(), none);
        assert_eq!(plan.complete_metadata(shared).unwrap(), None);
        assert_eq!(plan.metadata_arrived(shared, 0, b"12").unwrap(), [first]);
        assert_eq!(plan.complete_metadata(shared).unwrap().unwrap(), b"1234");

        assert_eq!(plan.metadata_arrived(own, 0, b"56").unwrap(), none);
        assert!(plan.content_arrived(second));
        assert_eq!(plan.complete_metadata(shared).unwrap().unwrap(), b"1234");
        assert!(plan.content_arrived(third));
        assert_eq!(plan.complete_metadata(own).unwrap().unwrap(), b"56");
        plan.mark_failed(third);
        assert!(!plan.is_open(third));
    }
}
