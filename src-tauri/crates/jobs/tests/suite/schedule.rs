use coffer_ipc::ErrorCode;
use coffer_ipc::job::{JobState, Schedule, ScheduleUnit};
use coffer_ipc::run::RunResult;
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};

use crate::support::{Computer, back_up, end_of};

fn daily_at_one() -> Option<Schedule> {
    Some(Schedule {
        first_run: "2026-03-01T13:00".to_owned(),
        every: 1,
        unit: ScheduleUnit::Days,
        days: Vec::new(),
    })
}

#[tokio::test]
async fn a_due_run_starts_by_itself_and_not_before() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("daily");
    job.definition.schedule = daily_at_one();
    let card = coffer.create_job(job).await.unwrap();
    assert_eq!(card.next_run.as_deref(), Some("2026-03-02T13:00:00Z"));

    computer.clock.set("2026-03-02T12:59:59Z");
    assert!(coffer.start_due_jobs().unwrap().is_empty());

    computer.clock.set("2026-03-02T13:00:00Z");
    let mut events = coffer.subscribe();
    assert_eq!(coffer.start_due_jobs().unwrap(), [card.id.as_str()]);
    let run = coffer.run_history(&card.id, 0, 1).unwrap().remove(0);
    let (card, run) = end_of(&run.id, &mut events).await;

    assert_eq!(run.result, RunResult::Success);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-03T13:00:00Z"));
    assert!(
        coffer.start_due_jobs().unwrap().is_empty(),
        "once is enough"
    );
}

#[tokio::test]
async fn a_run_that_was_missed_starts_once_after_the_restart() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("daily");
    job.definition.schedule = daily_at_one();
    let id = coffer.create_job(job).await.unwrap().id;
    drop(coffer);

    computer.clock.set("2026-03-06T08:00:00Z");
    let coffer = computer.start();
    let mut events = coffer.subscribe();

    assert_eq!(coffer.start_due_jobs().unwrap(), [id.as_str()]);
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let (card, run) = end_of(&run.id, &mut events).await;
    assert_eq!(run.result, RunResult::Success);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-06T13:00:00Z"));
    assert!(coffer.start_due_jobs().unwrap().is_empty());
}

#[tokio::test]
async fn a_job_that_waits_for_a_sign_in_is_skipped_and_runs_once_afterwards() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let mut job = computer.drive_job("daily", &account.id);
    job.definition.schedule = daily_at_one();
    let id = coffer.create_job(job).await.unwrap().id;
    computer.end_sign_in();
    let (card, run) = back_up(&coffer, &id).await;
    assert_eq!(run.result, RunResult::Error);
    assert!(matches!(card.state, JobState::NeedsAttention { .. }));

    computer.clock.set("2026-03-02T13:00:00Z");
    assert!(coffer.start_due_jobs().unwrap().is_empty());

    let mut events = coffer.subscribe();
    computer.sign_in(&coffer).await;
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let (_, run) = end_of(&run.id, &mut events).await;
    assert_eq!(run.result, RunResult::Success);
    // That was the run that was due.
    assert!(coffer.start_due_jobs().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_found_no_connection_is_tried_again_soon() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let mut job = computer.drive_job("daily", &account.id);
    job.definition.schedule = daily_at_one();
    let id = coffer.create_job(job).await.unwrap().id;
    computer
        .simulator
        .add_fault(Fault::new(Op::Any, Action::drop_at(DropPoint::BeforeBody)));
    computer.clock.set("2026-03-02T13:00:00Z");

    let (card, run) = back_up(&coffer, &id).await;

    assert_eq!(run.error.unwrap().code, ErrorCode::Offline);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-02T13:01:00Z"));
    assert!(coffer.start_due_jobs().unwrap().is_empty());
    computer.clock.pass_minutes(1);
    computer.simulator.clear_faults();
    let mut events = coffer.subscribe();
    assert_eq!(coffer.start_due_jobs().unwrap(), [id.as_str()]);
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let (card, run) = end_of(&run.id, &mut events).await;
    assert_eq!(run.result, RunResult::Success);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-03T13:00:00Z"));
}
