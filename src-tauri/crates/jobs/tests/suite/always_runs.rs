//! Jobs run whatever happens around them: keychains that start late, programs that crash.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use coffer_ipc::ErrorCode;
use coffer_ipc::command::Theme;
use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::{HealthLevel, JobState, Schedule, ScheduleUnit, WaitingFor};
use coffer_ipc::run::{Phase, RunResult};
use coffer_jobs::keychain::{Error, MemoryKeychain, SecretStore};
use coffer_jobs::{AppLock, Coffer};
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;

use crate::support::{Computer, PATIENCE, back_up, end_of};

pub(crate) fn every(unit: ScheduleUnit) -> Option<Schedule> {
    Some(Schedule {
        first_run: "2026-03-02T13:00".to_owned(),
        every: 1,
        unit,
        days: Vec::new(),
    })
}

/// Creates a job that backs up to this computer's disk every day at one; returns its id.
pub(crate) async fn daily_job(computer: &Computer, coffer: &Coffer, name: &str) -> String {
    let mut job = computer.folder_job(name);
    job.definition.schedule = every(ScheduleUnit::Days);
    coffer.create_job(job).await.unwrap().id
}

/// Runs due jobs until none is due any more. Returns the results.
pub(crate) async fn run_what_is_due(coffer: &Coffer) -> Vec<RunResult> {
    let mut results = Vec::new();
    loop {
        let mut events = coffer.subscribe();
        let started = coffer.start_due_jobs().unwrap();
        if started.is_empty() {
            return results;
        }
        for id in started {
            let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
            results.push(end_of(&run.id, &mut events).await.1.result);
        }
    }
}

/// How one use of the keychain fails.
enum Turn {
    Fails,
    Panics,
    Prompts,
}

/// A keychain whose first uses fail as listed; then it works.
#[derive(Default)]
struct Moody {
    inner: MemoryKeychain,
    turns: Mutex<VecDeque<Turn>>,
    prompted: Notify,
    answered: (Mutex<bool>, Condvar),
}

impl Moody {
    fn next(&self, turn: Turn) {
        self.turns.lock().unwrap().push_back(turn);
    }

    /// The user answers all prompts.
    fn answer(&self) {
        *self.answered.0.lock().unwrap() = true;
        self.answered.1.notify_all();
    }
}

impl SecretStore for Moody {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        self.inner.set(name, value)
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let turn = self.turns.lock().unwrap().pop_front();
        match turn {
            Some(Turn::Fails) => Err(Error::Unavailable {
                why: "no such session".to_owned(),
            }),
            Some(Turn::Panics) => panic!("a defect"),
            Some(Turn::Prompts) => {
                self.prompted.notify_one();
                let answered = self.answered.0.lock().unwrap();
                let _answered = self.answered.1.wait_while(answered, |answered| !*answered);
                self.inner.get(name)
            }
            None => self.inner.get(name),
        }
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.inner.remove(name)
    }
}

async fn moody_computer() -> (Computer, Arc<Moody>) {
    let mut computer = Computer::new().await;
    let keychain = Arc::new(Moody::default());
    computer.keychain = keychain.clone();
    (computer, keychain)
}

#[tokio::test]
async fn a_keychain_that_fails_once_is_tried_again_within_a_minute() {
    let (computer, keychain) = moody_computer().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "daily").await;
    computer.clock.set("2026-03-02T13:00:00Z");
    keychain.next(Turn::Fails);

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Error]);

    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.state, JobState::Idle, "it does not need the user");
    assert_eq!(card.health.waiting_for, WaitingFor::Keychain);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-02T13:01:00Z"));
    computer.clock.pass_minutes(1);
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
    let runs = coffer.run_history(&id, 0, 10).unwrap();
    assert_eq!(runs.len(), 2);
}

#[tokio::test]
async fn what_waited_for_the_keychain_is_tried_at_the_next_start() {
    let (computer, keychain) = moody_computer().await;
    let coffer = computer.start();
    daily_job(&computer, &coffer, "daily").await;
    computer.clock.set("2026-03-02T13:00:00Z");
    for minutes in [1, 2, 4, 8] {
        keychain.next(Turn::Fails);
        assert_eq!(run_what_is_due(&coffer).await, [RunResult::Error]);
        computer.clock.pass_minutes(minutes);
    }
    keychain.next(Turn::Fails);
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Error]);
    drop(coffer);

    let coffer = computer.start();

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
}

