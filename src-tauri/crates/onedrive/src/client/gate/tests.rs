//! The gate as a whole, under tokio's paused clock, alone and beside other gates.

mod limited;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::oauth::Now;

/// Some moment of 2026 on the wall clock, in milliseconds.
const TODAY: u64 = 1_790_000_000_000;
const CREDENTIAL: &str = "key:password";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A clock that goes as tokio's does, from `TODAY` plus `ahead` milliseconds on, which can be set.
fn clock(ahead: &Arc<AtomicU64>) -> WallClock {
    let (start, ahead) = (Instant::now(), Arc::clone(ahead));
    let now = move || {
        let today = TODAY.wrapping_add(ahead.load(Ordering::Relaxed));
        let now = today + start.elapsed().as_millis() as u64;
        Timestamp::from_millisecond(now as i64).unwrap()
    };
    WallClock::from(Arc::new(now) as Now)
}

/// A gate that shares nothing.
fn alone() -> Gate {
    Gate::new(clock(&Arc::default()))
}

/// A gate of another process, or of this one after a restart.
fn gate(folder: &Path, wall: &WallClock) -> Gate {
    let gate = Gate::new(wall.clone());
    gate.share(folder, &name_of(CREDENTIAL));
    gate
}

/// Seconds until a request passes.
async fn passes_after(gate: &Gate) -> u64 {
    let start = Instant::now();
    gate.pass(0).await.unwrap();
    start.elapsed().as_secs()
}

#[test]
fn waits_without_a_time_double_up_to_five_minutes() {
    let waits = [1, 2, 3, 4, 5, 99].map(|times| unasked_wait(times).as_secs());
    assert_eq!(waits, [30, 60, 120, 240, 300, 300]);
}

#[tokio::test(start_paused = true)]
async fn no_request_passes_before_the_wait_ends_and_a_wait_is_never_shortened() {
    let gate = Arc::new(alone());
    let start = Instant::now();
    let first = gate.pass(0).await.unwrap();
    first.refused(Some(seconds(315)), Reason::TooMuch);
    first.refused(Some(seconds(1)), Reason::TooMuch);
    drop(first);

    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let gate = Arc::clone(&gate);
        requests.spawn(async move {
            gate.pass(0).await.unwrap();
            start.elapsed()
        });
    }
    let passed = requests.join_all().await;

    assert!(passed.iter().all(|at| *at >= seconds(315)), "{passed:?}");
    assert!(passed.iter().all(|at| *at < seconds(330)), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_holds_over_a_restart_and_for_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let wall = clock(&Arc::default());
    let other = gate(folder.path(), &wall);
    assert_eq!(passes_after(&other).await, 0);
    let closed = gate(folder.path(), &wall);
    let refused = closed.pass(0).await.unwrap();
    refused.refused(Some(seconds(315)), Reason::TooMuch);
    drop(refused);
    drop(closed);
    tokio::time::advance(seconds(15)).await;

    let restarted = gate(folder.path(), &wall);
    let (first, second) = tokio::join!(passes_after(&restarted), passes_after(&other));

    assert!((300..=302).contains(&first), "{first}");
    assert!((300..=302).contains(&second), "{second}");
}

#[tokio::test(start_paused = true)]
async fn setting_the_clock_back_does_not_block_requests() {
    let folder = tempfile::tempdir().unwrap();
    let ahead = Arc::new(AtomicU64::new(0));
    let wall = clock(&ahead);
    let closed = gate(folder.path(), &wall);
    closed
        .pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(100)), Reason::TooMuch);
    // A year back.
    ahead.store(0_u64.wrapping_sub(31_536_000_000), Ordering::Relaxed);

    let waited = passes_after(&gate(folder.path(), &wall)).await;

    assert!((100..=101).contains(&waited), "{waited}");
    assert_eq!(passes_after(&gate(folder.path(), &wall)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_two_hours_is_reported_instead_of_slept() {
    let (folder, wall) = (tempfile::tempdir().unwrap(), clock(&Arc::default()));
    let gate = gate(folder.path(), &wall);
    gate.pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(30 * 86_400)), Reason::TooMuch);
    let start = Instant::now();

    // A day is believed, by a process that comes later, too.
    for gate in [&gate, &self::gate(folder.path(), &wall)] {
        let left = gate.pass(0).await.err();
        assert_eq!(left, Some(seconds(86_400)));
    }
    assert!(start.elapsed().is_zero());
    tokio::time::advance(seconds(86_400 - 7_200)).await;
    assert!((7_200..=7_201).contains(&passes_after(&gate).await));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_counts_as_absent_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let wall = clock(&Arc::default());
    let path = folder.path().join(format!("{}.json", name_of(CREDENTIAL)));
    std::fs::write(&path, [0xff; 100_000]).unwrap();

    let damaged = gate(folder.path(), &wall);
    assert_eq!(passes_after(&damaged).await, 0);
    damaged
        .pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(60)), Reason::TooMuch);

    let waited = passes_after(&gate(folder.path(), &wall)).await;
    assert!((60..=61).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let gate = gate(&file.join("below"), &clock(&Arc::default()));

    gate.pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(60)), Reason::TooMuch);

    assert!((60..=61).contains(&passes_after(&gate).await));
}

