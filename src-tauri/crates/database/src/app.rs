//! Jobs, runs, accounts and settings.
//!
//! What a job or account consists of is the caller's text; only values that are searched or sorted by have a column.

mod files;
mod migrations;
mod repair;
mod safety_copy;
#[cfg(test)]
mod tests;

pub use repair::Mended;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::error::{Error, Result};
use crate::sqlite;

/// Runs that are kept for each job.
const KEPT_RUNS: i64 = 500;
/// Lines of reports that are kept in all; those of the oldest runs go first. About 20 MB.
const KEPT_LINES: i64 = 100_000;

/// Value of the `job` column for a run without a job.
const NO_JOB: &str = "";

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Unique id, chosen by the caller.
    pub id: String,
    /// Its job; `None` for a restore of a backup that no job has.
    pub job: Option<String>,
    /// Nanoseconds since 1970.
    pub started: i64,
    /// Nanoseconds since 1970; `None` while it runs, or after it crashed.
    pub finished: Option<i64>,
    /// The rest, as the caller writes it.
    pub body: String,
}

/// One line of a run's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Severity, as a number that the caller chooses; the highest is the most serious.
    pub level: u8,
    /// File or volume that the line is about.
    pub subject: String,
    /// What happened.
    pub text: String,
}

/// The app's own database.
pub struct AppDatabase {
    connection: Connection,
    path: PathBuf,
}