#[tokio::test]
async fn a_keychain_that_an_earlier_version_waited_for_is_tried_at_the_start() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    daily_job(&computer, &coffer, "daily").await;
    drop(coffer);
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let state = r#"{"attention":{"code":"keychain","message":"No default store","hint":""}}"#;
    database
        .execute("UPDATE job SET state = ?1", [state])
        .unwrap();

    let coffer = computer.start();

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_prompt_of_the_keychain() {
    let (computer, keychain) = moody_computer().await;
    let coffer = computer.start();
    let job = computer.folder_job("one");
    let id = coffer.create_job(job).await.unwrap().id;
    keychain.next(Turn::Prompts);
    let mut events = coffer.subscribe();
    let run = coffer.start_backup(&id).unwrap();
    keychain.prompted.notified().await;

    coffer.stop_run(&run).unwrap();

    let (card, run) = end_of(&run, &mut events).await;
    assert_eq!(run.result, RunResult::Stopped);
    assert_eq!(card.state, JobState::Idle);
    keychain.answer();
}

#[tokio::test]
async fn neither_the_window_nor_quitting_waits_for_a_prompt_of_the_keychain() {
    let (computer, keychain) = moody_computer().await;
    let coffer = computer.start();
    let job = computer.folder_job("one");
    let id = coffer.create_job(job).await.unwrap().id;
    keychain.next(Turn::Prompts);
    coffer.start_backup(&id).unwrap();
    keychain.prompted.notified().await;

    assert_eq!(coffer.app_state().unwrap().jobs.len(), 1);
    coffer.shut_down(Duration::from_secs(3600)).await;

    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.last_run.unwrap().result, RunResult::Interrupted);
    assert!(coffer.start_backup(&id).is_err(), "nothing starts any more");
    keychain.answer();
}

#[tokio::test]
async fn a_panic_ends_the_run_as_failed_and_the_next_one_works() {
    let (computer, keychain) = moody_computer().await;
    let coffer = computer.start();
    let job = computer.folder_job("one");
    let id = coffer.create_job(job).await.unwrap().id;
    keychain.next(Turn::Panics);

    let (card, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Error);
    assert_eq!(run.error.unwrap().code, ErrorCode::Failed);
    assert_eq!(run.messages, 1, "the report says so");
    assert_eq!(card.state, JobState::Idle);
    let (_, run) = back_up(&coffer, &id).await;
    assert_eq!(run.result, RunResult::Success);
    coffer.delete_job(&id, true).await.unwrap();
}

/// A weekly job that is due and whose upload stalls.
async fn stalled_weekly_job(computer: &Computer, coffer: &Coffer) -> String {
    let account = computer.sign_in(coffer).await;
    let mut job = computer.drive_job("weekly", &account.id);
    job.definition.schedule = every(ScheduleUnit::Weeks);
    let id = coffer.create_job(job).await.unwrap().id;
    let stall = Action {
        stall_ms: Some(600_000),
        ..Action::default()
    };
    computer
        .simulator
        .add_fault(Fault::new(Op::ContentPut, stall));
    computer.clock.set("2026-03-02T13:00:00Z");
    let mut events = coffer.subscribe();
    assert_eq!(coffer.start_due_jobs().unwrap(), [id.as_str()]);
    let under_way = tokio::time::timeout(PATIENCE, until_sending(&mut events));
    under_way.await.unwrap();
    id
}

/// Waits until a run has locked its destination and is sending data.
async fn until_sending(events: &mut Receiver<Event>) {
    loop {
        if let Change::Job { card } = events.recv().await.unwrap().change
            && let JobState::Running { progress, .. } = card.state
            && progress.phase == Phase::Sending
        {
            return;
        }
    }
}

#[tokio::test]
async fn a_run_stopped_by_quitting_resumes_at_the_next_start() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    stalled_weekly_job(&computer, &coffer).await;
    coffer.shut_down(Duration::from_secs(3600)).await;
    drop(coffer);
    computer.simulator.clear_faults();
    computer.clock.pass_minutes(10);

    let coffer = computer.start();

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-09T13:00:00Z"));
}

