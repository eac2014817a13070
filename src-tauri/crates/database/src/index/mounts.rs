//! Mount points: sources, and folders in them where another file system begins, each with the file system that was
//! there.

use std::collections::HashMap;

use rusqlite::{OptionalExtension as _, params};

use super::Index;
use crate::error::Result;

impl Index {
    /// Stored paths of the mount points, each with a number that identifies its file system.
    pub fn mounts(&self) -> Result<HashMap<String, i64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT path, device FROM mount")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Replaces all mount points.
    pub fn set_mounts(&self, mounts: &HashMap<String, i64>) -> Result<()> {
        self.transaction(|index| {
            index.connection.execute("DELETE FROM mount", [])?;
            let mut insert = index
                .connection
                .prepare_cached("INSERT OR REPLACE INTO mount VALUES (?1, ?2)")?;
            for (path, file_system) in mounts {
                insert.execute(params![path, file_system])?;
            }
            Ok(())
        })
    }

    /// Whether the newest version has an entry below a folder (its stored path with the separator at its end), not
    /// counting entries whose name directly in the folder makes `is_besides` true.
    pub fn has_below(&self, folder: &str, is_besides: impl Fn(&str) -> bool) -> Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT path FROM entry WHERE path > ?1 AND last IS NULL ORDER BY path LIMIT 1",
        )?;
        let mut after = folder.to_owned();
        loop {
            let next: Option<String> =
                statement.query_row([&after], |row| row.get(0)).optional()?;
            let Some(path) = next else {
                return Ok(false);
            };
            let Some(rest) = path.strip_prefix(folder) else {
                return Ok(false);
            };
            let end = rest.find(['/', '\\']).unwrap_or(rest.len());
            let name = &rest[..end];
            if !is_besides(name) {
                return Ok(true);
            }
            // Sorts after everything in the folder: no character of a path is larger.
            after = match rest[end..].chars().next() {
                Some(separator) => format!("{folder}{name}{separator}\u{10ffff}"),
                None => path,
            };
        }
    }

    /// Number of entries of a kind in the newest version with this path or below the folder.
    pub fn count_below(&self, path: &str, folder: &str, kind: u8) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(
            "SELECT COUNT(*) FROM entry WHERE (path = ?1 OR path > ?2 AND path < ?3) AND kind = ?4 AND last IS NULL",
        )?;
        // Sorts after everything in the folder: no character of a path is larger.
        let end = format!("{folder}\u{10ffff}");
        let count: i64 = statement.query_row(params![path, folder, end, kind], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// Path and size of entries of `kind` that the newest version has below a folder: the first `most` and the last
    /// `most` by path.
    pub fn some_below(&self, folder: &str, kind: u8, most: u32) -> Result<Vec<(String, u64)>> {
        let end = format!("{folder}\u{10ffff}");
        let mut found = Vec::new();
        for order in ["ASC", "DESC"] {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT path, size FROM entry WHERE path > ?1 AND path < ?2 AND kind = ?3 AND last IS NULL \
                 ORDER BY path {order} LIMIT ?4"
            ))?;
            let rows = statement.query_map(params![folder, end, kind, most], |row| {
                Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or(0)))
            })?;
            for row in rows {
                let (path, size) = row?;
                found.push((path, size.cast_unsigned()));
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Whether the newest version has an entry of a kind with this path.
    pub fn has_file(&self, path: &str, kind: u8) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM entry WHERE path = ?1 AND kind = ?2 AND last IS NULL")?;
        Ok(statement.exists(params![path, kind])?)
    }

    /// Whether the newest version has an entry with one of these paths.
    pub fn has_any_of(&self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM entry WHERE path = ?1 AND last IS NULL")?;
        for path in paths {
            if statement.exists([path.as_ref()])? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryRow, StreamRow};

    #[test]
    fn what_lies_below_a_folder_is_found_whatever_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        for path in ["/a/", "/a/lost+found/", "/a/lost+found/x", "/a/skip", "/b/"] {
            let metadata = StreamRow {
                hash: vec![1],
                size: 1,
                parts: vec![1],
                listed: false,
            };
            let path = path.to_owned();
            let row = EntryRow {
                path,
                kind: 0,
                time: None,
                content: None,
                metadata,
                local: None,
            };
            index.stage(&row).unwrap();
        }
        index.commit_staged(1).unwrap();

        let below = |folder, besides: &[&str]| {
            let found = index.has_below(folder, |name| besides.contains(&name));
            found.unwrap()
        };
        assert!(below("/a/", &[]));
        assert!(below("/a/", &["lost+found"]));
        assert!(!below("/a/", &["lost+found", "skip"]));
        assert!(!below("/b/", &[]));
        assert!(index.has_any_of(["/c", "/a/skip"]).unwrap());
        assert!(!index.has_any_of(["/c"]).unwrap());
        assert_eq!(index.count_below("/a", "/a/", 0).unwrap(), 3);
        assert_eq!(index.count_below("/a/skip", "/a/skip/", 0).unwrap(), 1);
        assert_eq!(index.count_below("/a", "/a/", 1).unwrap(), 0);
        let ends = index.some_below("/a/", 0, 1).unwrap();
        assert_eq!(
            ends,
            [("/a/lost+found/".to_owned(), 0), ("/a/skip".to_owned(), 0)]
        );
    }
}
