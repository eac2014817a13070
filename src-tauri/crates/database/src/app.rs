//! Jobs, runs, accounts and settings.
//!
//! What a job or account consists of is the caller's text; only what is searched or sorted by has a column.

mod kept;
mod mending;
mod migrations;
#[cfg(test)]
mod tests;

pub use mending::Mended;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::error::{Error, Result};
use crate::sqlite;

/// Runs that are kept for each job.
const KEPT_RUNS: i64 = 500;
/// Lines of reports that are kept in all; those of the oldest runs go first. About 20 MB.
const KEPT_LINES: i64 = 100_000;

/// Stands in the table for a run of no job.
const NO_JOB: &str = "";

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Identifies it.
    pub id: String,
    /// Its job; none for a restore without one.
    pub job: Option<String>,
    /// Nanoseconds since 1970.
    pub started: i64,
    /// Nanoseconds since 1970; none while it runs, or when it died.
    pub finished: Option<i64>,
    /// The rest, as the caller writes it.
    pub body: String,
}

/// One line of a run's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The caller's number.
    pub level: u8,
    /// File or volume.
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
    /// Opens or creates the file `path`. One of an earlier version is brought up to this one, after it was copied to
    /// `<path>.v<its version>`.
    ///
    /// # Errors
    /// [`Error::Unusable`] when it is damaged, [`Error::Later`] when it is from a later version; it is never deleted by
    /// itself.
    pub fn open(path: &Path) -> Result<Self> {
        migrations::refuse_later(path)?;
        let mut connection = sqlite::open_file(path)?;
        connection.execute_batch("PRAGMA synchronous = FULL;")?;
        migrations::apply(&mut connection, path)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// The same for the one app, and nobody else, on this file: one that is damaged is mended first. What was damaged
    /// stays beside it as `<path>.damaged`.
    ///
    /// # Errors
    /// As [`AppDatabase::open`], and when it cannot be mended.
    pub fn open_mending(path: &Path) -> Result<(Self, Option<Mended>)> {
        mending::finish(path)?;
        // SQLite takes an empty file for a new one; with a copy of what was in it, it is not.
        let is_emptied = std::fs::metadata(path).is_ok_and(|file| file.len() == 0)
            && kept::read(path).is_some_and(|rows| rows != kept::Rows::default());
        let opened = match is_emptied {
            true => Err(Error::Damaged),
            false => Self::open(path),
        };
        match opened {
            Ok(database) if mending::is_whole(&database.connection) => {
                database.keep();
                return Ok((database, None));
            }
            Err(error) if !error.is_unusable() => return Err(error),
            damaged => drop(damaged),
        }
        let mended = mending::mend(path)?;
        let database = Self::open(path)?;
        database.keep();
        Ok((database, Some(mended)))
    }

    /// Mends the file after a call said that it is damaged. For the one app on it.
    ///
    /// # Errors
    /// When it cannot be mended; it is as it was then, and so is everything that uses it.
    pub fn mend(&mut self) -> Result<Mended> {
        // Nobody may have the file open while another takes its name.
        self.connection = Connection::open_in_memory()?;
        let mended = mending::mend(&self.path);
        *self = Self::open(&self.path)?;
        let mended = mended?;
        self.keep();
        Ok(mended)
    }

    /// Copies what nobody can make anew. Nothing fails because of it: the file itself has it, and the next change, or the
    /// next start, copies it again.
    fn keep(&self) {
        if let Ok(rows) = kept::Rows::read(&self.connection) {
            let _ = kept::write(&self.path, &rows);
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A setting.
    ///
    /// # Errors
    /// Those of SQLite, as in all methods.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        self.one("SELECT value FROM setting WHERE key = ?1", key)
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO setting VALUES (?1, ?2)",
            [key, value],
        )?;
        self.keep();
        Ok(())
    }

    /// All accounts: id and body.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn accounts(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT id, body FROM account ORDER BY id")
    }

    /// Adds or changes an account.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn put_account(&self, id: &str, body: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO account VALUES (?1, ?2)", [id, body])?;
        self.keep();
        Ok(())
    }

    /// Removes an account.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn remove_account(&self, id: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM account WHERE id = ?1", [id])?;
        self.keep();
        Ok(())
    }

    /// All jobs: id and body.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn jobs(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT id, body FROM job ORDER BY id")
    }

    /// The body of a job.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn job(&self, id: &str) -> Result<Option<String>> {
        self.one("SELECT body FROM job WHERE id = ?1", id)
    }

    /// Adds or changes a job.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn put_job(&self, id: &str, body: &str) -> Result<()> {
        self.connection.execute(
            "INSERT INTO job (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = ?2",
            [id, body],
        )?;
        self.keep();
        Ok(())
    }

    /// What was learned about a job besides its definition.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn job_state(&self, id: &str) -> Result<Option<String>> {
        self.one("SELECT state FROM job WHERE id = ?1", id)
    }

    /// Replaces [`AppDatabase::job_state`] by what `change` makes of it, in one step for all processes. Does nothing for
    /// a job that is not there.
    ///
    /// # Errors
    /// Those of SQLite; nothing is changed then.
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
        self.keep();
        Ok(())
    }

    /// Removes a job with its runs.
    ///
    /// # Errors
    /// Those of SQLite; nothing is removed then.
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
        self.keep();
        Ok(())
    }

    /// Adds or changes a run. The oldest beyond 500 of its job go, and the oldest reports beyond 100,000 lines in all.
    ///
    /// # Errors
    /// Those of SQLite; nothing is changed then.
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
        // Gives the space back; what cannot be given back now is next time.
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
    /// Those of SQLite; nothing is removed then.
    pub fn remove_run(&self, id: &str) -> Result<()> {
        self.at_once(|connection| {
            connection.execute("DELETE FROM message WHERE run = ?1", [id])?;
            connection.execute("DELETE FROM run WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    /// A run.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn run(&self, id: &str) -> Result<Option<RunRow>> {
        Ok(self.runs_where("id = ?1", params![id])?.pop())
    }

    /// Runs of a job, or of none, newest first; that is the order in which they were added, whatever the clock said.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn runs(&self, job: Option<&str>, offset: u32, limit: u32) -> Result<Vec<RunRow>> {
        self.runs_where(
            "job = ?1 ORDER BY number DESC LIMIT ?2 OFFSET ?3",
            params![job.unwrap_or(NO_JOB), limit, offset],
        )
    }

    /// Runs that have no end.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn unfinished_runs(&self) -> Result<Vec<RunRow>> {
        self.runs_where("finished IS NULL", params![])
    }

    /// Adds lines to a run's report.
    ///
    /// # Errors
    /// Those of SQLite; none of them is added then.
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
    ///
    /// # Errors
    /// Those of SQLite.
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

    /// How many lines a run's report has; 0 also when they went to make room.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn message_count(&self, run: &str) -> Result<u64> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT count(*) FROM message WHERE run = ?1")?;
        let count = statement.query_row([run], |row| row.get(0))?;
        Ok(sqlite::from_sql(count))
    }

    /// Does `work` in one step: all of it or, when it fails, nothing.
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

/// The file beside `path` whose name ends in `ending`, too.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
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
