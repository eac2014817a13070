//! How safe a job's files are is one answer, and only backups change it.

use coffer_ipc::event::Change;
use coffer_ipc::job::{Health, HealthLevel, JobState, Schedule, ScheduleUnit, WaitingFor};
use coffer_ipc::restore::{BackupRef, ExistingFiles, RestoreRequest};
use coffer_ipc::run::RunResult;
use coffer_jobs::Coffer;
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};

use crate::support::{Computer, back_up, end_of};

fn health(coffer: &Coffer) -> Health {
    coffer.job_cards().unwrap().remove(0).health
}

/// Restores everything of a job and returns how that ended.
async fn restore(computer: &Computer, coffer: &Coffer, job_id: &str) -> RunResult {
    let job_id = job_id.to_owned();
    let opened = coffer.open_backup(BackupRef::Job { job_id }).await.unwrap();
    let mut events = coffer.subscribe();
    let request = RestoreRequest {
        handle: opened.handle,
        version: 0,
        paths: Vec::new(),
        target: Some(computer.path("restored").display().to_string()),
        existing: ExistingFiles::KeepBoth,
    };
    coffer.start_restore(request).unwrap();
    loop {
        if let Change::Restore {
            summary: Some(summary),
            ..
        } = events.recv().await.unwrap().change
        {
            return summary.result;
        }
    }
}

#[tokio::test]
async fn a_restore_turns_no_failed_backup_good() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    back_up(&coffer, &id).await;
    assert_eq!(health(&coffer).level, HealthLevel::Good);
    let full = Fault::new(Op::ContentPut, Action::status(507)).times(0);
    computer.simulator.add_fault(full);
    std::fs::write(computer.path("source/new.txt"), "new").unwrap();
    computer.clock.pass_minutes(5);
    let (card, failed) = back_up(&coffer, &id).await;
    assert_eq!(card.health.level, HealthLevel::Bad);
    assert_eq!(card.health.waiting_for, WaitingFor::Quota);

    let restored = restore(&computer, &coffer, &id).await;

    assert_eq!(restored, RunResult::Success);
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.health.level, HealthLevel::Bad);
    assert_eq!(card.health.last_backup.unwrap().id, failed.id);
    assert_eq!(
        card.health.last_good.as_deref(),
        Some("2026-03-02T10:00:00Z")
    );
}

#[tokio::test]
async fn a_restore_that_fails_turns_no_good_backup_bad() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    back_up(&coffer, &id).await;
    let gone = Fault::new(Op::ContentGet, Action::status(404)).times(0);
    computer.simulator.add_fault(gone);

    let restored = restore(&computer, &coffer, &id).await;

    assert_ne!(restored, RunResult::Success);
    assert_eq!(health(&coffer).level, HealthLevel::Good);
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.state, JobState::Idle);
}

#[tokio::test]
async fn stopping_a_backup_leaves_what_was_true_before() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let stop = async || {
        let stall = Action {
            stall_ms: Some(600_000),
            ..Action::default()
        };
        computer
            .simulator
            .add_fault(Fault::new(Op::ContentPut, stall));
        std::fs::write(computer.path("source/more.txt"), "more").unwrap();
        let mut events = coffer.subscribe();
        let run = coffer.start_backup(&id).unwrap();
        assert_eq!(health(&coffer).level, HealthLevel::Running);
        coffer.stop_run(&run).unwrap();
        end_of(&run, &mut events).await;
        computer.simulator.clear_faults();
    };

    stop().await;
    assert_eq!(health(&coffer).level, HealthLevel::New);

    back_up(&coffer, &id).await;
    let before = health(&coffer);
    computer.clock.pass_minutes(5);
    stop().await;
    assert_eq!(health(&coffer), before);
    assert_eq!(before.level, HealthLevel::Good);
}

#[tokio::test]
async fn temporary_problems_are_no_alarm_and_those_that_need_the_user_are() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let lost = Action::drop_at(DropPoint::BeforeBody);
    computer
        .simulator
        .add_fault(Fault::new(Op::Any, lost).times(0));
    let (card, _) = back_up(&coffer, &id).await;
    assert_eq!(card.health.level, HealthLevel::Waiting);
    assert_eq!(card.health.waiting_for, WaitingFor::Network);

    computer.simulator.clear_faults();
    computer.end_sign_in();
    let (card, _) = back_up(&coffer, &id).await;
    assert_eq!(card.health.level, HealthLevel::Bad);
    assert_eq!(card.health.waiting_for, WaitingFor::SignIn);

    let local = coffer
        .create_job(computer.folder_job("a"))
        .await
        .unwrap()
        .id;
    computer
        .keychain
        .remove(&format!("passphrase:{local}"))
        .unwrap();
    let (card, _) = back_up(&coffer, &local).await;
    assert_eq!(card.health.level, HealthLevel::Bad);
    assert_eq!(card.health.waiting_for, WaitingFor::Passphrase);
}

