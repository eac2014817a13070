//! The app database's schema, as numbered steps that start from an empty file.
//!
//! A step is never changed after its release; a new schema is a new step. A file's `user_version` is the number of
//! steps that were applied to it. An existing file is copied before its first new step.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::files::beside;
use crate::error::{Error, Result};
use crate::sqlite;

/// SQL of a step, run in one transaction.
type Step = &'static str;

const STEPS: &[Step] = &[
    "
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
",
    // Reports of removed runs; earlier versions removed a run and its report in two transactions.
    "DELETE FROM message WHERE run NOT IN (SELECT id FROM run);",
];

/// Opens or creates a file and brings it to the newest version.
pub(super) fn open(path: &Path) -> Result<Connection> {
    refuse_later(path)?;
    let mut connection = sqlite::open_file(path)?;
    connection.execute_batch("PRAGMA synchronous = FULL;")?;
    apply(&mut connection, path)?;
    Ok(connection)
}

/// Refuses a file of a later version before it is opened for writing, because opening alone may change it.
fn refuse_later(path: &Path) -> Result<()> {
    match stored_version(path) {
        Some(found) if found > newest() => Err(Error::Later {
            path: path.to_owned(),
        }),
        // A file that cannot be read here fails when it is opened.
        _ => Ok(()),
    }
}

/// The version that the newest step makes.
pub(super) fn newest() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// The version of an existing file, read without changing it.
pub(super) fn stored_version(path: &Path) -> Option<i32> {
    let journal = beside(path, "-wal");
    if std::fs::metadata(journal).is_ok_and(|file| file.len() > 0) {
        // The newest header may be in the write-ahead log.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        return version(&connection.ok()?, path).ok();
    }
    /// Offset of `user_version` in the header of an SQLite file: four bytes, big-endian.
    const PLACE: usize = 60;
    let mut header = [0; PLACE + 4];
    let mut file = std::fs::File::open(path).ok()?;
    file.read_exact(&mut header).ok()?;
    let found = header[PLACE..].try_into().ok()?;
    header
        .starts_with(b"SQLite format 3\0")
        .then(|| i32::from_be_bytes(found))
}

/// Migrates `connection` to the newest schema.
fn apply(connection: &mut Connection, path: &Path) -> Result<()> {
    apply_steps(connection, path, STEPS)
}

fn apply_steps(connection: &mut Connection, path: &Path, steps: &[Step]) -> Result<()> {
    let newest = i32::try_from(steps.len()).unwrap_or(i32::MAX);
    let found = version(connection, path)?;
    if found > newest {
        return Err(Error::Later {
            path: path.to_owned(),
        });
    }
    if found == newest {
        return Ok(());
    }
    if found < 1 && has_tables(connection).map_err(|error| sqlite::classify(error, path))? {
        // Every step states its number.
        return Err(Error::Damaged);
    }
    if found > 0 {
        copy(connection, &copy_path(path, found))?;
    }
    let behavior = TransactionBehavior::Immediate;
    let classify = |error| sqlite::classify(error, path);
    let transaction = Transaction::new(connection, behavior).map_err(classify)?;
    // Another process may have done it in the meantime.
    let found = version(&transaction, path)?;
    let taken = usize::try_from(found).unwrap_or(0);
    for step in steps.iter().skip(taken) {
        transaction.execute_batch(step).map_err(classify)?;
    }
    if found < newest {
        transaction
            .execute_batch(&format!("PRAGMA user_version = {newest};"))
            .map_err(classify)?;
    }
    transaction.commit().map_err(classify)?;
    give_space_back_from_now_on(connection)
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare("SELECT 1 FROM sqlite_master LIMIT 1")?;
    statement.exists([])
}

fn version(connection: &Connection, path: &Path) -> Result<i32> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| sqlite::classify(error, path))
}

/// Where the copy of a file of this version goes.
fn copy_path(path: &Path, version: i32) -> PathBuf {
    beside(path, &format!(".v{version}"))
}

