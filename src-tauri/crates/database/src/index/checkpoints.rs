//! Uploads that were cut off.

use rusqlite::OptionalExtension as _;

use super::Index;
use crate::error::Result;

impl Index {
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
