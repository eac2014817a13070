//! Volumes that no version needs, until they are deleted.

use std::collections::HashMap;

use rusqlite::params;

use super::Index;
use crate::error::Result;

impl Index {
    /// Volumes that no version needs, by name, each with the time since when that is known (seconds since 1970).
    pub fn waste(&self) -> Result<HashMap<String, i64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, since FROM waste")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Replaces the list of waste by these volumes. Those that were in it before keep their time; others get `now`.
    pub fn set_waste(&self, names: &[String], now: i64) -> Result<()> {
        let before = self.waste()?;
        self.transaction(|index| {
            index.connection.execute("DELETE FROM waste", [])?;
            let mut insert = index
                .connection
                .prepare_cached("INSERT OR IGNORE INTO waste VALUES (?1, ?2)")?;
            for name in names {
                // A clock that was ahead must not keep it forever.
                let since = before.get(name).map_or(now, |since| now.min(*since));
                insert.execute(params![name, since])?;
            }
            Ok(())
        })
    }

    /// Records that some version needs these volumes.
    pub fn set_needed(&self, volumes: &[i64]) -> Result<()> {
        self.transaction(|index| {
            let mut update = index
                .connection
                .prepare_cached("UPDATE volume SET needed = 1 WHERE id = ?1 AND needed = 0")?;
            for id in volumes {
                update.execute([id])?;
            }
            Ok(())
        })
    }
}