/// Writes a complete and consistent copy, replacing one that an earlier attempt left.
fn copy(connection: &Connection, to: &Path) -> Result<()> {
    let failed = |source| Error::Io {
        path: to.to_owned(),
        source,
    };
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // SQLite treats an empty file like a missing one.
    sqlite::create_private(to)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

/// Lets `PRAGMA incremental_vacuum` shrink the file, which works only after the file was rewritten in that mode.
fn give_space_back_from_now_on(connection: &Connection) -> Result<()> {
    const INCREMENTAL: i32 = 2;
    let mode: i32 = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
    if mode != INCREMENTAL {
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::AppDatabase;

    /// A file as the first release wrote it.
    fn first_release(path: &Path) {
        let connection = Connection::open(path).unwrap();
        let first = format!("BEGIN; {} PRAGMA user_version = 1; COMMIT;", STEPS[0]);
        connection.execute_batch(&first).unwrap();
        let row = "INSERT INTO job (id, body) VALUES ('j', 'kept');
                   INSERT INTO message VALUES ('gone', 0, 1, '', 'of a run that is gone');";
        connection.execute_batch(row).unwrap();
    }

    #[test]
    fn an_earlier_file_is_copied_and_then_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        first_release(&path);

        let database = AppDatabase::open(&path).unwrap();

        let job = ("j".to_owned(), "kept".to_owned());
        assert_eq!(database.jobs().unwrap(), std::slice::from_ref(&job));
        assert_eq!(database.message_count("gone").unwrap(), 0);
        let copy = folder.path().join("coffer.sqlite.v1");
        let copied = Connection::open(&copy).unwrap();
        assert_eq!(version(&copied, &copy).unwrap(), 1);
        let lines: i64 = copied
            .query_row("SELECT count(*) FROM message", [], |row| row.get(0))
            .unwrap();
        assert_eq!(lines, 1, "as it was before");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_step_that_fails_changes_nothing_and_can_be_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        first_release(&path);
        let mut connection = sqlite::open_file(&path).unwrap();
        let broken = [STEPS[0], "DROP TABLE message;", "nonsense"];

        assert!(apply_steps(&mut connection, &path, &broken).is_err());

        assert_eq!(version(&connection, &path).unwrap(), 1);
        drop(connection);
        assert_eq!(AppDatabase::open(&path).unwrap().jobs().unwrap().len(), 1);
    }

    /// All files of a folder.
    fn files(folder: &Path) -> BTreeMap<std::ffi::OsString, Vec<u8>> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
        files
            .map(|file| (file.file_name(), std::fs::read(file.path()).unwrap()))
            .collect()
    }

    /// Turns a file into one that a later version wrote.
    const LATER: &str = "ALTER TABLE job ADD COLUMN color TEXT; PRAGMA user_version = 1000;";

    #[test]
    fn a_file_of_a_later_version_is_refused_and_no_byte_is_changed() {
        for journal in ["DELETE", "WAL"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("coffer.sqlite");
            first_release(&path);
            let later = Connection::open(&path).unwrap();
            later.pragma_update(None, "journal_mode", journal).unwrap();
            later.execute_batch(LATER).unwrap();
            drop(later);
            let before = files(folder.path());

            let refused = AppDatabase::open(&path).err().unwrap();
            let not_repaired = AppDatabase::open_mending(&path).err().unwrap();

            assert!(matches!(refused, Error::Later { .. }), "{refused:?}");
            assert!(
                matches!(not_repaired, Error::Later { .. }),
                "{not_repaired:?}"
            );
            assert!(files(folder.path()) == before, "{journal}");
        }
    }

    #[test]
    fn a_file_that_a_later_version_was_cut_off_from_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        first_release(&path);
        let later = Connection::open(&path).unwrap();
        later.pragma_update(None, "journal_mode", "WAL").unwrap();
        later.execute_batch(LATER).unwrap();
        // The files as they are while the app runs, and after its computer crashed.
        let copy = tempfile::tempdir().unwrap();
        for (name, bytes) in files(folder.path()) {
            std::fs::write(copy.path().join(name), bytes).unwrap();
        }
        let path = copy.path().join("coffer.sqlite");
        let before = files(copy.path());

        let refused = AppDatabase::open_mending(&path).err().unwrap();

        assert!(matches!(refused, Error::Later { .. }), "{refused:?}");
        let after = files(copy.path());
        for name in ["coffer.sqlite", "coffer.sqlite-wal"] {
            let name = std::ffi::OsString::from(name);
            assert!(after[&name] == before[&name], "{name:?}");
        }
    }

    #[test]
    fn what_a_later_version_left_damaged_is_not_repaired_by_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");
        let (database, _) = AppDatabase::open_mending(&path).unwrap();
        database.put_job("j", "kept").unwrap();
        drop(database);
        let kept = Connection::open(folder.path().join("coffer.sqlite.kept")).unwrap();
        kept.execute_batch(LATER).unwrap();
        drop(kept);
        for damaged in [b"".as_slice(), b"no database"] {
            std::fs::write(&path, damaged).unwrap();

            let refused = AppDatabase::open_mending(&path).err().unwrap();

            assert!(matches!(refused, Error::Later { .. }), "{refused:?}");
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_new_file_needs_no_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coffer.sqlite");

        drop(AppDatabase::open(&path).unwrap());

        drop(AppDatabase::open(&path).unwrap());
        let names = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(names.count(), 1);
    }
}
