use coffer_destination::{Destination as _, Error, NoCheckpoints, RetryPolicy, Retrying, Silent};
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, CancelAfter, Moved, NAME, Remembered, Still, quickly, quickly_past};

/// More than fits in one request.
const LARGE: usize = 5_000_000;

#[tokio::test(start_paused = true)]
async fn an_upload_survives_every_passing_fault_of_a_fragment() {
    let _still = Still::new();
    let actions = [
        ("throttled", Action::throttle(429, 0)),
        ("unavailable", Action::status(503)),
        ("gateway", Action::status(504)),
        ("cut off before", Action::drop_at(DropPoint::BeforeBody)),
        ("cut off in the middle", Action::drop_at(DropPoint::MidBody)),
        ("cut off after", Action::drop_at(DropPoint::BeforeResponse)),
        (
            "stored, then 500",
            Action {
                store_then_status: Some(500),
                ..Action::default()
            },
        ),
        (
            "half stored",
            Action {
                store_half_then_status: Some(503),
                ..Action::default()
            },
        ),
        (
            "session expired",
            Action {
                expire_session: true,
                ..Action::default()
            },
        ),
    ];
    for (what, action) in actions {
        let bench = Bench::new().await;
        let account = bench.account("alex");
        let destination = quickly(bench.destination_of(&account)).await;
        let file = bench.file(LARGE);
        bench
            .simulator
            .add_fault(Fault::new(Op::Fragment, action).nth(3).times(1));

        let put = quickly_past(&account.waits(), bench.put(&destination, &file)).await;

        assert!(put.is_ok(), "{what}: {put:?}");
        assert!(
            bench.stored().unwrap() == std::fs::read(file.path()).unwrap(),
            "{what}"
        );
        assert!(
            bench.simulator.log().iter().any(|entry| entry.faulted),
            "{what} never happened"
        );
    }
}

#[tokio::test]
async fn a_last_answer_that_is_lost_is_no_failure() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let file = bench.file(LARGE);
    let action = Action {
        complete_then_drop: true,
        ..Action::default()
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Fragment, action).times(1));

    bench.put(&destination, &file).await.unwrap();

    assert!(bench.stored().unwrap() == std::fs::read(file.path()).unwrap());
    let sessions = bench
        .simulator
        .log()
        .iter()
        .filter(|entry| entry.op == Op::CreateSession)
        .count();
    assert_eq!(sessions, 1);
}

#[tokio::test]
async fn a_later_process_continues_where_the_upload_stopped() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let file = bench.file(LARGE);
    let checkpoints = Remembered::default();
    let cancel = CancellationToken::new();
    let monitor = CancelAfter {
        bytes: 2_000_000,
        moved: 0.into(),
        cancel: cancel.clone(),
    };
    let first = destination
        .put(NAME, &file, &checkpoints, &monitor, &cancel)
        .await;
    assert!(matches!(first, Err(Error::Cancelled)), "{first:?}");
    let before = bench.simulator.log().len();

    let later = bench.destination().await;
    later
        .put(NAME, &file, &checkpoints, &Silent, &bench.cancel)
        .await
        .unwrap();

    assert!(bench.stored().unwrap() == std::fs::read(file.path()).unwrap());
    let log = bench.simulator.log();
    let sent: u64 = log[before..]
        .iter()
        .filter(|entry| entry.op == Op::Fragment)
        .map(|entry| entry.bytes)
        .sum();
    // One fragment was under way.
    assert!(
        sent <= LARGE as u64 - (2_000_000 - 2 * 327_680),
        "{sent} bytes were sent again"
    );
    assert!(checkpoints.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_checkpoint_of_another_file_is_dropped() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let checkpoints = Remembered::default();
    let cancel = CancellationToken::new();
    let monitor = CancelAfter {
        bytes: 1,
        moved: 0.into(),
        cancel: cancel.clone(),
    };
    let _ = destination
        .put(NAME, &bench.file(LARGE), &checkpoints, &monitor, &cancel)
        .await;
    assert!(!checkpoints.0.lock().unwrap().is_empty());
    let other = bench.file(LARGE + 1);

    destination
        .put(NAME, &other, &checkpoints, &Silent, &bench.cancel)
        .await
        .unwrap();

    assert_eq!(bench.stored().unwrap().len(), LARGE + 1);
}

/// Uploads a file with this many failing fragments (0: all), and returns what was reported.
async fn reported_while_fragments_fail(times: u64) -> (u64, Result<(), Error>) {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let failing = Fault::new(Op::Fragment, Action::status(500)).times(times);
    bench.simulator.add_fault(failing);
    let (moved, file) = (Moved::default(), bench.file(LARGE));
    let put = destination.put(NAME, &file, &NoCheckpoints, &moved, &bench.cancel);
    let outcome = put.await;
    (moved.sum(), outcome)
}

#[tokio::test]
async fn wasted_bytes_are_reported_once() {
    let (reported, outcome) = reported_while_fragments_fail(3).await;

    outcome.unwrap();
    assert_eq!(reported, LARGE as u64);
}

