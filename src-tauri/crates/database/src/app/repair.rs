//! Builds an intact database from what can be read of a damaged one and from the copy of what cannot be rebuilt.
//!
//! The new file is complete before it is renamed, and the damaged one stays beside it.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::files::beside;
use super::{migrations, safety_copy};
use crate::error::{Error, Result};

/// The result of repairing a damaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Jobs, accounts or settings may be gone: neither the file nor its copy had all of them.
    pub may_lack_jobs: bool,
    /// Runs or reports are gone.
    pub lacks_history: bool,
    /// Where the damaged file is.
    pub aside: PathBuf,
}

/// Table, columns and key; the tables that are stored twice come first. Columns of numbers end in `#`.
const TABLES: [(&str, &str, &str); 5] = [
    ("setting", "key, value", "key"),
    ("account", "id, body", "id"),
    ("job", "id, body, state", "id"),
    (
        "run",
        "number#, id, job, started#, finished#, body",
        "number",
    ),
    ("message", "run, seq#, level#, subject, text", "run"),
];
/// Number of tables that are stored twice.
const COPIED_TABLES: usize = 3;
/// Suffixes of the files of one database.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// Whether every page and every index is intact.
pub(super) fn is_whole(connection: &Connection) -> bool {
    let answer = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    answer.is_ok_and(|answer: String| answer == "ok")
}

/// Repairs the file `path`, which must not be open.
///
/// # Errors
/// [`Error::Later`] when a later version wrote the copy: it may have data that would be lost.
pub(super) fn repair(path: &Path) -> Result<Mended> {
    if migrations::stored_version(&safety_copy::path_of(path)) > Some(migrations::newest()) {
        return Err(Error::Later {
            path: path.to_owned(),
        });
    }
    let new = new_of(path);
    for ending in ENDINGS {
        remove(&beside(&new, ending))?;
    }
    let connection = migrations::open(&new)?;
    let old = open_damaged(path);
    let mut are_whole = [false; TABLES.len()];
    let transaction = connection.unchecked_transaction()?;
    for (table, is_whole) in TABLES.iter().zip(&mut are_whole) {
        if let Some(old) = &old {
            *is_whole = rescue(old, &transaction, *table)?;
        }
    }
    drop(old);
    let are_copied_whole = are_whole[..COPIED_TABLES].iter().all(|whole| *whole);
    let mut may_lack_jobs = !are_copied_whole;
    if !are_copied_whole && let Some(rows) = safety_copy::read(path) {
        rows.insert_into(&transaction)?;
        may_lack_jobs = false;
    }
    transaction.commit()?;
    // Puts everything into the one file that is renamed.
    connection.execute_batch("PRAGMA journal_mode = DELETE;")?;
    drop(connection);

    let aside = beside(path, ".damaged");
    for ending in ENDINGS {
        let from = beside(path, ending);
        let to = beside(&aside, ending);
        remove(&to)?;
        rename(&from, &to)?;
    }
    rename(&new, path)?;
    Ok(Mended {
        may_lack_jobs,
        lacks_history: are_whole[COPIED_TABLES..].iter().any(|whole| !*whole),
        aside,
    })
}

/// Finishes a repair that was interrupted between the two renames: the new file is complete once the old one is gone.
pub(super) fn finish(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    rename(&new_of(path), path)
}

