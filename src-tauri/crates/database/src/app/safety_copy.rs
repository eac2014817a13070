//! A second copy of what cannot be rebuilt: jobs with their state, accounts and settings.
//!
//! It is beside the app database and written after each change, so that damage to one leaves the other intact. Runs and
//! their reports are history and are not in it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::files::beside;
use super::migrations;
use crate::error::Result;
use crate::sqlite;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
";

/// The rows that are stored twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// Id, body and state.
    pub(super) jobs: Vec<(String, String, String)>,
    /// Id and body.
    pub(super) accounts: Vec<(String, String)>,
    /// Key and value.
    pub(super) settings: Vec<(String, String)>,
}

/// Where the copy of the database `path` is.
pub(super) fn path_of(path: &Path) -> PathBuf {
    beside(path, ".kept")
}

/// Replaces the copy of the database `path`. A damaged copy is created again.
pub(super) fn write(path: &Path, rows: &Rows) -> Result<()> {
    let copy = path_of(path);
    match replace(&copy, rows) {
        Err(error) if error.is_unusable() => {
            let _ = std::fs::remove_file(&copy);
            replace(&copy, rows)
        }
        other => other,
    }
}

fn replace(copy: &Path, rows: &Rows) -> Result<()> {
    sqlite::create_private(copy)?;
    let mut connection = Connection::open(copy)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute_batch("DELETE FROM setting; DELETE FROM account; DELETE FROM job;")?;
    rows.insert_into(&transaction)?;
    // Only a version that knows this schema may repair with the copy.
    transaction.pragma_update(None, "user_version", migrations::newest())?;
    Ok(transaction.commit()?)
}

/// What the copy of the database `path` has; `None` when there is no readable copy.
pub(super) fn read(path: &Path) -> Option<Rows> {
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    let connection = Connection::open_with_flags(path_of(path), flags).ok()?;
    Rows::read(&connection).ok()
}

impl Rows {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        let mut jobs = connection.prepare_cached("SELECT id, body, state FROM job ORDER BY id")?;
        let jobs = jobs.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let pairs = |sql: &str| -> Result<Vec<(String, String)>> {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        Ok(Self {
            jobs: jobs.collect::<rusqlite::Result<_>>()?,
            accounts: pairs("SELECT id, body FROM account ORDER BY id")?,
            settings: pairs("SELECT key, value FROM setting ORDER BY key")?,
        })
    }

    /// Inserts the rows; existing ones stay as they are.
    pub(super) fn insert_into(&self, connection: &Connection) -> Result<()> {
        for (id, body, state) in &self.jobs {
            let sql = "INSERT OR IGNORE INTO job (id, body, state) VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![id, body, state])?;
        }
        for (id, body) in &self.accounts {
            connection.execute("INSERT OR IGNORE INTO account VALUES (?1, ?2)", [id, body])?;
        }
        for (key, value) in &self.settings {
            let sql = "INSERT OR IGNORE INTO setting VALUES (?1, ?2)";
            connection.execute(sql, [key, value])?;
        }
        Ok(())
    }
}