#[tokio::test]
async fn bytes_are_reported_before_they_are_answered() {
    let (reported, outcome) = reported_while_fragments_fail(0).await;

    outcome.unwrap_err();
    // Of the one fragment that is tried again and again; its end counts as gone when it has arrived.
    assert!(reported > 0 && reported < 327_680, "{reported}");
}

#[tokio::test]
async fn the_token_goes_to_graph_and_nowhere_else() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.put(&destination, &bench.file(LARGE)).await.unwrap();
    let target = bench.folder.path().join("download");
    destination
        .get(NAME, &target, &Silent, &bench.cancel)
        .await
        .unwrap();

    let log = bench.simulator.log();
    let content = |op| matches!(op, Op::Fragment | Op::Download | Op::SessionStatus);
    assert!(log.iter().filter(|entry| content(entry.op)).count() > 10);
    for entry in log.iter().filter(|entry| content(entry.op)) {
        assert!(!entry.had_auth, "{} {}", entry.method, entry.path);
    }
}

#[tokio::test]
async fn a_broken_download_resumes() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let file = bench.file(LARGE);
    bench.put(&destination, &file).await.unwrap();
    for action in [
        Action::drop_at(DropPoint::MidResponse),
        Action {
            truncate_download: Some(100_000),
            ..Action::default()
        },
    ] {
        bench
            .simulator
            .add_fault(Fault::new(Op::Download, action).times(1));
        let target = bench.folder.path().join("download");

        let len = destination
            .get(NAME, &target, &Silent, &bench.cancel)
            .await
            .unwrap();

        assert_eq!(len, LARGE as u64);
        assert!(std::fs::read(&target).unwrap() == std::fs::read(file.path()).unwrap());
    }
}

#[tokio::test]
async fn a_changed_byte_is_noticed() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.put(&destination, &bench.file(10_000)).await.unwrap();
    let action = Action {
        corrupt_byte: Some(5_000),
        ..Action::default()
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Download, action).times(1));
    let target = bench.folder.path().join("download");

    let got = destination.get(NAME, &target, &Silent, &bench.cancel).await;

    assert!(matches!(got, Err(Error::Corrupted { .. })), "{got:?}");
}

#[tokio::test]
async fn a_web_page_is_not_taken_for_a_file() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let file = bench.file(1000);
    bench.put(&destination, &file).await.unwrap();
    let page = || Action {
        html_login_page: true,
        ..Action::default()
    };
    let target = bench.folder.path().join("download");

    bench
        .simulator
        .add_fault(Fault::new(Op::Download, page()).times(1));
    let once = destination.get(NAME, &target, &Silent, &bench.cancel).await;
    assert!(once.is_ok(), "{once:?}");
    assert!(std::fs::read(&target).unwrap() == std::fs::read(file.path()).unwrap());

    bench
        .simulator
        .add_fault(Fault::new(Op::Download, page()).times(1000));
    let always = destination.get(NAME, &target, &Silent, &bench.cancel).await;
    assert!(
        matches!(always, Err(Error::Unavailable { .. })),
        "{always:?}"
    );
}

#[tokio::test]
async fn no_request_is_made_before_the_service_allows_it() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench
        .simulator
        .add_fault(Fault::new(Op::Children, Action::throttle(429, 1)).times(1));
    let retrying = Retrying::new(destination, RetryPolicy::default());
    let start = std::time::Instant::now();

    retrying.list(&bench.cancel).await.unwrap();

    // The simulator's own wish, not a guess at how fast the machine is.
    assert!(start.elapsed() >= std::time::Duration::from_secs(1));
}

#[tokio::test]
async fn an_expired_token_is_replaced_and_a_revoked_sign_in_is_reported() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.simulator.expire_access("alex");
    destination.list(&bench.cancel).await.unwrap();

    bench.simulator.revoke("alex");
    let listed = destination.list(&bench.cancel).await;

    assert!(
        matches!(listed, Err(Error::SignInRequired { .. })),
        "{listed:?}"
    );
}

#[tokio::test]
async fn a_full_drive_is_reported_as_full() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench
        .simulator
        .set_quota(&bench.simulator.drive_id("alex"), 1_000);

    for len in [2_000, LARGE] {
        let put = bench.put(&destination, &bench.file(len)).await;
        assert!(matches!(put, Err(Error::Full)), "{put:?}");
    }
    assert_eq!(bench.simulator.open_uploads(), 0);
}

#[tokio::test]
async fn listings_continue_after_empty_pages() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let drive = bench.simulator.drive_id("alex");
    for number in 0..1_200 {
        let path = format!("/Backups/My PC/duplicati-b{number:032x}.dblock.zip");
        assert!(bench.simulator.put_file(&drive, &path, b"x"));
    }
    bench.simulator.set_empty_pages(true);

    let files = destination.list(&bench.cancel).await.unwrap();

    assert_eq!(files.len(), 1_200);
}