#[tokio::test]
async fn a_run_stopped_by_the_user_waits_for_the_next_planned_time() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = stalled_weekly_job(&computer, &coffer).await;
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let mut events = coffer.subscribe();
    coffer.stop_run(&run.id).unwrap();
    end_of(&run.id, &mut events).await;

    assert!(coffer.start_due_jobs().unwrap().is_empty());

    drop(coffer);
    let coffer = computer.start();
    assert!(coffer.start_due_jobs().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_interrupted_by_a_crash_resumes_at_the_next_start() {
    let computer = Computer::new().await;
    let dead = computer.start();
    let id = stalled_weekly_job(&computer, &dead).await;

    // The first app keeps running and holds the destination, as another program would.
    let coffer = computer.start();
    let mut events = coffer.subscribe();
    assert_eq!(coffer.start_due_jobs().unwrap(), [id.as_str()]);

    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let (card, run) = end_of(&run.id, &mut events).await;
    assert_eq!(run.error.unwrap().code, ErrorCode::Busy);
    assert_eq!(card.health.waiting_for, WaitingFor::Turn);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-02T13:05:00Z"));
    dead.shut_down(Duration::from_secs(3600)).await;
    computer.simulator.clear_faults();
    computer.clock.pass_minutes(5);
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
}

#[tokio::test]
async fn the_command_line_ends_no_run_of_the_app() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = stalled_weekly_job(&computer, &coffer).await;

    let command_line = computer.open();
    let seen = command_line.job_cards().unwrap().remove(0);
    drop(command_line);

    assert_eq!(seen.health.level, HealthLevel::Running);
    // Unless the app was killed: then nothing runs, and nothing was backed up.
    let seen = computer.open().job_cards_without_app().unwrap().remove(0);
    assert_eq!(seen.health.level, HealthLevel::Warning);
    assert_eq!(seen.last_run.unwrap().result, RunResult::Interrupted);
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    assert_eq!(run.result, RunResult::Running);
    coffer.shut_down(Duration::from_secs(3600)).await;
}

#[tokio::test]
async fn there_is_one_app_on_a_data_folder() {
    let computer = Computer::new().await;

    let first = AppLock::take(&computer.folders()).unwrap();
    let second = AppLock::take(&computer.folders()).unwrap_err();

    assert_eq!(second.code, ErrorCode::Busy);
    assert!(AppLock::is_taken(&computer.folders()));
    drop(first);
    assert!(!AppLock::is_taken(&computer.folders()));
    assert!(AppLock::take(&computer.folders()).is_ok());
}

#[tokio::test]
async fn due_jobs_run_one_after_the_other() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    for name in ["a", "b", "c"] {
        daily_job(&computer, &coffer, name).await;
    }
    computer.clock.set("2026-03-02T13:00:00Z");

    let mut events = coffer.subscribe();
    let started = coffer.start_due_jobs().unwrap();

    assert_eq!(started.len(), 1);
    let cards = coffer.job_cards().unwrap();
    let waiting = cards
        .iter()
        .filter(|card| card.health.waiting_for == WaitingFor::Turn);
    assert_eq!(waiting.count(), 2);
    assert!(coffer.start_due_jobs().unwrap().is_empty());
    let run = coffer.run_history(&started[0], 0, 1).unwrap().remove(0);
    end_of(&run.id, &mut events).await;
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success; 2]);
}

#[tokio::test]
async fn a_backup_over_the_network_keeps_no_disk_waiting() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    stalled_weekly_job(&computer, &coffer).await;
    let id = daily_job(&computer, &coffer, "disk").await;
    computer.clock.set("2026-03-03T13:00:00Z");

    assert_eq!(coffer.start_due_jobs().unwrap(), [id]);

    coffer.shut_down(Duration::from_secs(3600)).await;
}

#[tokio::test]
async fn days_without_a_network_leave_the_history_as_it_was() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let mut job = computer.drive_job("daily", &account.id);
    job.definition.schedule = every(ScheduleUnit::Days);
    let id = coffer.create_job(job).await.unwrap().id;
    let (_, good) = back_up(&coffer, &id).await;
    let lost = Action::drop_at(DropPoint::BeforeBody);
    computer
        .simulator
        .add_fault(Fault::new(Op::Any, lost).times(0));
    computer.clock.set("2026-03-02T13:00:00Z");

    for _ in 0..5 {
        assert_eq!(run_what_is_due(&coffer).await, [RunResult::Error]);
        computer.clock.pass_minutes(15);
    }

    let history = coffer.run_history(&id, 0, 10).unwrap();
    assert_eq!(history.len(), 2, "{history:?}");
    assert_eq!(history[0].started, "2026-03-02T14:00:00Z");
    assert_eq!(history[1].id, good.id);
    computer.simulator.clear_faults();
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Unchanged]);
    assert_eq!(coffer.run_history(&id, 0, 10).unwrap().len(), 3);
}

