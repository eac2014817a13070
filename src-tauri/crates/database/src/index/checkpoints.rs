//! Progress of uploads that were interrupted.

use rusqlite::OptionalExtension as _;

use super::Index;
use crate::error::Result;

impl Index {
    /// Stores the progress of an upload; `value` was encrypted by the caller.
    pub fn save_checkpoint(&self, name: &str, value: &str) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO checkpoint VALUES (?1, ?2)",
            [name, value],
        )?;
        Ok(())
    }

    /// The value that was stored last.
    pub fn checkpoint(&self, name: &str) -> Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM checkpoint WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Names of all uploads with a checkpoint.
    pub fn checkpoint_names(&self) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM checkpoint ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<std::result::Result<_, _>>()?)
    }

    /// Forgets a checkpoint.
    pub fn remove_checkpoint(&self, name: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM checkpoint WHERE name = ?1", [name])?;
        Ok(())
    }
}
