//! Versions and their entries.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};

use super::Index;
use crate::error::Result;
use crate::sqlite::{self, from_sql, to_sql};

const COLUMNS: &str = "path, kind, time, hash, size, parts, listed, meta_hash, meta_size, meta_parts, \
                       meta_listed, modified, changed, inode";

const STAGED_AS: &str = "staged as";

/// A version that the index has loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilesetRow {
    /// Grows with time.
    pub id: i64,
    /// Seconds since 1970.
    pub time: i64,
}

/// The file list of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDlist {
    /// Name at the destination.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Whether it was found missing at the destination.
    pub is_gone: bool,
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

/// What identifies an unchanged file without reading it. Unknown for entries that came from a dlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalState {
    /// Last change of the content, nanoseconds since 1970.
    pub modified: i64,
    /// Last change of the content or the metadata (Unix `ctime`), nanoseconds since 1970; 0 where the system has none.
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
    /// Time of the last change as in the dlist, seconds since 1970.
    pub time: Option<i64>,
    /// The content; `None` for folders and links.
    pub content: Option<StreamRow>,
    /// The metadata, which every entry has.
    pub metadata: StreamRow,
    /// See [`LocalState`].
    pub local: Option<LocalState>,
}

impl Index {
    /// All loaded versions, oldest first.
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
    pub fn clear_filesets(&self) -> Result<()> {
        self.clear_staged()?;
        self.connection
            .execute_batch("DELETE FROM entry; DELETE FROM fileset;")?;
        Ok(())
    }

    /// Forgets the loaded versions of these times (seconds since 1970), with the entries that no other version has.
    /// When the newest one is forgotten, all versions are unloaded.
    pub fn forget_versions(&self, times: &[i64]) -> Result<()> {
        let filesets = self.filesets()?;
        let gone = |fileset: &&FilesetRow| times.contains(&fileset.time);
        if filesets.last().as_ref().is_some_and(gone) {
            return self.clear_filesets();
        }
        let ids: Vec<i64> = filesets.iter().filter(gone).map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.transaction(|index| {
            for id in &ids {
                index
                    .connection
                    .prepare_cached("DELETE FROM fileset WHERE id = ?1")?
                    .execute([id])?;
            }
            index.connection.execute(
                "DELETE FROM entry WHERE last IS NOT NULL AND NOT EXISTS
                    (SELECT 1 FROM fileset WHERE id BETWEEN entry.first AND entry.last)",
                [],
            )?;
            Ok(())
        })
    }

    /// File lists that are known to be, or to have been, at the destination.
    pub fn known_dlists(&self) -> Result<Vec<KnownDlist>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, size, gone FROM dlist ORDER BY name")?;
        let rows = statement.query_map([], |row| {
            Ok(KnownDlist {
                name: row.get(0)?,
                size: from_sql(row.get(1)?),
                is_gone: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Records that a file list is at the destination.
    pub fn know_dlist(&self, name: &str, size: u64) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO dlist VALUES (?1, ?2, 0)")?
            .execute(params![name, to_sql(size)])?;
        Ok(())
    }

    /// Records that a file list was found missing, which the next backup reports.
    pub fn note_gone(&self, name: &str) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE dlist SET gone = 1 WHERE name = ?1")?
            .execute([name])?;
        Ok(())
    }

    /// Records that file lists are not at the destination, or are about to be deleted. This survives a power cut once
    /// it returns, so that a deleted version is never reported as missing.
    pub fn forget_dlists<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<()> {
        sqlite::durably(&self.connection, |connection| {
            let mut statement = connection.prepare_cached("DELETE FROM dlist WHERE name = ?1")?;
            for name in names {
                statement.execute([name])?;
            }
            Ok(())
        })
    }

    /// Forgets the file lists that were found missing.
    pub fn forget_gone_dlists(&self) -> Result<()> {
        self.connection
            .execute("DELETE FROM dlist WHERE gone = 1", [])?;
        Ok(())
    }

    /// Whether the version made at `time` (seconds since 1970) is complete, or `None` when that is unknown. Versions
    /// that are not loaded have it, too.
    pub fn completeness(&self, time: i64) -> Result<Option<bool>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT complete FROM completeness WHERE time = ?1")?;
        Ok(statement.query_row([time], |row| row.get(0)).optional()?)
    }

    /// Records whether the version made at `time` is complete.
    pub fn set_completeness(&self, time: i64, is_complete: bool) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO completeness VALUES (?1, ?2)")?
            .execute(params![time, is_complete])?;
        Ok(())
    }

    /// Adds a version whose entries are then inserted with [`Index::insert_entry`].
    pub fn add_fileset(&self, time: i64) -> Result<i64> {
        self.connection
            .execute("INSERT INTO fileset (time) VALUES (?1)", [time])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Adds an entry that is new in version `fileset`. A path that exists already is skipped, as Duplicati does.
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
    pub fn for_each_current(&self, sink: impl FnMut(EntryRow) -> bool) -> Result<()> {
        self.for_each(
            &format!("SELECT {COLUMNS} FROM entry WHERE last IS NULL ORDER BY path"),
            sink,
        )
    }

    /// Removes what an earlier run left staged.
    pub fn clear_staged(&self) -> Result<()> {
        self.connection.execute_batch(&format!(
            "DELETE FROM staged; DELETE FROM meta WHERE key = '{STAGED_AS}';"
        ))?;
        Ok(())
    }

    /// Stores a note of the caller about what the staged version will be at the destination.
    pub fn note_staged_as(&self, what: &str) -> Result<()> {
        self.set_meta(STAGED_AS, what)
    }

    /// The note of [`Index::note_staged_as`] about the staged version.
    pub fn staged_as(&self) -> Result<Option<String>> {
        self.meta(STAGED_AS)
    }

    /// Stages an entry that is new or changed.
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
    pub fn stage_gone(&self, path: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO staged (path, gone) VALUES (?1, 1)")?
            .execute([path])?;
        Ok(())
    }

    /// Calls `sink` with each entry of the `kinds` that the staged version will have, by path.
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

    /// Turns the staged changes into the newest version, made at `time` (seconds since 1970).
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

    /// Merges staged entries into the existing newest version, because they differ only in [`LocalState`].
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
        while let Some(row) = rows.next()? {
            if !sink(read_entry(row)?) {
                break;
            }
        }
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
}
