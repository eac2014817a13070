//! What is done to the app's database behind its back.

use std::fs;
use std::path::{Path, PathBuf};

use coffer_ipc::run::RunSummary;
use rusqlite::Connection;

/// Bytes of a page.
const PAGE: usize = 4096;

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("the database can be opened");
    connection
        .busy_timeout(std::time::Duration::from_secs(30))
        .expect("this is a time");
    connection
}

/// Copies what is committed.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_file(to);
    // One that is damaged is copied as it is: SQLite would leave out what is wrong with its indexes.
    let copied = is_whole(from)
        && Connection::open(from)
            .and_then(|open| open.execute("VACUUM INTO ?1", [to.to_string_lossy()]))
            .is_ok();
    if !copied {
        let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
        let _ = fs::copy(from, to);
        let _ = fs::copy(log(from), log(to));
    }
}

/// Whether every page and every index is as it should be.
pub(crate) fn is_whole(path: &Path) -> bool {
    let answer = Connection::open(path)
        .and_then(|open| open.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)));
    answer.is_ok_and(|answer: String| answer == "ok")
}

/// Lets so many writes of runs and jobs pass, and none after them.
pub(crate) fn refuse(path: &Path, writes: u32) {
    let count = "SELECT RAISE(ABORT, 'refused') WHERE (SELECT writes FROM refusal) <= 0;
                 UPDATE refusal SET writes = writes - 1;";
    let sql = format!(
        "BEGIN IMMEDIATE;
         CREATE TABLE refusal (writes INTEGER);
         INSERT INTO refusal VALUES ({writes});
         CREATE TRIGGER refuse_run BEFORE INSERT ON run BEGIN {count} END;
         CREATE TRIGGER refuse_end BEFORE DELETE ON run BEGIN {count} END;
         CREATE TRIGGER refuse_job BEFORE UPDATE ON job BEGIN {count} END;
         CREATE TRIGGER refuse_account BEFORE INSERT ON account BEGIN {count} END;
         COMMIT;"
    );
    // A damaged one refuses by itself.
    let _ = open(path).execute_batch(&sql);
}

/// Whether a write was refused, or would be now.
pub(crate) fn has_refused(path: &Path) -> bool {
    let left = open(path).query_row("SELECT writes FROM refusal", [], |row| row.get(0));
    left.is_ok_and(|left: i64| left <= 0)
}

/// Lets all writes pass again.
pub(crate) fn accept(path: &Path) {
    let sql = "BEGIN IMMEDIATE;
               DROP TRIGGER IF EXISTS refuse_run;
               DROP TRIGGER IF EXISTS refuse_end;
               DROP TRIGGER IF EXISTS refuse_job;
               DROP TRIGGER IF EXISTS refuse_account;
               DROP TABLE IF EXISTS refusal;
               COMMIT;";
    let _ = open(path).execute_batch(sql);
}

/// A run as it is noted.
pub(crate) fn run(path: &Path, id: &str) -> Option<RunSummary> {
    summaries(path, "id = ?1", id).pop()
}

/// The newest run of a job as it is noted.
pub(crate) fn newest_run(path: &Path, job: &str) -> Option<RunSummary> {
    newest_runs(path, job, 1).pop()
}

/// The newest runs of a job, the newest first.
pub(crate) fn newest_runs(path: &Path, job: &str, count: u32) -> Vec<RunSummary> {
    let condition = format!("job = ?1 ORDER BY number DESC LIMIT {count}");
    summaries(path, &condition, job)
}

/// None when the database cannot be read.
fn summaries(path: &Path, condition: &str, value: &str) -> Vec<RunSummary> {
    let sql = format!("SELECT body FROM run WHERE {condition}");
    let read = || {
        let connection = open(path);
        let mut statement = connection.prepare(&sql)?;
        let bodies = statement.query_map([value], |row| row.get::<_, String>(0))?;
        bodies.collect::<rusqlite::Result<Vec<_>>>()
    };
    let bodies = read().unwrap_or_default();
    let parsed = bodies
        .iter()
        .filter_map(|body| serde_json::from_str(body).ok());
    parsed.collect()
}

/// Overwrites the head of a page. It is not in use meanwhile.
pub(crate) fn damage(path: &Path, page: u32) {
    let _ = open(path).execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
    let Ok(mut bytes) = fs::read(path) else {
        return;
    };
    let pages = bytes.len() / PAGE;
    if pages > 0 {
        let at = (page as usize % pages) * PAGE;
        bytes[at..at + PAGE / 8].fill(0xa5);
        fs::write(path, bytes).expect("the temp folder can be written");
    }
}

/// Copies the database, and what lies beside it for itself and for services, into the folder of another life of the app.
pub(crate) fn move_on(database: &Path, from: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).expect("the temp folder can be written");
    let target = to.join("coffer.sqlite");
    copy(database, &target);
    accept(&target);
    let kept = "coffer.sqlite.kept";
    let _ = fs::copy(from.join(kept), to.join(kept));
    let pacing = from.join("pacing");
    if let Ok(entries) = fs::read_dir(&pacing) {
        let copies = to.join("pacing");
        let _ = fs::create_dir_all(&copies);
        for entry in entries.flatten() {
            let _ = fs::copy(entry.path(), copies.join(entry.file_name()));
        }
    }
    target
}
