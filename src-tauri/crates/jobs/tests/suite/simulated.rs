//! Minimal cases of defects that the simulation of jobs found.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coffer_ipc::event::Change;
use coffer_ipc::job::{HealthLevel, JobState, WaitingFor};
use coffer_ipc::run::RunResult;
use coffer_jobs::keychain::{Error, MemoryKeychain, SecretStore};

use crate::always_runs::{daily_job, run_what_is_due};
use crate::support::{Computer, back_up};

#[tokio::test]
async fn the_end_of_a_run_that_could_not_be_stored_is_stored_later() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON run WHEN NEW.finished IS NOT NULL
                  BEGIN SELECT RAISE(ABORT, 'refused'); END;";
    database.execute_batch(refuse).unwrap();
    let mut events = coffer.subscribe();
    let run = coffer.start_backup(&id).unwrap();
    loop {
        if let Change::Job { card } = events.recv().await.unwrap().change
            && card.state == JobState::Idle
        {
            break;
        }
    }

    database.execute_batch("DROP TRIGGER refuse;").unwrap();
    assert!(coffer.start_due_jobs().unwrap().is_empty());

    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.health.level, HealthLevel::Good);
    let last = card.health.last_backup.unwrap();
    assert_eq!((last.id, last.result), (run, RunResult::Success));
}

#[tokio::test]
async fn a_first_backup_waits_for_the_disk_that_its_job_was_set_up_on() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    fs::create_dir(computer.path("backups")).unwrap();
    daily_job(&computer, &coffer, "stick").await;
    fs::rename(computer.path("backups"), computer.path("drawer")).unwrap();
    computer.clock.set("2026-03-02T13:00:00Z");

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Error]);

    assert!(!computer.path("backups").exists());
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.health.waiting_for, WaitingFor::Disk);
    fs::rename(computer.path("drawer"), computer.path("backups")).unwrap();
    computer.clock.pass_minutes(1);
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
}

#[tokio::test]
async fn a_backup_whose_end_is_missing_in_the_status_is_known_at_the_next_start() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    back_up(&coffer, &id).await;
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let sql = "SELECT state FROM job";
    let before: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    computer.clock.pass_minutes(5);
    let (_, newest) = back_up(&coffer, &id).await;
    drop(coffer);
    database
        .execute("UPDATE job SET state = ?1", [before])
        .unwrap();

    let coffer = computer.start();

    let health = coffer.job_cards().unwrap().remove(0).health;
    assert_eq!(health.last_good.as_ref(), Some(&newest.started));
    assert_eq!(health.last_backup.unwrap().id, newest.id);
}

#[tokio::test]
async fn a_first_backup_whose_end_is_missing_in_the_status_stays_known_when_the_next_is_interrupted()
 {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    let (_, first) = back_up(&coffer, &id).await;
    computer.clock.pass_minutes(5);
    back_up(&coffer, &id).await;
    drop(coffer);
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    // As if the app had crashed right after the first end, and again in the middle of the second run.
    database
        .execute_batch(
            "UPDATE job SET state = '{}';
             UPDATE run SET finished = NULL, body = json_set(body, '$.result', 'running')
                 WHERE number = (SELECT max(number) FROM run);",
        )
        .unwrap();

    let coffer = computer.start();

    let health = coffer.job_cards().unwrap().remove(0).health;
    assert_eq!(health.last_good.as_ref(), Some(&first.started));
    assert_eq!(health.last_backup.unwrap().result, RunResult::Interrupted);
}

/// A keychain that unplugs a disk when it is used.
struct Unplugging {
    inner: MemoryKeychain,
    disk: PathBuf,
    is_armed: AtomicBool,
}

impl SecretStore for Unplugging {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        self.inner.set(name, value)
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        if self.is_armed.swap(false, Ordering::SeqCst) {
            fs::rename(&self.disk, self.disk.with_extension("drawer")).unwrap();
        }
        self.inner.get(name)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.inner.remove(name)
    }
}

#[tokio::test]
async fn a_first_backup_is_not_made_where_its_disk_was_when_that_is_removed_after_the_check() {
    let computer = Computer::new().await;
    let disk = computer.path("backups");
    fs::create_dir(&disk).unwrap();
    let keychain = Arc::new(Unplugging {
        inner: MemoryKeychain::default(),
        disk: disk.clone(),
        is_armed: AtomicBool::new(false),
    });
    let coffer = computer.open_with(Arc::clone(&keychain) as Arc<dyn SecretStore>);
    let id = daily_job(&computer, &coffer, "stick").await;
    keychain.is_armed.store(true, Ordering::SeqCst);

    let (card, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Error);
    assert_eq!(card.health.waiting_for, WaitingFor::Disk);
    assert!(!disk.exists());
    fs::rename(disk.with_extension("drawer"), &disk).unwrap();
    computer.clock.pass_minutes(1);
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
}
