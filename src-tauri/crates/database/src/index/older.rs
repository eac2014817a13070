//! What versions need that are not loaded, all of them together: reading their file lists again in each run would take
//! longer and longer.

use super::Index;
use crate::error::Result;

impl Index {
    /// File lists whose needs are kept, those apart that are gone.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn older_dlists(&self) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM older WHERE gone = 0 ORDER BY name")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes which of these file lists are still there, and returns whether what is kept is still worth keeping: less than
    /// half of them is gone, whose needs are among those of the others.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn retain_older(&self, there: &[&str]) -> Result<bool> {
        self.transaction(|index| {
            for name in index.older_dlists()? {
                if !there.contains(&name.as_str()) {
                    index
                        .connection
                        .execute("UPDATE older SET gone = 1 WHERE name = ?1", [&name])?;
                }
            }
            let is_worth_it = index.connection.query_row(
                "SELECT coalesce(sum(gone) * 2 < count(*), 0) FROM older",
                [],
                |row| row.get(0),
            )?;
            Ok(is_worth_it)
        })
    }

    /// Forgets all of it.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn clear_older(&self) -> Result<()> {
        self.connection
            .execute_batch("DELETE FROM older; DELETE FROM older_live;")?;
        Ok(())
    }
}
