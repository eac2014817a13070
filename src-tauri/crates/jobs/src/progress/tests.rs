use coffer_onedrive::Allowance;

use coffer_destination::Rests;

use super::*;

const MB: u64 = 1_000_000;

/// A tracker, and everything it reported.
fn tracker(operation: Operation) -> (Tracker, Arc<Mutex<Vec<Progress>>>) {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reported);
    let observer = Observer {
        on_progress: Box::new(move |progress| lock(&sink).push(progress)),
        ..Observer::silent()
    };
    (Tracker::new(operation, observer), reported)
}

/// A first backup of 1,000 MB in volumes of 50 MB, read at once and sent with `speed` a second; returns the last report
/// of each second of sending.
async fn first_backup(
    tracker: &Tracker,
    reported: &Mutex<Vec<Progress>>,
    speed: u64,
) -> Vec<Progress> {
    tracker.phase(EnginePhase::BackingUp);
    tracker.totals(20, 1000 * MB);
    let mut by_second = Vec::new();
    let (mut read, mut sent) = (0, 0);
    while sent < 1000 * MB {
        // At most four volumes are in flight.
        while read < 1000 * MB && read < sent + 200 * MB {
            tracker.done(1, 50 * MB, "file");
            tracker.queued(50 * MB);
            read += 50 * MB;
            if read == 1000 * MB {
                tracker.phase(EnginePhase::Sending);
            }
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        tracker.sent(speed);
        tracker.transferred(speed);
        sent += speed;
        by_second.extend(lock(reported).last().cloned());
    }
    by_second
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_as_far_as_what_has_arrived() {
    let (tracker, reported) = tracker(Operation::Backup);

    let seconds = first_backup(&tracker, &reported, 5 * MB).await;

    let shares: Vec<f64> = seconds
        .iter()
        .filter_map(|reported| reported.share)
        .collect();
    assert_eq!(shares.len(), seconds.len());
    assert!(shares.is_sorted());
    assert!(shares.iter().all(|share| *share < 1.0));
    assert!((shares[99] - 0.5).abs() < 0.01, "{}", shares[99]);
    assert_eq!(seconds[99].done_bytes, 500 * MB);
    assert_eq!(seconds[99].total_bytes, Some(1000 * MB));
    assert_eq!(seconds[99].bytes_per_second, 5 * MB);
    assert_eq!(seconds[4].seconds_left, None);
    // And what follows the last volume.
    assert_eq!(seconds[99].seconds_left, Some(100 + FINISHING));
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_backup_changes_no_number_of_it() {
    let (tracker, reported) = tracker(Operation::Backup);
    first_backup(&tracker, &reported, 5 * MB).await;
    let before = lock(&reported).last().cloned().unwrap();

    tracker.phase(EnginePhase::Verifying);
    tracker.totals(3, 52 * MB);
    tokio::time::advance(Duration::from_secs(1)).await;
    tracker.done(1, 50 * MB, "volume");

    let after = lock(&reported).last().cloned().unwrap();
    assert_eq!(after.phase, Phase::Checking);
    assert_eq!(after.seconds_left, None);
    assert_eq!(
        (after.done_files, after.done_bytes, after.total_bytes),
        (before.done_files, before.done_bytes, before.total_bytes)
    );
    assert_eq!(after.share, before.share);
}

#[tokio::test(start_paused = true)]
async fn what_a_run_before_left_is_counted_by_itself() {
    let (tracker, reported) = tracker(Operation::Backup);
    tracker.phase(EnginePhase::SendingLeft);
    tracker.queued(180 * MB);
    tokio::time::advance(Duration::from_secs(1)).await;
    tracker.sent(120 * MB);
    let left = lock(&reported).last().cloned().unwrap();
    tracker.sent(60 * MB);
    tracker.phase(EnginePhase::BackingUp);
    let started = lock(&reported).last().cloned().unwrap();

    assert_eq!((left.phase, left.share), (Phase::SendingLeft, None));
    assert_eq!(
        (left.done_bytes, left.total_bytes),
        (120 * MB, Some(180 * MB))
    );
    assert_eq!(started.phase, Phase::LookingForChanges);
    assert_eq!((started.done_bytes, started.share), (0, None));
}

/// Sends `speed` bytes per second for a number of seconds.
async fn send(tracker: &Tracker, speed: u64, seconds: u32) {
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
        tracker.sent(speed);
        tracker.transferred(speed);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_there_already_makes_nothing_faster() {
    let (tracker, reported) = tracker(Operation::Backup);
    tracker.phase(EnginePhase::SendingLeft);
    tracker.queued(400 * MB);

    send(&tracker, 5 * MB, 10).await;
    // The part of a volume that an earlier run had sent.
    tracker.sent(100 * MB);
    send(&tracker, 5 * MB, 10).await;

    let last = lock(&reported).last().cloned().unwrap();
    assert_eq!(last.bytes_per_second, 5 * MB);
    assert_eq!(last.seconds_left, Some(40 + FINISHING));
}

#[tokio::test(start_paused = true)]
async fn after_a_wait_time_left_continues_where_it_was() {
    let (tracker, reported) = tracker(Operation::Backup);
    tracker.phase(EnginePhase::SendingLeft);
    tracker.queued(400 * MB);
    send(&tracker, 5 * MB, 20).await;
    let until = Timestamp::now() + SignedDuration::from_secs(600);
    let (_sender, waits) = tokio::sync::watch::channel(Some(until));

    tracker
        .report_waits(
            Waits::new(Some(waits), &Rests::default()),
            tokio::time::sleep(Duration::from_secs(60)),
        )
        .await;
    send(&tracker, 5 * MB, 2).await;

    let last = lock(&reported).last().cloned().unwrap();
    assert_eq!(last.wait, None);
    let left = last.seconds_left.unwrap() - FINISHING;
    assert!((57..=59).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn time_left_counts_on_what_the_service_will_take_again() {
    let (tracker, reported) = tracker(Operation::Backup);
    // From the twentieth second on half of what went before, and all of it half a minute later.
    let half = Instant::now() + Duration::from_secs(20);
    let allowed = move || {
        let ago = Instant::now().checked_duration_since(half)?;
        let growth = 3e6 / 30.0;
        Some(Allowance {
            bytes_per_second: 3e6 + growth * ago.as_secs_f64(),
            growth,
            holds: Duration::from_secs(3600),
        })
    };
    let tracker = tracker.held_to(Some(Arc::new(allowed)));
    tracker.phase(EnginePhase::SendingLeft);
    tracker.queued(600 * MB);

    send(&tracker, 6 * MB, 20).await;
    for second in 0..30 {
        send(&tracker, 3 * MB + second * 100_000, 1).await;
        if second % 5 == 4 {
            let sent = 120 * MB + (0..=second).map(|s| 3 * MB + s * 100_000).sum::<u64>();
            let ramp: u64 = (second + 1..30).map(|s| 3 * MB + s * 100_000).sum();
            let true_left = 29 - second + (600 * MB - sent - ramp) / (6 * MB);
            let reported = lock(&reported).last().unwrap().seconds_left.unwrap() - FINISHING;
            assert!(
                reported.abs_diff(true_left) <= 2,
                "{reported}, not {true_left}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_has_a_reason_and_an_end_and_no_speed() {
    let (tracker, reported) = tracker(Operation::Backup);
    first_backup(&tracker, &reported, 5 * MB).await;
    let until = Timestamp::from_second(4_000_000_000).unwrap();
    let (sender, waits) = tokio::sync::watch::channel(Some(until));

    let work = async {
        tokio::task::yield_now().await;
        sender.send_replace(None);
        tokio::task::yield_now().await;
        tracker.waiting(Duration::from_secs(100), "The destination does not answer");
    };
    lock(&reported).clear();
    tracker
        .report_waits(Waits::new(Some(waits), &Rests::default()), work)
        .await;
    tokio::time::advance(Duration::from_secs(1)).await;
    tracker.sent(MB);

    let reported = lock(&reported);
    let reasons: Vec<_> = reported
        .iter()
        .map(|reported| reported.wait.as_ref().map(|wait| wait.why.as_str()))
        .collect();
    let unreachable = "The destination does not answer";
    assert_eq!(
        reasons,
        [Some(wording::RATE_LIMITED), None, Some(unreachable), None]
    );
    assert_eq!(
        reported[0].wait.as_ref().unwrap().until,
        Some(until.to_string())
    );
    for waiting in reported.iter().filter(|reported| reported.wait.is_some()) {
        assert_eq!((waiting.bytes_per_second, waiting.seconds_left), (0, None));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_a_moment_each_are_slow_and_no_wait() {
    let (tracker, reported) = tracker(Operation::Backup);
    first_backup(&tracker, &reported, 5 * MB).await;
    let soon = Timestamp::now() + SignedDuration::from_secs(2);
    let (_sender, waits) = tokio::sync::watch::channel(Some(soon));

    lock(&reported).clear();
    tracker
        .report_waits(
            Waits::new(Some(waits), &Rests::default()),
            tokio::time::sleep(Duration::from_secs(20)),
        )
        .await;

    let reported = lock(&reported);
    let mut waits = reported.iter().filter_map(|progress| {
        let wait = progress.wait.as_ref()?;
        Some((wait.why.as_str(), progress.bytes_per_second > 0))
    });
    assert_eq!(waits.next(), Some((wording::SLOWED, true)));
    // Nothing has arrived for so long that it counts as a wait.
    assert_eq!(waits.next_back(), Some((wording::RATE_LIMITED, false)));
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_named_after_a_while() {
    let (tracker, reported) = tracker(Operation::Backup);
    tracker.phase(EnginePhase::Connecting);

    tracker
        .report_waits(
            Waits::new(None, &Rests::default()),
            tokio::time::sleep(Duration::from_secs(7)),
        )
        .await;

    let reported = lock(&reported);
    let named = reported.iter().position(|reported| reported.wait.is_some());
    assert_eq!(named, Some(5));
    assert_eq!(reported[5].wait.as_ref().unwrap().until, None);
}

#[tokio::test(start_paused = true)]
async fn a_restore_is_as_far_as_what_is_written() {
    let (tracker, reported) = tracker(Operation::Restore);
    tracker.phase(EnginePhase::Restoring);
    tracker.totals(4, 400 * MB);

    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(5)).await;
        tracker.done(1, 100 * MB, "file");
    }

    let shares: Vec<_> = lock(&reported)
        .iter()
        .filter_map(|reported| reported.share)
        .map(|share| (share * 100.0).round())
        .collect();
    assert!(shares.ends_with(&[25.0, 50.0, 75.0, 99.0]), "{shares:?}");
    assert_eq!(lock(&reported).last().unwrap().seconds_left, Some(0));
}