#[tokio::test]
async fn a_backup_stopped_by_the_user_waits_for_nothing() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let lost = Action::drop_at(DropPoint::BeforeBody);
    let lost = Fault::new(Op::Any, lost).times(0);
    computer.simulator.add_fault(lost);
    let (card, _) = back_up(&coffer, &id).await;
    assert_eq!(card.health.level, HealthLevel::Waiting);
    computer.simulator.clear_faults();
    let stalled = Action {
        stall_ms: Some(600_000),
        ..Action::default()
    };
    let stalled = Fault::new(Op::Children, stalled).times(0);
    computer.simulator.add_fault(stalled);

    let mut events = coffer.subscribe();
    let run = coffer.start_backup(&id).unwrap();
    coffer.stop_run(&run).unwrap();
    let (card, _) = end_of(&run, &mut events).await;

    // Nothing tries again by itself.
    assert!(coffer.start_due_jobs().unwrap().is_empty());
    assert_eq!(card.health.waiting_for, WaitingFor::Nothing);
    assert_eq!(card.health.level, HealthLevel::Warning);
}

#[tokio::test]
async fn a_resolved_problem_is_no_alarm_until_the_next_backup() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = computer.folder_job("a");
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    computer
        .keychain
        .remove(&format!("passphrase:{id}"))
        .unwrap();
    let (card, _) = back_up(&coffer, &id).await;
    assert_eq!(card.health.level, HealthLevel::Bad);

    let card = coffer.update_job(&id, job).await.unwrap();

    assert_eq!(card.health.level, HealthLevel::Waiting);
    assert_eq!(card.health.problem, None);
    let (card, _) = back_up(&coffer, &id).await;
    assert_eq!(card.health.level, HealthLevel::Good);
}

#[tokio::test]
async fn three_planned_times_without_a_backup_are_worth_a_look() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("daily");
    job.definition.schedule = Some(Schedule {
        first_run: "2026-03-01T13:00".to_owned(),
        every: 1,
        unit: ScheduleUnit::Days,
        days: Vec::new(),
    });
    let id = coffer.create_job(job).await.unwrap().id;
    assert_eq!(health(&coffer).level, HealthLevel::New);

    computer.clock.set("2026-03-04T12:00:00Z");
    assert!(!health(&coffer).overdue);
    computer.clock.set("2026-03-04T13:01:00Z");
    let late = health(&coffer);
    assert!(late.overdue);
    assert_eq!(late.level, HealthLevel::Warning);

    let (card, _) = back_up(&coffer, &id).await;
    assert!(!card.health.overdue);
    assert_eq!(card.health.level, HealthLevel::Good);
    computer.clock.set("2026-03-07T13:01:00Z");
    assert_eq!(health(&coffer).level, HealthLevel::Warning);
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_renewed_is_reported_before_it_expires() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let scope = "Files.ReadWrite offline_access";
    let token = computer.simulator.seed_refresh_token("alex", scope);
    let auth_id = format!("v2:onedrivev2:{token}");
    let account = coffer.add_pasted_auth_id(&auth_id, None).await.unwrap();
    let job = computer.drive_job("laptop", &account.id);
    let id = coffer.create_job(job).await.unwrap().id;
    back_up(&coffer, &id).await;
    assert_eq!(account.expires.as_deref(), Some("2026-05-31T10:00:00Z"));

    computer.clock.set("2026-05-15T10:00:00Z");
    assert_eq!(health(&coffer).level, HealthLevel::Good);
    computer.clock.set("2026-05-16T11:00:00Z");

    let notice = health(&coffer);
    assert_eq!(notice.level, HealthLevel::Warning);
    let problem = notice.problem.unwrap();
    assert!(problem.message.contains("31 May 2026"), "{problem:?}");
}

#[tokio::test]
async fn the_newest_backup_of_an_earlier_version_is_found() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = coffer
        .create_job(computer.folder_job("a"))
        .await
        .unwrap()
        .id;
    let (_, run) = back_up(&coffer, &id).await;
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    database.execute("UPDATE job SET state = '{}'", []).unwrap();

    let found = health(&computer.start());

    assert_eq!(found.level, HealthLevel::Good);
    assert_eq!(found.last_backup.unwrap().id, run.id);
    assert_eq!(found.last_good, Some(run.started));
}