impl AppDatabase {
    /// Opens or creates the file `path`. A file of an earlier version is copied to `<path>.v<its version>` and then
    /// migrated.
    ///
    /// # Errors
    /// [`Error::Unusable`] when it is damaged, [`Error::Later`] when it is from a later version; it is never deleted
    /// automatically.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            connection: migrations::open(path)?,
            path: path.to_owned(),
        })
    }

    /// Like [`AppDatabase::open`], but repairs a damaged file first. Only for the app that owns the file. The damaged
    /// file stays beside it as `<path>.damaged`.
    ///
    /// # Errors
    /// Those of [`AppDatabase::open`], and when the file cannot be repaired.
    pub fn open_mending(path: &Path) -> Result<(Self, Option<Mended>)> {
        repair::finish(path)?;
        // SQLite treats an empty or missing file as a new one. When a copy has rows, the file was emptied or deleted.
        let is_emptied = std::fs::metadata(path).map_or(true, |file| file.len() == 0)
            && safety_copy::read(path).is_some_and(|rows| rows != safety_copy::Rows::default());
        let opened = match is_emptied {
            true => Err(Error::Damaged),
            false => Self::open(path),
        };
        match opened {
            Ok(database) if repair::is_whole(&database.connection) => {
                database.update_copy();
                return Ok((database, None));
            }
            Err(error) if !error.is_unusable() => return Err(error),
            damaged => drop(damaged),
        }
        let repaired = repair::repair(path)?;
        let database = Self::open(path)?;
        database.update_copy();
        Ok((database, Some(repaired)))
    }

    /// Repairs the file after a call reported that it is damaged. Only for the app that owns the file.
    ///
    /// # Errors
    /// When it cannot be repaired; the file is unchanged and open again then.
    pub fn mend(&mut self) -> Result<Mended> {
        // The file must be closed while another one is renamed to its name.
        self.connection = Connection::open_in_memory()?;
        let repaired = repair::repair(&self.path);
        *self = Self::open(&self.path)?;
        let repaired = repaired?;
        self.update_copy();
        Ok(repaired)
    }

    /// Copies what cannot be rebuilt. Errors are ignored: the file itself has the rows, and the next change or start
    /// copies them again.
    fn update_copy(&self) {
        if let Ok(rows) = safety_copy::Rows::read(&self.connection) {
            let _ = safety_copy::write(&self.path, &rows);
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a setting.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        self.one("SELECT value FROM setting WHERE key = ?1", key)
    }

    /// Changes a setting.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO setting VALUES (?1, ?2)",
            [key, value],
        )?;
        self.update_copy();
        Ok(())
    }

    /// All accounts: id and body.
    pub fn accounts(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT id, body FROM account ORDER BY id")
    }

    /// Adds or changes an account.
    pub fn put_account(&self, id: &str, body: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO account VALUES (?1, ?2)", [id, body])?;
        self.update_copy();
        Ok(())
    }

    /// Removes an account.
    pub fn remove_account(&self, id: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM account WHERE id = ?1", [id])?;
        self.update_copy();
        Ok(())
    }

    /// All jobs: id and body.
    pub fn jobs(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT id, body FROM job ORDER BY id")
    }

    /// The body of a job.
    pub fn job(&self, id: &str) -> Result<Option<String>> {
        self.one("SELECT body FROM job WHERE id = ?1", id)
    }

    /// Adds or changes a job.
    pub fn put_job(&self, id: &str, body: &str) -> Result<()> {
        self.connection.execute(
            "INSERT INTO job (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = ?2",
            [id, body],
        )?;
        self.update_copy();
        Ok(())
    }

    /// What is known about a job besides its definition.
    pub fn job_state(&self, id: &str) -> Result<Option<String>> {
        self.one("SELECT state FROM job WHERE id = ?1", id)
    }

    /// Replaces [`AppDatabase::job_state`] by what `change` makes of it, in one transaction, so that no other process
    /// changes it in between. Does nothing when the job does not exist.
    ///
    /// # Errors
    /// Then nothing is changed.
    pub fn change_job_state(&self, id: &str, change: impl FnOnce(String) -> String) -> Result<()> {
        self.at_once(|connection| {
            let mut statement = connection.prepare_cached("SELECT state FROM job WHERE id = ?1")?;
            let Some(before) = statement.query_row([id], |row| row.get(0)).optional()? else {
                return Ok(());
            };
            let after = change(before);
            connection.execute("UPDATE job SET state = ?2 WHERE id = ?1", [id, &after])?;
            Ok(())
        })?;
        self.update_copy();
        Ok(())
    }

    /// Removes a job with its runs.
    ///
    /// # Errors
    /// Then nothing is removed.
    pub fn remove_job(&self, id: &str) -> Result<()> {
        self.at_once(|connection| {
            connection.execute(
                "DELETE FROM message WHERE run IN (SELECT id FROM run WHERE job = ?1)",
                [id],
            )?;
            connection.execute("DELETE FROM run WHERE job = ?1", [id])?;
            connection.execute("DELETE FROM job WHERE id = ?1", [id])?;
            Ok(())
        })?;
        self.update_copy();
        Ok(())
    }

    /// Adds or changes a run. Then removes the oldest runs beyond 500 of its job, and the oldest reports beyond 100,000
    /// lines in total.
    ///
    /// # Errors
    /// Then nothing is changed.
    pub fn put_run(&self, run: &RunRow) -> Result<()> {
        let job = run.job.as_deref().unwrap_or(NO_JOB);
        self.at_once(|connection| {
            connection.execute(
                "INSERT INTO run (id, job, started, finished, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET finished = ?4, body = ?5",
                params![run.id, job, run.started, run.finished, run.body],
            )?;
            let old = "SELECT id FROM run WHERE job = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2";
            connection.execute(
                &format!("DELETE FROM message WHERE run IN ({old})"),
                params![job, KEPT_RUNS],
            )?;
            connection.execute(
                &format!("DELETE FROM run WHERE id IN ({old})"),
                params![job, KEPT_RUNS],
            )?;
            if run.finished.is_some() {
                drop_oldest_reports(connection, KEPT_LINES)?;
            }
            Ok(())
        })?;
        // Shrinks the file; what cannot be freed now is freed next time.
        if run.finished.is_some() {
            let mut statement = self.connection.prepare("PRAGMA incremental_vacuum")?;
            let mut pages = statement.query([])?;
            while pages.next()?.is_some() {}
        }
        Ok(())
    }

    /// Removes a run with its report.
    ///
    /// # Errors
    /// Then nothing is removed.
    pub fn remove_run(&self, id: &str) -> Result<()> {
        self.at_once(|connection| {
            connection.execute("DELETE FROM message WHERE run = ?1", [id])?;
            connection.execute("DELETE FROM run WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    /// A run.
    pub fn run(&self, id: &str) -> Result<Option<RunRow>> {
        Ok(self.runs_where("id = ?1", params![id])?.pop())
    }

    /// Runs of a job, or of no job, newest first: in the order in which they were added, whatever the clock showed.
    pub fn runs(&self, job: Option<&str>, offset: u32, limit: u32) -> Result<Vec<RunRow>> {
        self.runs_where(
            "job = ?1 ORDER BY number DESC LIMIT ?2 OFFSET ?3",
            params![job.unwrap_or(NO_JOB), limit, offset],
        )
    }

    /// Runs that have not finished.
    pub fn unfinished_runs(&self) -> Result<Vec<RunRow>> {
        self.runs_where("finished IS NULL", params![])
    }

    /// Adds lines to a run's report.
    ///
    /// # Errors
    /// Then no line is added.
    pub fn add_messages(&self, run: &str, first: u64, lines: &[MessageRow]) -> Result<()> {
        self.at_once(|connection| {
            let mut statement = connection
                .prepare_cached("INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (seq, line) in (first..).zip(lines) {
                statement.execute(params![
                    run,
                    sqlite::to_sql(seq),
                    line.level,
                    line.subject,
                    line.text
                ])?;
            }
            Ok(())
        })
    }

    /// Lines of a run's report, the most serious ones first.
    pub fn messages(&self, run: &str, offset: u32, limit: u32) -> Result<Vec<MessageRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT level, subject, text FROM message WHERE run = ?1 ORDER BY level DESC, seq LIMIT ?2 OFFSET ?3",
        )?;
        let rows = statement.query_map(params![run, limit, offset], |row| {
            Ok(MessageRow {
                level: row.get(0)?,
                subject: row.get(1)?,
                text: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many lines a run's report has; also 0 when they were removed to make room.
    pub fn message_count(&self, run: &str) -> Result<u64> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT count(*) FROM message WHERE run = ?1")?;
        let count = statement.query_row([run], |row| row.get(0))?;
        Ok(sqlite::from_sql(count))
    }

    /// Does `work` in one transaction: all of it or, when it fails, nothing.
    fn at_once(&self, work: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = Transaction::new_unchecked(&self.connection, behavior)?;
        work(&transaction)?;
        Ok(transaction.commit()?)
    }

    fn runs_where(&self, condition: &str, values: impl rusqlite::Params) -> Result<Vec<RunRow>> {
        let sql = format!("SELECT id, job, started, finished, body FROM run WHERE {condition}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(values, |row| {
            Ok(RunRow {
                id: row.get(0)?,
                job: Some(row.get(1)?).filter(|job| job != NO_JOB),
                started: row.get(2)?,
                finished: row.get(3)?,
                body: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn one(&self, sql: &str, key: &str) -> Result<Option<String>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement
            .query_row([key], |row| row.get(0))
            .optional()
            .map_err(Error::from)
    }

    fn pairs(&self, sql: &str) -> Result<Vec<(String, String)>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// Drops whole reports, of the oldest runs first, until at most `kept` lines are left.
fn drop_oldest_reports(connection: &Connection, kept: i64) -> Result<()> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM message")?;
    let lines: i64 = statement.query_row([], |row| row.get(0))?;
    if lines <= kept {
        return Ok(());
    }
    connection.execute(
        "DELETE FROM message WHERE run IN (
             SELECT id FROM (
                 SELECT run.id, sum(count(*)) OVER (ORDER BY run.number DESC) AS lines
                 FROM run JOIN message ON message.run = run.id GROUP BY run.number
             ) WHERE lines > ?1
         )",
        [kept],
    )?;
    Ok(())
}