#[tokio::test]
async fn a_service_that_requests_an_hour_gets_one_request_in_it_from_all_jobs() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    for name in ["a", "b", "c"] {
        let mut job = computer.drive_job(name, &account.id);
        job.definition.schedule = every(ScheduleUnit::Days);
        coffer.create_job(job).await.unwrap();
    }
    drop(coffer);
    let limit = Action::throttle(429, 3600);
    computer
        .simulator
        .add_fault(Fault::new(Op::RefreshAuthid, limit).times(0));
    computer.clock.set("2026-03-02T13:00:00Z");
    let coffer = computer.start();
    let before = computer.simulator.log().len();

    for _ in 0..4 {
        run_what_is_due(&coffer).await;
        computer.clock.pass_minutes(14);
    }

    let log = computer.simulator.log();
    let asked = log[before..].iter();
    assert_eq!(
        asked.filter(|entry| entry.op == Op::RefreshAuthid).count(),
        1
    );
    for card in coffer.job_cards().unwrap() {
        assert_eq!(card.health.waiting_for, WaitingFor::Service);
        let next = card.next_run.unwrap();
        assert!(next.as_str() >= "2026-03-02T13:59", "{next}");
        assert_eq!(card.last_run.unwrap().started, "2026-03-02T13:00:00Z");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_started_holds_up_no_other() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        ids.push(daily_job(&computer, &coffer, name).await);
    }
    ids.sort();
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON run WHEN NEW.job = '{}'
         BEGIN SELECT RAISE(ABORT, 'refused'); END;",
        ids[0]
    );
    database.execute_batch(&refuse).unwrap();
    computer.clock.set("2026-03-02T13:00:00Z");

    assert_eq!(coffer.start_due_jobs().unwrap(), [ids[1].as_str()]);

    assert!(coffer.start_backup(&ids[0]).is_err());
    database.execute_batch("DROP TRIGGER refuse;").unwrap();
    let (_, run) = back_up(&coffer, &ids[0]).await;
    assert_eq!(run.result, RunResult::Success);
}

#[tokio::test]
async fn a_start_that_cannot_be_stored_leaves_nothing_running() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF state ON job
                  BEGIN SELECT RAISE(ABORT, 'refused'); END;";
    database.execute_batch(refuse).unwrap();

    assert!(coffer.start_backup(&id).is_err());

    database.execute_batch("DROP TRIGGER refuse;").unwrap();
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.state, JobState::Idle);
    let (_, run) = back_up(&coffer, &id).await;
    assert_eq!(run.result, RunResult::Success);
}

#[tokio::test]
async fn what_cannot_be_read_is_shown_and_left_as_it_is() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    daily_job(&computer, &coffer, "good").await;
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let rows = r#"INSERT INTO job (id, body) VALUES ('j', '{"name":"Of tomorrow","planet":"Mars"}');
                  INSERT INTO account VALUES ('a', 'garbage');"#;
    database.execute_batch(rows).unwrap();

    let state = computer.start().app_state().unwrap();

    assert_eq!(state.jobs.len(), 1);
    let shown: Vec<_> = state
        .unreadable
        .iter()
        .map(|entry| (entry.id.as_str(), entry.name.as_str(), entry.is_job))
        .collect();
    assert_eq!(shown, [("j", "Of tomorrow", true), ("a", "", false)]);
    assert_eq!(state.overview.level, Some(HealthLevel::Bad));
    assert_eq!(state.overview.line, "Of tomorrow needs your attention");
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_stays_beside_the_new_one() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let planet = r#"INSERT INTO setting VALUES ('theme', '"planet"')"#;
    database.execute_batch(planet).unwrap();
    assert_eq!(coffer.app_state().unwrap().theme, Theme::System);

    coffer.set_theme(Theme::Dark).unwrap();

    assert_eq!(coffer.app_state().unwrap().theme, Theme::Dark);
    let kept = "SELECT value FROM setting WHERE key = 'theme (unreadable)'";
    let kept: String = database.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, r#""planet""#);
}

#[tokio::test]
async fn a_disk_that_is_away_is_waited_for_and_nothing_is_written_elsewhere() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "stick").await;
    back_up(&coffer, &id).await;
    fs::rename(computer.path("backups"), computer.path("drawer")).unwrap();
    computer.clock.set("2026-03-02T13:00:00Z");

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Error]);

    assert!(!computer.path("backups").exists());
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.state, JobState::Idle);
    assert_eq!(card.health.waiting_for, WaitingFor::Disk);
    assert_eq!(card.versions, Some(1));
    fs::rename(computer.path("drawer"), computer.path("backups")).unwrap();
    fs::write(computer.path("source/new.txt"), "new").unwrap();
    computer.clock.pass_minutes(1);
    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Success]);
}
