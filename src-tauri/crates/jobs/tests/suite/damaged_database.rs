//! Damage to the app's own database: it is repaired and reported, and jobs continue.

use std::fs;

use coffer_ipc::event::Change;
use coffer_ipc::job::HealthLevel;
use coffer_ipc::run::RunResult;
use coffer_jobs::Coffer;

use crate::always_runs::{daily_job, run_what_is_due};
use crate::support::{Computer, back_up};

/// Bytes of a page.
const PAGE: usize = 4096;

/// Overwrites the start of the page that a table or an index begins in.
fn damage(computer: &Computer, table: &str) {
    let path = computer.folders().database();
    let database = rusqlite::Connection::open(&path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = database.query_row(sql, [table], |row| row.get(0)).unwrap();
    database
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(page as usize - 1) * PAGE..][..PAGE / 8].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    // Makes processes that have the file open read it again.
    database
        .execute_batch("INSERT OR REPLACE INTO setting VALUES ('other', 'changed');")
        .unwrap();
}

fn problem(coffer: &Coffer) -> String {
    let problem = coffer.app_state().unwrap().database_problem.unwrap();
    format!("{} {}", problem.message, problem.hint)
}

#[tokio::test]
async fn a_job_whose_page_is_damaged_is_there_after_the_start_and_runs() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    let (before, run) = back_up(&coffer, &id).await;
    drop(coffer);
    damage(&computer, "job");

    let coffer = computer.start();

    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!((&card.id, &card.health), (&id, &before.health));
    assert_eq!(coffer.run_history(&id, 0, 10).unwrap()[0].id, run.id);
    let message = problem(&coffer);
    assert!(message.contains("Nothing was lost"), "{message}");
    assert!(message.contains("coffer.sqlite.damaged"), "{message}");
    computer.clock.set("2026-03-02T13:00:00Z");
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Unchanged]);
}

#[tokio::test]
async fn damage_while_the_app_runs_is_repaired_and_reported_and_the_next_start_works() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    back_up(&coffer, &id).await;
    let mut events = coffer.subscribe();
    for table in ["job", "run", "sqlite_autoindex_run_1", "run_of_job"] {
        damage(&computer, table);
        computer.clock.pass_minutes(24 * 60);

        // One of these finds the damage.
        let first = coffer.start_due_jobs();
        let results = run_what_is_due(&coffer).await;

        let good = [RunResult::Unchanged];
        assert!(
            first.is_ok_and(|ids| !ids.is_empty()) || results == good,
            "{table}"
        );
        let card = coffer.job_cards().unwrap().remove(0);
        assert_ne!(card.health.level, HealthLevel::Bad, "{table}: {card:?}");
        assert!(problem(&coffer).contains("has been repaired"));
    }

    let cancel = tokio_util::sync::CancellationToken::new();
    let schedule = {
        let (coffer, cancel) = (coffer.clone(), cancel.clone());
        tokio::spawn(async move { coffer.run_schedule(&cancel).await })
    };
    let message = loop {
        if let Change::Database { problem } = events.recv().await.unwrap().change {
            break problem.unwrap().message;
        }
    };
    cancel.cancel();
    schedule.await.unwrap();
    assert!(message.contains("has been repaired"), "{message}");
}

#[tokio::test]
async fn a_job_knows_its_newest_backup_even_when_its_history_has_only_older_runs() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    back_up(&coffer, &id).await;
    computer.clock.pass_minutes(5);
    let (before, newest) = back_up(&coffer, &id).await;
    drop(coffer);
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let gone = "DELETE FROM run WHERE id = ?1";
    assert_eq!(database.execute(gone, [&newest.id]).unwrap(), 1);

    let coffer = computer.start();

    assert_eq!(coffer.job_cards().unwrap().remove(0).health, before.health);
}

#[tokio::test]
async fn a_repair_is_reported_for_two_weeks_but_not_by_the_command_line() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    daily_job(&computer, &coffer, "one").await;
    drop(coffer);
    damage(&computer, "job");

    let beside = computer.open();

    assert!(
        beside.job_cards().is_err(),
        "nothing is repaired while the app may run"
    );
    drop(beside);
    let coffer = computer.start();
    problem(&coffer);
    computer.clock.pass_minutes(14 * 24 * 60);
    assert_eq!(coffer.app_state().unwrap().database_problem, None);
}
