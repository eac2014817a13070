//! A clock that is wrong for a while, and what has to continue when it is right again.

use coffer_ipc::job::ScheduleUnit;
use coffer_onedrive_sim::Op;

use crate::always_runs::{daily_job, every, run_what_is_due};
use crate::support::{Computer, back_up};

#[tokio::test]
async fn a_clock_that_was_ahead_stops_nothing_and_is_reported() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.clock.set("2031-01-01T00:00:00Z");
    let id = daily_job(&computer, &coffer, "daily").await;
    back_up(&coffer, &id).await;
    computer.clock.set("2026-03-02T10:00:00Z");
    assert!(run_what_is_due(&coffer).await.is_empty());
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.next_run.as_deref(), Some("2026-03-02T13:00:00Z"));

    computer.clock.set("2026-03-02T13:00:00Z");
    let results = run_what_is_due(&coffer).await;

    assert_eq!(results.len(), 1);
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let report = coffer.run_report(&run.id, 0, 100).unwrap();
    let is_reported = report.lines.iter().any(|line| line.text.contains("2031"));
    assert!(is_reported, "{:?}", report.lines);
    computer.clock.set("2026-03-03T13:00:00Z");
    assert_eq!(run_what_is_due(&coffer).await.len(), 1, "and so on");
}

/// The form suggests a first run based on the date, which was wrong, too.
#[tokio::test]
async fn a_job_that_was_made_while_the_clock_was_ahead_does_not_wait_for_its_first_run() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.clock.set("2031-01-01T00:00:00Z");
    let mut job = computer.folder_job("daily");
    job.definition.schedule = every(ScheduleUnit::Days);
    job.definition.schedule.as_mut().unwrap().first_run = "2031-01-01T18:00".into();
    let id = coffer.create_job(job).await.unwrap().id;
    // A first run that was chosen while the clock was right stays as it is.
    computer.clock.set("2026-03-02T10:00:00Z");
    let mut later = computer.folder_job("later");
    later.definition.schedule = every(ScheduleUnit::Days);
    later.definition.schedule.as_mut().unwrap().first_run = "2026-04-01T18:00".into();
    coffer.create_job(later).await.unwrap();

    assert!(run_what_is_due(&coffer).await.is_empty());

    let cards = coffer.job_cards().unwrap();
    let next: Vec<_> = cards.iter().map(|card| card.next_run.as_deref()).collect();
    let expected = ["2026-03-02T18:00:00Z", "2026-04-01T18:00:00Z"];
    assert_eq!(next, expected.map(Some));
    computer.clock.set("2026-03-02T18:00:00Z");
    assert_eq!(run_what_is_due(&coffer).await.len(), 1);
    let run = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let report = coffer.run_report(&run.id, 0, 100).unwrap();
    assert!(report.lines.iter().any(|line| line.text.contains("2031")));
}

#[tokio::test]
async fn a_sign_in_is_kept_alive_after_the_clock_was_ahead() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.clock.set("2031-01-01T00:00:00Z");
    computer.sign_in(&coffer).await;
    computer.clock.set("2026-03-02T10:00:00Z");
    let uses = || {
        let log = computer.simulator.log();
        log.iter()
            .filter(|entry| entry.op == Op::RefreshAuthid)
            .count()
    };
    let before = uses();

    coffer.renew_sign_ins(&Default::default()).await.unwrap();

    assert_eq!(uses(), before + 1);
}
