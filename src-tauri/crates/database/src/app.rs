//! Jobs, runs, accounts and settings.
//!
//! What a job or account consists of is the caller's text; only what is searched or sorted by has a column.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{Error, Result};
use crate::sqlite;

/// Runs that are kept for each job.
const KEPT_RUNS: i64 = 500;

const VERSION: i32 = 1;

const SCHEMA: &str = "
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE account (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE job (id TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
CREATE TABLE run (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, started INTEGER NOT NULL, finished INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX run_of_job ON run (job, number);
CREATE TABLE message (
    run TEXT NOT NULL, seq INTEGER NOT NULL, level INTEGER NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
";

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Identifies it.
    pub id: String,
    /// Its job; empty for a restore without one.
    pub job: String,
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
    /// Opens or creates the file `path`.
    ///
    /// # Errors
    /// [`Error::Unusable`] when it is damaged or from a later version; it is never deleted by itself.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = sqlite::open(path, VERSION, SCHEMA)?;
        connection.execute_batch("PRAGMA synchronous = FULL;")?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
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
        Ok(())
    }

    /// Removes an account.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn remove_account(&self, id: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM account WHERE id = ?1", [id])?;
        Ok(())
    }

    /// All jobs: id and body.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn jobs(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT id, body FROM job ORDER BY id")
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
        Ok(())
    }

    /// What was learnt about a job besides its definition.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn job_state(&self, id: &str) -> Result<Option<String>> {
        self.one("SELECT state FROM job WHERE id = ?1", id)
    }

    /// Changes [`AppDatabase::job_state`].
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn set_job_state(&self, id: &str, state: &str) -> Result<()> {
        self.connection
            .execute("UPDATE job SET state = ?2 WHERE id = ?1", [id, state])?;
        Ok(())
    }

    /// Removes a job with its runs.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn remove_job(&self, id: &str) -> Result<()> {
        self.connection.execute(
            "DELETE FROM message WHERE run IN (SELECT id FROM run WHERE job = ?1)",
            [id],
        )?;
        self.connection
            .execute("DELETE FROM run WHERE job = ?1", [id])?;
        self.connection
            .execute("DELETE FROM job WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Adds or changes a run; the oldest beyond 500 of its job go.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn put_run(&self, run: &RunRow) -> Result<()> {
        self.connection.execute(
            "INSERT INTO run (id, job, started, finished, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET finished = ?4, body = ?5",
            params![run.id, run.job, run.started, run.finished, run.body],
        )?;
        let old = "SELECT id FROM run WHERE job = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2";
        self.connection.execute(
            &format!("DELETE FROM message WHERE run IN ({old})"),
            params![run.job, KEPT_RUNS],
        )?;
        self.connection.execute(
            &format!("DELETE FROM run WHERE id IN ({old})"),
            params![run.job, KEPT_RUNS],
        )?;
        Ok(())
    }

    /// A run.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn run(&self, id: &str) -> Result<Option<RunRow>> {
        Ok(self.runs_where("id = ?1", params![id])?.pop())
    }

    /// Runs of a job, newest first; that is the order in which they were added, whatever the clock said.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn runs(&self, job: &str, offset: u32, limit: u32) -> Result<Vec<RunRow>> {
        self.runs_where(
            "job = ?1 ORDER BY number DESC LIMIT ?2 OFFSET ?3",
            params![job, limit, offset],
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
    /// Those of SQLite.
    pub fn add_messages(&self, run: &str, first: u64, lines: &[MessageRow]) -> Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for (seq, line) in (first..).zip(lines) {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![
                    run,
                    sqlite::to_sql(seq),
                    line.level,
                    line.subject,
                    line.text
                ])?;
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Lines of a run's report.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn messages(&self, run: &str, offset: u32, limit: u32) -> Result<Vec<MessageRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT level, subject, text FROM message WHERE run = ?1 ORDER BY seq LIMIT ?2 OFFSET ?3",
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

    fn runs_where(&self, condition: &str, values: impl rusqlite::Params) -> Result<Vec<RunRow>> {
        let sql = format!("SELECT id, job, started, finished, body FROM run WHERE {condition}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(values, |row| {
            Ok(RunRow {
                id: row.get(0)?,
                job: row.get(1)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_goes_with_its_runs_and_their_reports() {
        let folder = tempfile::tempdir().unwrap();
        let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
        database.put_job("j", "{}").unwrap();
        let run = RunRow {
            id: "r".into(),
            job: "j".into(),
            started: 1,
            finished: None,
            body: "b".into(),
        };
        database.put_run(&run).unwrap();
        let line = MessageRow {
            level: 1,
            subject: "/a".into(),
            text: "unreadable".into(),
        };
        database
            .add_messages("r", 0, std::slice::from_ref(&line))
            .unwrap();

        assert_eq!(database.unfinished_runs().unwrap(), [run]);
        assert_eq!(database.messages("r", 0, 10).unwrap(), [line]);
        database.remove_job("j").unwrap();

        assert!(database.runs("j", 0, 10).unwrap().is_empty());
        assert!(database.messages("r", 0, 10).unwrap().is_empty());
    }

    #[test]
    fn the_newest_run_is_the_one_added_last_also_after_the_clock_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
        for (id, started) in [("z", 9), ("a", 9), ("m", 3)] {
            let run = RunRow {
                id: id.into(),
                job: "j".into(),
                started,
                finished: None,
                body: String::new(),
            };
            database.put_run(&run).unwrap();
            database.put_run(&run).unwrap();
        }

        let runs = database.runs("j", 0, 10).unwrap();

        let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["m", "a", "z"]);
    }
}
