//! Blocks that the versions that are not loaded need, for all of these together: reading their file lists again in each
//! run would take longer and longer.

use super::Index;
use crate::error::Result;

impl Index {
    /// File lists whose needed blocks are stored, without those that are gone.
    pub fn older_dlists(&self) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM older WHERE gone = 0 ORDER BY name")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Records which of the file lists still exist, and returns whether what is stored is still useful: fewer than half
    /// of them are gone. The blocks of the gone ones stay among those of the others.
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

    /// Forgets what the older versions need.
    pub fn clear_older(&self) -> Result<()> {
        self.connection
            .execute_batch("DELETE FROM older; DELETE FROM older_live;")?;
        Ok(())
    }
}