fn new_of(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn open_damaged(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    Connection::open_with_flags(path, flags).ok()
}

/// Copies the readable rows of a table, reading from both of its ends up to the damage; returns whether that is all of
/// it.
fn rescue(
    old: &Connection,
    new: &Connection,
    (table, columns, key): (&str, &str, &str),
) -> Result<bool> {
    // SQLite stores any type in any column, and a damaged header is enough to change it.
    let typed = |column: &str| match column.strip_suffix('#') {
        Some(column) => {
            format!("CASE WHEN {column} NOTNULL THEN max(CAST({column} AS INTEGER), 0) END")
        }
        None => format!("CAST({column} AS TEXT)"),
    };
    let typed: Vec<String> = columns.split(", ").map(typed).collect();
    let (count, typed) = (typed.len(), typed.join(", "));
    let columns = columns.replace('#', "");
    let places = vec!["?"; count].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})");
    let mut insert = new.prepare(&insert)?;
    for order in ["ASC", "DESC"] {
        let select = format!("SELECT {typed} FROM {table} ORDER BY {key} {order}");
        let mut is_whole = true;
        let Ok(mut select) = old.prepare(&select) else {
            continue;
        };
        let mut rows = select.query([])?;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    let values = (0..count).map(|at| row.get::<_, Value>(at));
                    let values = values.collect::<rusqlite::Result<Vec<_>>>();
                    // A row with damaged values may violate the table's constraints.
                    let is_taken =
                        values.is_ok_and(|values| insert.execute(params_from_iter(values)).is_ok());
                    is_whole &= is_taken;
                }
                Ok(None) => break,
                Err(_) => {
                    is_whole = false;
                    break;
                }
            }
        }
        if is_whole {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(from, error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{AppDatabase, MessageRow, RunRow};

    const PAGE: usize = 4096;

    /// Fills each table with several pages.
    fn filled(path: &Path) {
        let database = AppDatabase::open(path).unwrap();
        let text = "long enough to need some pages ".repeat(20);
        database.set_setting("theme", "dark").unwrap();
        for number in 0..10 {
            let id = format!("{number}");
            database.put_account(&id, &text).unwrap();
            database.put_job(&id, &text).unwrap();
            database.change_job_state(&id, |_| "state".into()).unwrap();
            let run = RunRow {
                id: format!("run {number}"),
                job: Some(id),
                started: number,
                finished: Some(number),
                body: text.clone(),
            };
            database.put_run(&run).unwrap();
            let line = MessageRow {
                level: 1,
                subject: String::new(),
                text: text.clone(),
            };
            database.add_messages(&run.id, 0, &[line]).unwrap();
        }
    }

    fn rows(database: &AppDatabase) -> safety_copy::Rows {
        safety_copy::Rows::read(&database.connection).unwrap()
    }

    fn overwrite(path: &Path, at: usize) {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at..at + 512].fill(0xa5);
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn whichever_page_is_damaged_no_job_is_lost_and_readable_history_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        let whole = std::fs::read(&path).unwrap();
        let kept_copy = std::fs::read(safety_copy::path_of(&path)).unwrap();
        let before = rows(&AppDatabase::open(&path).unwrap());
        let mut with_runs = 0;
        for page in 0..whole.len() / PAGE {
            std::fs::write(&path, &whole).unwrap();
            std::fs::write(safety_copy::path_of(&path), &kept_copy).unwrap();
            overwrite(&path, page * PAGE);

            let (database, repaired) = AppDatabase::open_mending(&path).unwrap();

            assert_eq!(rows(&database), before, "page {page}");
            let Some(repaired) = repaired else {
                // This page holds no rows.
                assert_eq!(database.runs(Some("3"), 0, 10).unwrap().len(), 1);
                continue;
            };
            assert!(!repaired.may_lack_jobs, "page {page}");
            assert!(repaired.aside.exists());
            let runs =
                (0..10).map(|job| database.runs(Some(&job.to_string()), 0, 10).unwrap().len());
            let runs: usize = runs.sum();
            assert!(runs == 10 || repaired.lacks_history, "page {page}");
            with_runs += usize::from(runs > 0);
            drop(database);
            let (_, again) = AppDatabase::open_mending(&path).unwrap();
            assert_eq!(again, None, "page {page}");
        }
        assert!(with_runs > whole.len() / PAGE / 2, "{with_runs}");
    }

    #[test]
    fn a_file_that_is_damaged_while_it_is_open_is_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        let mut database = AppDatabase::open(&path).unwrap();
        let before = rows(&database);
        std::fs::write(&path, "no database any more".repeat(1000)).unwrap();

        let repaired = database.mend().unwrap();

        assert!(!repaired.may_lack_jobs && repaired.lacks_history);
        assert_eq!(rows(&database), before);
        database.put_job("new", "job").unwrap();
        assert!(is_whole(&database.connection));
    }

    #[test]
    fn without_a_copy_jobs_may_be_missing_and_that_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        std::fs::remove_file(safety_copy::path_of(&path)).unwrap();
        overwrite(&path, 0);

        let (database, repaired) = AppDatabase::open_mending(&path).unwrap();

        assert!(repaired.unwrap().may_lack_jobs);
        assert!(database.jobs().unwrap().is_empty());
    }

    #[test]
    fn an_emptied_file_is_not_treated_as_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        std::fs::write(&path, "").unwrap();

        let (database, repaired) = AppDatabase::open_mending(&path).unwrap();

        assert!(repaired.unwrap().lacks_history);
        assert_eq!(database.jobs().unwrap().len(), 10);
    }

    #[test]
    fn a_deleted_file_is_not_treated_as_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        for ending in ENDINGS {
            remove(&beside(&path, ending)).unwrap();
        }

        let (database, repaired) = AppDatabase::open_mending(&path).unwrap();

        assert!(!repaired.unwrap().may_lack_jobs);
        assert_eq!(database.jobs().unwrap().len(), 10);
    }

    #[test]
    fn values_of_another_type_come_back_as_what_their_column_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch(
                "UPDATE job SET body = CAST(body AS BLOB) WHERE id = '3';
                 UPDATE run SET started = 'soon' WHERE id = 'run 4';
                 UPDATE message SET level = -1 WHERE run = 'run 5';",
            )
            .unwrap();
        drop(other);
        let mut database = AppDatabase::open(&path).unwrap();
        assert!(database.jobs().unwrap_err().is_unusable());

        database.mend().unwrap();

        assert_eq!(database.jobs().unwrap().len(), 10);
        assert_eq!(database.runs(Some("4"), 0, 10).unwrap().len(), 1);
        assert_eq!(database.messages("run 5", 0, 10).unwrap().len(), 1);
    }

    #[test]
    fn a_file_without_a_version_that_has_tables_is_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        for version in [0, -1] {
            let other = Connection::open(&path).unwrap();
            let pragma = format!("PRAGMA user_version = {version}");
            other.execute_batch(&pragma).unwrap();
            drop(other);

            let (database, repaired) = AppDatabase::open_mending(&path).unwrap();

            assert!(repaired.is_some(), "{version}");
            assert_eq!(database.jobs().unwrap().len(), 10, "{version}");
            assert_eq!(database.runs(Some("4"), 0, 10).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_repair_interrupted_between_the_two_renames_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        filled(&path);
        std::fs::rename(&path, new_of(&path)).unwrap();

        let (database, repaired) = AppDatabase::open_mending(&path).unwrap();

        assert_eq!(repaired, None);
        assert_eq!(database.jobs().unwrap().len(), 10);
    }
}