#[tokio::test(start_paused = true)]
async fn refusals_without_a_time_are_counted_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let wall = clock(&Arc::default());
    let mut waits = Vec::new();
    for _ in 0..3 {
        let gate = gate(folder.path(), &wall);
        waits.push(passes_after(&gate).await);
        gate.pass(0).await.unwrap().refused(None, Reason::TooMuch);
    }
    let gate = gate(folder.path(), &wall);
    waits.push(passes_after(&gate).await);
    gate.pass(0).await.unwrap().succeeded();
    gate.pass(0).await.unwrap().refused(None, Reason::TooMuch);
    waits.push(passes_after(&gate).await);

    // Up to a tenth of ten seconds later.
    for (waited, wanted) in waits.iter().zip([0, 30, 60, 120, 30]) {
        assert!((wanted..=wanted + 1).contains(waited), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_announced_until_it_passes() {
    let gate = alone();
    let waits = gate.waits();
    gate.pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(315)), Reason::TooMuch);

    let observed = async {
        tokio::time::sleep(seconds(100)).await;
        *waits.borrow()
    };
    let (_, announced) = tokio::join!(gate.pass(0), observed);

    let until = announced.expect("it is announced").as_millisecond() as u64;
    assert!((TODAY + 315_000..=TODAY + 316_000).contains(&until));
    assert_eq!(*waits.borrow(), None);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_grows_in_the_meantime_is_announced_again() {
    let folder = tempfile::tempdir().unwrap();
    let wall = clock(&Arc::default());
    let (one, other) = (gate(folder.path(), &wall), gate(folder.path(), &wall));
    let (early, waits) = (other.pass(0).await.unwrap(), one.waits());
    one.pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(30)), Reason::TooMuch);

    let observed = async {
        tokio::time::sleep(seconds(10)).await;
        early.refused(Some(seconds(90)), Reason::TooMuch);
        tokio::time::sleep(seconds(50)).await;
        *waits.borrow()
    };
    let start = Instant::now();
    let (_, announced) = tokio::join!(one.pass(0), observed);

    assert!((100..=101).contains(&start.elapsed().as_secs()));
    let until = announced.expect("it is announced").as_millisecond() as u64;
    assert!((TODAY + 100_000..=TODAY + 101_000).contains(&until));
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_was_learned_holds_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let wall = clock(&Arc::default());
    let learner = gate(folder.path(), &wall);
    for _ in 0..2 {
        for _ in 0..20 {
            learner.pass(0).await.unwrap().succeeded();
        }
        let refused = learner.pass(0).await.unwrap();
        refused.refused(Some(seconds(20)), Reason::TooMuch);
    }

    let restarted = gate(folder.path(), &wall);
    restarted.pass(0).await.unwrap();
    let start = Instant::now();
    for _ in 0..9 {
        restarted.pass(0).await.unwrap();
    }

    // A quarter of some six a second, as one refusal costs no more.
    assert!((5..=7).contains(&start.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn one_refusal_soon_after_the_start_slows_nothing_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let wall = clock(&Arc::default());
    let refused = gate(folder.path(), &wall);
    for _ in 0..12 {
        refused.pass(1_000_000).await.unwrap().succeeded();
    }
    refused
        .pass(1_000_000)
        .await
        .unwrap()
        .refused(Some(seconds(112)), Reason::TooMuch);

    // A restore of another process, as soon as it may.
    let other = gate(folder.path(), &wall);
    assert!((112..=113).contains(&passes_after(&other).await));
    let start = Instant::now();
    for _ in 0..40 {
        other.pass(0).await.unwrap().succeeded();
    }

    assert!(start.elapsed() < seconds(10), "{:?}", start.elapsed());
}

/// A gate that sent 100 MB in ten seconds and was then refused, at the time when it may continue.
async fn refused_once(wait: u64) -> Gate {
    let gate = alone();
    for _ in 0..100 {
        gate.pass(1_000_000).await.unwrap().succeeded();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let last = gate.pass(1_000_000).await.unwrap();
    last.refused(Some(seconds(wait)), Reason::TooMuch);
    drop(last);
    tokio::time::advance(seconds(wait)).await;
    gate
}

#[tokio::test(start_paused = true)]
async fn the_allowance_after_a_refusal_is_predicted() {
    let gate = refused_once(10).await;
    assert_eq!(alone().allowance(), None);
    let allowance = gate.allowance().unwrap();

    let estimate = allowance.time_for(200_000_000, 10e6);
    let start = Instant::now();
    for _ in 0..20 {
        // The line.
        tokio::time::sleep(seconds(1)).await;
        gate.pass(10_000_000).await.unwrap().succeeded();
    }

    let (estimate, took) = (estimate.as_secs_f64(), start.elapsed().as_secs_f64());
    assert!((20.5..=25.0).contains(&estimate), "{estimate}");
    assert!((estimate - took).abs() < 2.0, "{estimate}, but {took}");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_wait_for_their_turn_hold_no_question_back() {
    let gate = refused_once(10).await;
    // Paid for after seconds.
    gate.pass(50_000_000).await.unwrap().succeeded();
    let start = Instant::now();

    let bytes = gate.pass(1_000_000);
    let question = async {
        tokio::task::yield_now().await;
        gate.pass(0).await.unwrap().succeeded();
        start.elapsed()
    };
    let (_, answered) = tokio::join!(bytes, question);

    assert!(start.elapsed() > seconds(4), "{:?}", start.elapsed());
    assert!(answered < seconds(1), "{answered:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_slow_after_refusals_is_announced() {
    let gate = Arc::new(alone());
    for _ in 0..2 {
        for _ in 0..20 {
            gate.pass(0).await.unwrap().succeeded();
        }
        let refused = gate.pass(0).await.unwrap();
        refused.refused(Some(seconds(20)), Reason::TooMuch);
    }
    gate.pass(0).await.unwrap();
    let mut waits = gate.waits();
    waits.mark_unchanged();

    let mut requests = JoinSet::new();
    for _ in 0..6 {
        let gate = Arc::clone(&gate);
        requests.spawn(async move { drop(gate.pass(0).await.unwrap()) });
    }
    requests.join_all().await;

    assert!(
        waits.has_changed().unwrap(),
        "the slow queue was not announced"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_is_no_longer_announced() {
    let gate = alone();
    gate.pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(315)), Reason::TooMuch);

    let gave_up = tokio::time::timeout(seconds(1), gate.pass(0)).await;

    assert!(gave_up.is_err());
    assert_eq!(*gate.waits().borrow(), None);
    assert!((314..=315).contains(&passes_after(&gate).await));
}

#[tokio::test(start_paused = true)]
async fn no_rate_is_learned_from_a_busy_service() {
    let gate = alone();
    for _ in 0..30 {
        gate.pass(0).await.unwrap().succeeded();
    }
    gate.pass(0)
        .await
        .unwrap()
        .refused(Some(seconds(10)), Reason::Busy);

    gate.pass(0).await.unwrap();
    let start = Instant::now();
    for _ in 0..30 {
        gate.pass(0).await.unwrap();
    }

    // As before anything is known, not three a second.
    assert!(start.elapsed() < seconds(4));
}

#[tokio::test(start_paused = true)]
async fn less_than_a_second_counts_as_no_time() {
    let gate = alone();
    for wanted in [30, 60] {
        gate.pass(0)
            .await
            .unwrap()
            .refused(Some(Duration::ZERO), Reason::TooMuch);

        let waited = passes_after(&gate).await;

        assert!((wanted..=wanted + 1).contains(&waited), "{waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_ends_when_it_is_refused_again_after_an_hour() {
    let (folder, wall) = (tempfile::tempdir().unwrap(), clock(&Arc::default()));
    let one = gate(folder.path(), &wall);
    assert!(!one.doubts_sign_in());
    tokio::time::advance(seconds(3599)).await;
    assert!(!one.doubts_sign_in());
    tokio::time::advance(seconds(1)).await;

    // By another process, too; what is accepted in between ends the doubt for all.
    let other = gate(folder.path(), &wall);
    assert!(other.doubts_sign_in());
    other.trusts_sign_in();
    tokio::time::advance(seconds(1)).await;
    assert!(!one.doubts_sign_in());
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_sign_in_service_holds_for_all_processes_and_not_for_graph() {
    let (folder, wall) = (tempfile::tempdir().unwrap(), clock(&Arc::default()));
    let one = gate(folder.path(), &wall);
    assert_eq!(one.sign_in_rests(), None);

    one.rest_sign_in(seconds(3600));
    tokio::time::advance(seconds(600)).await;

    let other = gate(folder.path(), &wall);
    assert_eq!(other.sign_in_rests(), Some(seconds(3000)));
    assert_eq!(passes_after(&other).await, 0);
    tokio::time::advance(seconds(3000)).await;
    assert_eq!(one.sign_in_rests(), None);
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_sign_in_service_ends_also_after_the_clock_was_set_back() {
    const MONTH: u64 = 30 * 86_400 * 1000;
    let (folder, ahead) = (
        tempfile::tempdir().unwrap(),
        Arc::new(AtomicU64::new(MONTH)),
    );
    let wall = clock(&ahead);
    let one = gate(folder.path(), &wall);
    one.rest_sign_in(seconds(3600));
    ahead.store(0, Ordering::Relaxed);

    assert_eq!(one.sign_in_rests(), Some(seconds(3600)));
    tokio::time::advance(seconds(3600)).await;

    assert_eq!(one.sign_in_rests(), None);
    assert_eq!(gate(folder.path(), &wall).sign_in_rests(), None);
}
